"""The types that arguments have: how a word becomes a severity, a person, a duration, a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import click

from commands.domain.incident import Role, Status
from commands.domain.severity import Scheme, Severity
from commands.errors import Refusal
from commands.people import Directory, Person


@dataclass(frozen=True)
class Vocabulary:
    """What words mean at one moment, to one reader. `platform`: where people are meant as they are there."""

    scheme: Scheme
    directory: Directory
    now: datetime
    zone: str = "UTC"
    reader: Person | None = None
    platform: str = ""


class Unreadable(click.BadParameter):
    """A word that is not what has to stand there; `refusal` says what would do."""

    def __init__(self, refusal: Refusal, param: click.Parameter | None, ctx: click.Context | None) -> None:
        super().__init__(refusal.words(), ctx, param)
        self.refusal = refusal


class ChatType(click.ParamType[Any]):
    """A parameter type that refuses with a sentence and what would do instead."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click. Raises Unreadable."""
        if not isinstance(value, str):
            return value
        try:
            return self.read(value, ctx.find_object(Vocabulary) if ctx else None)
        except Refusal as refusal:
            raise Unreadable(refusal, param, ctx) from None

    def read(self, word: str, vocabulary: Vocabulary | None) -> Any:
        """The value that a word stands for."""
        raise NotImplementedError


class SeverityType(ChatType):
    name = "severity"

    def read(self, word: str, vocabulary: Vocabulary | None) -> Severity:
        """`sev1`, `SEV-1`, `p0`, `1`."""
        assert vocabulary is not None
        if not any(c.isalnum() for c in word):
            raise Refusal(
                "A severity is a word or a number.", hint="Write it as", allowed=[vocabulary.scheme.levels[0].id]
            )
        return vocabulary.scheme.parse(word)


class PersonType(ChatType):
    name = "@person"

    def read(self, word: str, vocabulary: Vocabulary | None) -> Person:
        """`@ana`, `ana`, `<@ana>`."""
        assert vocabulary is not None
        return vocabulary.directory.find(word, vocabulary.platform)


class WholeNumberType(ChatType):
    name = "number"

    def read(self, word: str, vocabulary: Vocabulary | None) -> int:  # noqa: ARG002 - the same for all readers
        """`10`; digits only, and few enough to be meant."""
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", word):
            raise Refusal(f"“{word[:40]}” is no whole number.", hint="Write it in digits, as", allowed=["10"])
        return int(word)


class EnumType(ChatType):
    """One of a closed set of words, with synonyms."""

    def __init__(self, values: type[StrEnum], synonyms: dict[str, str] | None = None) -> None:
        self.values = values
        self.synonyms = synonyms or {}
        self.name = "|".join(value.value for value in values)

    def read(self, word: str, vocabulary: Vocabulary | None) -> StrEnum:  # noqa: ARG002 - the same for all readers
        """The member that the word names, in any case."""
        key = word.casefold()
        try:
            return self.values(self.synonyms.get(key, key))
        except ValueError:
            allowed = [value.value for value in self.values]
            raise Refusal(f"“{word[:40]}” is no {_in_words(self.values)}.", allowed=allowed) from None


def _in_words(values: type[StrEnum]) -> str:
    """`NoteKind` is a note kind."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", values.__name__).casefold()


ROLE = EnumType(
    Role,
    {
        "commander": "ic",
        "incident-commander": "ic",
        "technical": "tech",
        "lead": "tech",
        "tl": "tech",
        "communications": "comms",
        "comm": "comms",
    },
)
STATUS = EnumType(Status)

#: Nine digits of any unit are more than is meant, and few enough to be read as a number.
_DURATION = re.compile(
    r"(?:(?P<d>[0-9]{1,9})d)?(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m(?:in)?)?(?:(?P<s>[0-9]{1,9})s)?"
)


class DurationType(ChatType):
    name = "duration"

    def read(self, word: str, vocabulary: Vocabulary | None) -> timedelta:  # noqa: ARG002
        """`15m`, `2h`, `1h30m`, `45s`, `2d`."""
        match = _DURATION.fullmatch(word.casefold())
        if not word or match is None or not any(match.groups()):
            raise Refusal(
                f"“{word[:40]}” is no duration.", hint="Write it as", allowed=["15m", "45s", "2h", "1h30m", "2d"]
            )
        parts = {unit: int(n or 0) for unit, n in match.groupdict().items()}
        try:
            return timedelta(days=parts["d"], hours=parts["h"], minutes=parts["m"], seconds=parts["s"])
        except OverflowError:
            raise Refusal(f"“{word[:40]}” is too long.", hint="At most some years.") from None


class TimeType(ChatType):
    name = "time"

    def read(self, word: str, vocabulary: Vocabulary | None) -> datetime:
        """`14:05` in the reader's zone: the nearest one, before or after now; or ISO 8601."""
        assert vocabulary is not None
        try:
            return _clock(word, vocabulary) if len(word) <= 5 else _instant(word, vocabulary)
        except (ValueError, OverflowError):  # the latter: at an end of the calendar, in another zone
            raise Refusal(
                f"“{word[:40]}” is no time.", hint="Write it as", allowed=["14:05", "2026-03-01T14:05"]
            ) from None


def _clock(word: str, vocabulary: Vocabulary) -> datetime:
    local = vocabulary.now.astimezone(ZoneInfo(vocabulary.zone))
    hour, minute = word.split(":")
    wanted = time(int(hour), int(minute))
    days = (local.date() + timedelta(days=offset) for offset in (-1, 0, 1))
    near = (datetime.combine(day, wanted, tzinfo=ZoneInfo(vocabulary.zone)) for day in days)
    return min(near, key=lambda at: abs(at - vocabulary.now)).astimezone(vocabulary.now.tzinfo)


def _instant(word: str, vocabulary: Vocabulary) -> datetime:
    at = datetime.fromisoformat(word)
    aware = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(vocabulary.zone))
    return aware.astimezone(vocabulary.now.tzinfo)


class NextTimeType(ChatType):
    """A time that is still to come."""

    name = "time"

    def read(self, word: str, vocabulary: Vocabulary | None) -> datetime:
        """`08:00` in the reader's zone: the next one, on the clock of the wall; or ISO 8601."""
        assert vocabulary is not None
        at = TimeType().read(word, vocabulary)
        if at <= vocabulary.now and len(word) <= 5:
            zone = ZoneInfo(vocabulary.zone)
            local = at.astimezone(zone)
            at = datetime.combine(local.date() + timedelta(days=1), local.time(), tzinfo=zone).astimezone(at.tzinfo)
        if at <= vocabulary.now:
            raise Refusal(f"“{word[:40]}” is over.", hint="Say a time that is still to come, as", allowed=["08:00"])
        return at


UNTIL = NextTimeType()
