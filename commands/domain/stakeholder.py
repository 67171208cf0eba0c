"""Who is told how an incident goes beside its responders: places, and what each of them was told."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Form(StrEnum):
    """How it is told: for those who work beside us, and for those who answer for it."""

    TACTICAL = "tactical"
    EXECUTIVE = "executive"


class Kind(StrEnum):
    """The way to a place."""

    CHANNEL = "channel"
    MAIL = "mail"
    TEAMS = "teams"
    WEBHOOK = "webhook"


class Place(_Value):
    """Where somebody is told. `severities`: of which incidents; of all where it is empty. `channel`: which one."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kind: Kind
    severities: tuple[str, ...] = ()
    form: Form = Form.EXECUTIVE
    private: bool = False
    channel: str = ""
    platform: str = "console"

    def wants(self, severity: str) -> bool:
        """Whether it is told of incidents as bad as that."""
        return not self.severities or severity in self.severities


class Why(StrEnum):
    """What an update is for. The later of two in one step is the one that counts."""

    UPDATE = "update"
    STATUS = "status"
    SEVERITY = "severity"
    REOPENED = "reopened"
    MERGED = "duplicate"
    RESOLVED = "resolved"
    DECLARED = "declared"
    SENT = "sent"


class Brief(_Value):
    """What is told, in either form: the facts, from which every place makes its own words.

    `words`: somebody's own, in the place of the facts.
    """

    incident: str
    form: Form
    why: Why
    at: AwareDatetime
    title: str
    severity: str
    severity_name: str
    status: str
    since: AwareDatetime
    ended: AwareDatetime | None = None
    next_at: AwareDatetime | None = None
    changed: str = ""
    words: str = ""
    conditions: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    notices: str = ""
    doing: str = ""
    link: str = ""

    @property
    def headline(self) -> str:
        """`SEV1 · identified · API issues`."""
        return f"{self.severity} · {self.status} · {self.title}"


class StakeholderUpdate(_Value):
    """One brief for one place, which has the `number` (from 1) among those of its incident.

    `told_at`: when it was there; until then it is on its way.
    """

    id: str
    incident: str
    place: str
    number: int
    at: AwareDatetime
    told_at: AwareDatetime | None = None
    brief: Brief
