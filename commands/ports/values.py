"""Values that the ports exchange, and the two answers that are no success."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.plan import Target


class Rejected(Exception):  # noqa: N818 - an answer of the other side
    """The other system refused with certainty: nothing was changed."""


class OutcomeUnknown(Exception):  # noqa: N818 - a state of knowledge
    """The request may or may not have had its effect; only a read-back can tell."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Workload(_Value):
    """What runs: identity, wished and ready copies, the limits it enforces itself.

    `missing`: how many a rolling restart takes away before their successors are ready. `paused`: somebody holds its
    rollouts back, and `busy_with` says so.
    """

    target: Target
    version: str
    desired: int
    ready: int
    minimum: int
    maximum: int
    revision: str
    started_at: AwareDatetime
    busy_with: str = ""
    paused: bool = False
    missing: int = 0


class Pod(_Value):
    """One running copy. What its platform does not know is None or empty.

    `ended`: why it was restarted last.
    """

    name: str
    state: str
    started_at: AwareDatetime
    restarts: int
    requests: int | None = None
    errors: int | None = None
    memory_bytes: int | None = None
    node: str = ""
    image: str = ""
    ended: str = ""


class Change(_Value):
    """One entry of a target's history."""

    at: AwareDatetime
    kind: str
    actor: str
    reason: str
    before: str
    after: str
    outcome: str
    operation: str = ""


class Operation(_Value):
    """How far a requested change has come, as the target itself reports it. `until`: how long it is given there.

    `left`: how many nobody has told to go, where it knows; those between have been told, and are not yet `done`.
    `words`: what the target says of it, where numbers do not say it.
    """

    id: str
    state: str  # running, done, failed
    done: int
    total: int
    error: str = ""
    until: AwareDatetime | None = None
    left: int | None = None
    words: str = ""


class LogLine(_Value):
    """One log record; `fields` are what else it carried."""

    at: AwareDatetime
    level: str
    message: str
    fields: dict[str, Any] = {}


class LogSource(_Value):
    """Which lines are meant: of some pods, of one container, of the run before the last restart. Empty: all."""

    pod: str = ""
    selector: str = ""
    container: str = ""
    previous: bool = False

    @property
    def said(self) -> bool:
        """Whether it narrows anything."""
        return bool(self.pod or self.selector or self.container or self.previous)


class LogQuery(_Value):
    """The newest `limit` lines since then, of at least this level, with this text in them, from this source."""

    limit: int
    level: str
    since: timedelta
    grep: str = ""
    source: LogSource = LogSource()


class LogPage(_Value):
    """The newest lines that match, oldest first, of `total` that do.

    Lines from before `kept_since` may be gone (None: nobody can tell); `missed` came too fast to be kept.
    """

    lines: tuple[LogLine, ...]
    total: int
    kept_since: AwareDatetime | None = None
    missed: int = 0


class ErrorGroup(_Value):
    """Like errors counted together."""

    route: str
    status: int
    error_type: str
    count: int
    last_seen: AwareDatetime


class ErrorCount(_Value):
    """`total` errors in groups. Those from before `kept_since` may be gone (None: nobody can tell)."""

    groups: tuple[ErrorGroup, ...]
    total: int
    kept_since: AwareDatetime | None = None


class RouteReading(_Value):
    """One route's share of a reading."""

    route: str
    requests: int
    error_rate: float
    p95_ms: float | None


class Contact(_Value):
    """Somebody on duty, until another is. Whom only the pager knows has no id here, and a name."""

    person: str
    level: int
    until: AwareDatetime | None = None
    after: str = ""
    name: str = ""


class Freeze(_Value):
    """All changes are stopped: by whom, why, since when."""

    by: str
    reason: str
    at: AwareDatetime


class Held(_Value):
    """A target that is locked: the plan that holds it, since when."""

    target: str
    plan: str
    taken_at: AwareDatetime


class AuditEntry(_Value):
    """One link of the chain.

    `kind`: command, refused, click, intent, outcome, freeze, thaw, or what was decided about a plan: named, approved,
    confirmed, vetoed, cancelled, expired, broke-glass.
    """

    sequence: int
    at: AwareDatetime
    actor: str
    kind: str
    subject: str
    detail: dict[str, Any]
    previous: str
    digest: str


class AuditReport(_Value):
    """What verification found. `broken_at` None: intact.

    `anchors` were held against it, the newest of them, of `anchored_at`, that of the entry `anchored_entry`; `trouble`
    says why they could not be read.
    """

    entries: int
    head: str
    broken_at: int | None = None
    why: str = ""
    anchors: int = 0
    anchored_entry: int = 0
    anchored_at: AwareDatetime | None = None
    trouble: str = ""
