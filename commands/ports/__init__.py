"""The ports: what the core asks of the outside, as small Protocols. Adapters live in `bot/`.

Two kinds. The asynchronous ones reach other systems and are used before a decision (to gather facts) or
after it (by durable work). The synchronous ones, grouped in a `Transaction`, are the record: a decision
reads and writes them in one database transaction and awaits nothing.

Errors: an adapter that gets no answer raises `Unavailable`; one whose request was refused with certainty
raises `Rejected`; one that cannot know whether its request had an effect raises `OutcomeUnknown`.
"""

from commands.ports.altering import Alterations, Draft, Drafted
from commands.ports.chat import Bookmark, ChatPlatform, NoAccess, Post, Room, Undeliverable, Unfinished, Urgency
from commands.ports.inspecting import Inspection
from commands.ports.outside import Clock, Deployments, Logs, OnCall, StatusPage, Telemetry, Texts
from commands.ports.policing import Policing, Standing
from commands.ports.record import (
    Audit,
    Auditor,
    Evidences,
    Freezes,
    Incidents,
    Leases,
    Ledger,
    Messages,
    Plans,
    Postmortems,
    Samples,
    Transaction,
    Work,
)
from commands.ports.values import (
    AuditEntry,
    AuditReport,
    Change,
    Contact,
    ErrorCount,
    ErrorGroup,
    Freeze,
    Held,
    LogLine,
    LogPage,
    LogSource,
    Notice,
    Operation,
    OutcomeUnknown,
    Pod,
    Rejected,
    RouteReading,
    Workload,
)

__all__ = [
    "Alterations",
    "Audit",
    "AuditEntry",
    "AuditReport",
    "Auditor",
    "Bookmark",
    "Change",
    "ChatPlatform",
    "Clock",
    "Contact",
    "Deployments",
    "Draft",
    "Drafted",
    "ErrorCount",
    "ErrorGroup",
    "Evidences",
    "Freeze",
    "Freezes",
    "Held",
    "Incidents",
    "Inspection",
    "Leases",
    "Ledger",
    "LogLine",
    "LogPage",
    "LogSource",
    "Logs",
    "Messages",
    "NoAccess",
    "Notice",
    "OnCall",
    "Operation",
    "OutcomeUnknown",
    "Plans",
    "Pod",
    "Policing",
    "Post",
    "Postmortems",
    "Rejected",
    "Room",
    "RouteReading",
    "Samples",
    "Standing",
    "StatusPage",
    "Telemetry",
    "Texts",
    "Transaction",
    "Undeliverable",
    "Unfinished",
    "Urgency",
    "Work",
    "Workload",
]
