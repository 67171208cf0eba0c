"""How alerts are folded: a repetition changes nothing, one that flaps is damped, those of one trouble are one group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from commands.domain.alert import Alert, Group, Known, Silence, Then

Turn = Literal["began", "ended", "same", "late"]
#: Turns that are remembered of an alert.
_MOST_TURNS = 12


@dataclass(frozen=True)
class Folding:
    """`window`: how long a group takes in more. An alert that turned `flaps` times within it is damped.

    `most_groups`: when so many groups began within a window, further alerts join the newest: that is a storm.
    """

    window: timedelta = timedelta(minutes=10)
    flaps: int = 4
    most_groups: int = 5


def fold(before: Known | None, alert: Alert, now: datetime, folding: Folding) -> tuple[Known, Turn]:
    """The alert as it stands after it was heard of once more, and what that was."""
    if before is None:
        return Known(alert=alert, first_at=now, last_at=now, turns=(now,)), "began" if _fires(alert) else "ended"
    if _is_late(before.alert, alert):
        return before, "late"
    heard = before.model_copy(update={"alert": _kept(before.alert, alert), "last_at": now})
    if before.alert.state is alert.state and not _is_another(before.alert, alert):
        return heard, "same"
    turns = (*(at for at in before.turns if now - at <= folding.window), now)[-_MOST_TURNS:]
    changes: dict[str, object] = {"turns": turns}
    if len(turns) >= folding.flaps:
        changes["flapping_until"] = now + folding.window
    if not _fires(alert):
        return heard.model_copy(update=changes), "ended"
    return heard.model_copy(update=changes | {"count": before.count + 1}), "began"


def _fires(alert: Alert) -> bool:
    return alert.state.value == "firing"


def _is_late(before: Alert, alert: Alert) -> bool:
    """It tells of a time before the newest that is known: a delivery was overtaken, or repeated."""
    if before.starts_at is None or alert.starts_at is None:
        return False
    ended = not _fires(before) and _fires(alert)
    return alert.starts_at < before.starts_at or (ended and alert.starts_at == before.starts_at)


def _is_another(before: Alert, alert: Alert) -> bool:
    """It began anew; that it had ended was not heard."""
    return _fires(alert) and None not in {before.starts_at, alert.starts_at} and before.starts_at != alert.starts_at


def _kept(before: Alert, alert: Alert) -> Alert:
    """The words that say that it is over are often fewer than those that said what it is."""
    known = {name: getattr(before, name) for name in ("description", "severity", "link") if not getattr(alert, name)}
    if alert.starts_at is None:
        known["starts_at"] = before.starts_at
    return alert.model_copy(update=known)


def silenced(alert: Alert, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The silence that covers an alert now."""
    return next((one for one in silences if one.until > now and one.covers(alert)), None)


def group_for(alert: Alert, groups: Sequence[Group], now: datetime, folding: Folding) -> Group | None:
    """The open group that an alert joins: that of its service while it takes in more; in a storm, the newest."""
    taking = [one for one in groups if not one.closed and (one.incident or now - one.last_at <= folding.window)]
    own = [one for one in taking if one.service == alert.service]
    if own:
        return own[-1]
    lately = [one for one in taking if now - one.opened_at <= folding.window]
    return lately[-1] if len(lately) >= folding.most_groups else None


def joined(group: Group, then: Then, worst: str, now: datetime) -> Group:
    """The group with one more alert: the most that was said of any of them holds."""
    more = then if then.rank > group.then.rank else group.then
    return group.model_copy(update={"then": more, "worst": worst, "last_at": now, "dirty": True})


def is_flapping(known: Known, now: datetime) -> bool:
    """Whether it is damped: it counts as firing until it was quiet for a window."""
    return known.flapping_until is not None and known.flapping_until > now
