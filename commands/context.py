"""Who asks, where, and with what at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from commands import ports
from commands.domain.drill import Scenario
from commands.domain.errand import Integration
from commands.domain.incident import Incident
from commands.domain.location import HERE, Location
from commands.domain.page import Paging
from commands.domain.public import Publicity
from commands.domain.reminder import Pace
from commands.domain.severity import Scheme
from commands.domain.sli import Objectives
from commands.domain.stakeholder import Place
from commands.domain.ticket import TicketDesk
from commands.people import Directory, Person
from commands.policy.windows import Window
from commands.ports import Bookmark

if TYPE_CHECKING:
    from commands.registry import Registry


#: The platform that is built in.
HOME = "console"


@dataclass(frozen=True)
class Limits:
    """What holds whatever a person asks for: copies of a service, the time to decide and that of leases (seconds)."""

    min_replicas: int = 1
    max_replicas: int = 50
    approve_within_seconds: float = 300
    execute_within_seconds: float = 900
    lease_seconds: float = 1800
    longest_lease_seconds: float = 86_400


@dataclass(frozen=True)
class Services:
    """The outside, by port, and what the organisation has configured.

    `inspection` is None where no cluster runs the gateway, `steering` where no one gateway can be asked; `usual` are
    the places that channels mean, by pattern; `pace` is that of the clocks of incidents; with `several_places` it is
    said which one is meant, and `home` is the one that is watched. `pages_at` is where people reach our own pages, if
    only on this machine; `address` is empty where nobody else can. `breakable`: drills can inject faults into the
    gateway, and may.
    """

    deployments: ports.Deployments
    telemetry: ports.Telemetry
    logs: ports.Logs
    on_call: ports.OnCall
    clock: ports.Clock
    texts: ports.Texts
    auditor: ports.Auditor
    ledger: ports.Ledger
    scheme: Scheme
    directory: Directory
    limits: Limits
    objectives: Objectives
    registry: Registry
    policy: ports.Policing
    default_service: str = "gateway"
    announce_in: str = "incidents"
    postmortem_template: str = "002"
    zone: str = "UTC"
    pages_at: str = ""
    bookmarks: tuple[Bookmark, ...] = ()
    invited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inspection: ports.Inspection | None = None
    usual: Mapping[str, Location] = field(default_factory=dict)
    several_places: bool = False
    home: Location = HERE
    alterations: ports.Alterations | None = None
    steering: ports.Steering | None = None
    offers: frozenset[str] = frozenset()
    pace: Pace = field(default_factory=Pace)
    office_hours: Window | None = None
    publicity: Publicity = field(default_factory=Publicity)
    integrations: tuple[Integration, ...] = ()
    checklists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    paging: Paging = field(default_factory=Paging)
    stakeholders: tuple[Place, ...] = ()
    tickets: tuple[TicketDesk, ...] = ()
    address: str = ""
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    breakable: bool = False

    def page_of(self, channel: str) -> str:
        """Where a channel is read in a browser; nothing where the settings do not say under which address."""
        return f"{self.address.rstrip('/')}/c/{quote(channel, safe='')}" if self.address else ""

    def standing(self, name: str, platform: str) -> str:
        """A standing channel of a platform: the console's have plain names, others say where they are."""
        return name if platform == HOME else f"{name}@{platform}"


@dataclass(frozen=True)
class Call:
    """One command or click. `delivery` is unique for each time that a person asked."""

    person: Person
    platform: str
    channel: str
    delivery: str
    now: datetime
    incident: Incident | None
    services: Services
    thread: str | None = None
