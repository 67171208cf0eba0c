"""The ports: what the core asks of the outside, as small Protocols. Adapters live in `bot/`.

Two kinds. The asynchronous ones reach other systems and are used before a decision (to gather facts) or
after it (by durable work). The synchronous ones, grouped in a `Transaction`, are the record: a decision
reads and writes them in one database transaction and awaits nothing.

Errors: an adapter that gets no answer raises `Unavailable`; one whose request was refused with certainty
raises `Rejected`; one that cannot know whether its request had an effect raises `OutcomeUnknown`.
"""

from commands.ports.altering import Alterations, Draft, Drafted
from commands.ports.chat import Bookmark, ChatPlatform, NoAccess, Post, Room, Undeliverable, Unfinished, Urgency
from commands.ports.drilling import Faults
from commands.ports.errands import Errands, Overloaded
from commands.ports.inspecting import Inspection
from commands.ports.outside import Clock, Deployments, Logs, OnCall, Telemetry, Texts
from commands.ports.paging import Pages
from commands.ports.policing import Policing, Standing
from commands.ports.publishing import PublicUpdates, StatusPage
from commands.ports.record import (
    Alerts,
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
    Reminders,
    Samples,
    Transaction,
    Work,
)
from commands.ports.steering import (
    Breaker,
    CacheFigures,
    Configuration,
    Configurations,
    Refused,
    StandingOrder,
    Steering,
    Upstream,
    UpstreamTarget,
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
    LogQuery,
    LogSource,
    Operation,
    OutcomeUnknown,
    Pod,
    Rejected,
    RouteReading,
    Workload,
)
from commands.ports.world import Maintenances, StakeholderUpdates, Tickets

__all__ = [
    "Alerts",
    "Alterations",
    "Audit",
    "AuditEntry",
    "AuditReport",
    "Auditor",
    "Bookmark",
    "Breaker",
    "CacheFigures",
    "Change",
    "ChatPlatform",
    "Clock",
    "Configuration",
    "Configurations",
    "Contact",
    "Deployments",
    "Draft",
    "Drafted",
    "Errands",
    "ErrorCount",
    "ErrorGroup",
    "Evidences",
    "Faults",
    "Freeze",
    "Freezes",
    "Held",
    "Incidents",
    "Inspection",
    "Leases",
    "Ledger",
    "LogLine",
    "LogPage",
    "LogQuery",
    "LogSource",
    "Logs",
    "Maintenances",
    "Messages",
    "NoAccess",
    "OnCall",
    "Operation",
    "OutcomeUnknown",
    "Overloaded",
    "Pages",
    "Plans",
    "Pod",
    "Policing",
    "Post",
    "Postmortems",
    "PublicUpdates",
    "Refused",
    "Rejected",
    "Reminders",
    "Room",
    "RouteReading",
    "Samples",
    "StakeholderUpdates",
    "Standing",
    "StandingOrder",
    "StatusPage",
    "Steering",
    "Telemetry",
    "Texts",
    "Tickets",
    "Transaction",
    "Undeliverable",
    "Unfinished",
    "Upstream",
    "UpstreamTarget",
    "Urgency",
    "Work",
    "Workload",
]
