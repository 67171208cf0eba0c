"""Who is on duty by turns. A shift begins at a time of the clock on the wall, whether or not summer time has begun.

The layers of a rotation are called in their order: the first that has somebody at a moment is the first level. A layer
has one person at a time, or nobody before its first day and outside of its hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.policy.windows import Window

#: Hours begin anew within a week; this is how closely that is looked for.
_A_LOOK, _LOOKS = timedelta(minutes=15), 8 * 24 * 4


class Layer(BaseModel):
    """People who relieve each other every so many days, from a first day on. `hours`: only then is there anybody."""

    model_config = ConfigDict(frozen=True)

    people: tuple[str, ...]
    start: date
    handoff: time = time(9)
    zone: str = "UTC"
    days: int = 7
    hours: Window | None = None

    def shift(self, at: datetime) -> Shift | None:
        """Who has it at a moment, until when, and who comes then."""
        if at < self._begins(0) or (self.hours and not self.hours.covers(at)):
            return None
        turn = self._turn(at)
        person, after = self._who(turn), self._who(turn + 1)
        until = self._begins(turn + 1)
        if self.hours:
            until = min(until, self.hours.over(at).astimezone(UTC))
            after = self._first_after(until, self.hours)
        return Shift(person=person, until=until, after=after)

    def _first_after(self, end: datetime, hours: Window) -> str:
        """Who has it when its hours begin anew: the turn may have gone on in between."""
        looks = (end + _A_LOOK * number for number in range(_LOOKS))
        opens = next((at for at in looks if hours.covers(at)), end)
        return self._who(self._turn(opens))

    def _who(self, turn: int) -> str:
        return self.people[turn % len(self.people)]

    def _turn(self, at: datetime) -> int:
        """How many shifts have ended since the first began."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        turn = (day - self.start).days // self.days
        while at < self._begins(turn):  # the day of the handoff, before its hour
            turn -= 1
        return turn

    def _begins(self, turn: int) -> datetime:
        """An hour that the clock skips is taken as it would have been, one that it shows twice is its first."""
        day = self.start + timedelta(days=turn * self.days)
        return datetime.combine(day, self.handoff, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


class Shift(BaseModel):
    """Somebody is on duty, until another is."""

    model_config = ConfigDict(frozen=True)

    person: str
    until: AwareDatetime | None = None
    after: str = ""


def on_duty(layers: Iterable[Layer], always: Sequence[str], at: datetime) -> list[Shift]:
    """Who is called, first level first; who is on duty at any time stands behind those who take turns."""
    found = [shift for layer in layers if (shift := layer.shift(at))]
    found += [Shift(person=person) for person in always]
    seen: dict[str, Shift] = {}
    for shift in found:
        seen.setdefault(shift.person, shift)
    return list(seen.values())
