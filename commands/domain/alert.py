"""An alert of another system, and the groups that alerts of one trouble form."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict


class AlertState(StrEnum):
    """As its sender says."""

    FIRING = "firing"
    RESOLVED = "resolved"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Alert(_Value):
    """What a sender said of one alert. `fingerprint` is the sender's own: the same trouble has the same.

    `severity` is a hint in the sender's words. `starts_at` is None where the sender does not say.
    """

    receiver: str
    fingerprint: str
    state: AlertState
    title: str
    service: str
    description: str = ""
    severity: str = ""
    labels: dict[str, str] = {}
    link: str = ""
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None

    @property
    def key(self) -> str:
        """One for each alert: two senders may use the same fingerprint."""
        return f"{self.receiver}/{self.fingerprint}"


class Known(_Value):
    """An alert as it stands, by all that was said of it.

    `count`: how often it began. `turns`: when it began or ended lately. `group` is empty where nobody is to be told:
    it is ignored, silenced, or only listed.
    """

    alert: Alert
    first_at: AwareDatetime
    last_at: AwareDatetime
    count: int = 1
    turns: tuple[AwareDatetime, ...] = ()
    flapping_until: AwareDatetime | None = None
    group: str = ""

    @property
    def firing(self) -> bool:
        """Whether it fires now."""
        return self.alert.state is AlertState.FIRING


class Then(StrEnum):
    """What a rule says of an alert, from the least to the most."""

    IGNORE = "ignore"
    ATTACH = "attach"
    SUGGEST = "suggest"
    DECLARE = "declare"

    @property
    def rank(self) -> int:
        """How much it is."""
        return list(Then).index(self)


class Group(_Value):
    """Alerts of one service that came within one window. `then`: the most that a rule said of one of them.

    `worst` is the level of the worst, `incident` what they were attached to, `platform` where it is told beside the
    console, in `cards`. `told_at`: when people last read of it; `told`: how many fired then (-1: nothing was told);
    `noted`: how many alerts the timeline speaks of. `dirty`: there is more to tell; `look_at`: when it changes by the
    passing of time. `calling`: nobody declared the incident, so it asks for a commander. `run`: what the rule that
    declares it runs then; `owed`: what of it is still to be handed in. `status`: the incident's, when its card was
    drawn.
    """

    id: str
    service: str
    then: Then
    title: str
    worst: str
    opened_at: AwareDatetime
    last_at: AwareDatetime
    incident: str = ""
    told_at: AwareDatetime | None = None
    told: int = -1
    noted: int = 0
    platform: str = ""
    cards: tuple[str, ...] = ()
    look_at: AwareDatetime | None = None
    dirty: bool = True
    calling: bool = False
    run: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    status: str = ""
    closed: bool = False


class Heard(_Value):
    """The first of the alerts of an incident: when it began, as its sender says, and when it was heard of here."""

    began_at: AwareDatetime
    at: AwareDatetime


class Tally(_Value):
    """The figures of a group: what its card shows."""

    alerts: int
    firing: int
    flapping: int
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    titles: tuple[tuple[str, int], ...] = ()
    services: tuple[str, ...] = ()
    more_services: int = 0
    link: str = ""


class Silence(_Value):
    """Alerts of a service, or with a label, of which nobody is told for a while.

    `over`: it ended, and what still fired was told of.
    """

    id: str
    scope: str
    until: AwareDatetime
    by: str
    why: str
    at: AwareDatetime
    over: bool = False

    def covers(self, alert: Alert) -> bool:
        """Whether an alert is meant."""
        name, is_label, value = self.scope.partition("=")
        return alert.labels.get(name) == value if is_label else alert.service == self.scope
