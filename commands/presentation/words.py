"""Small wordings, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from commands.cards import When


def lasting(span: timedelta) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """`1 worker`, `3 workers`; `nouns` where an s does not do."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def dated(times: Sequence[datetime], zone: str, *, now: datetime) -> list[When]:
    """The times of a list, with their date where it changes, in the reader's zone; with none where all are today's."""
    today, *days = (at.astimezone(ZoneInfo(zone)).date() for at in (now, *times))
    changes = (
        [day != before for before, day in pairwise([None, *days])] if set(days) != {today} else [False] * len(days)
    )
    return [When(at=at, style="full" if new else "clock") for at, new in zip(times, changes, strict=True)]


def cut(text: str, limit: int) -> str:
    """Text of at most `limit` characters; an ellipsis stands for what is left out."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def first_lines(lines: list[str], *, most: int = 60, characters: int = 8000) -> str:
    """The beginning of a document, and how much follows."""
    kept: list[str] = []
    size = 0
    for line in lines[:most]:
        short = cut(line, 600)
        size += len(short) + 1
        if size > characters:
            break
        kept.append(short)
    left_out = len(lines) - len(kept)
    return "\n".join([*kept, *([f"… {counted(left_out, 'more line')} left out"] if left_out else [])])


def cut_lines(lines: list[str], *, most: int = 60, characters: int = 8000) -> str:
    """The newest lines that fit, and how many there were."""
    kept: list[str] = []
    size = 0
    for line in reversed(lines[-most:]):
        short = cut(line, 600)
        size += len(short) + 1
        if size > characters:
            break
        kept.append(short)
    left_out = len(lines) - len(kept)
    head = [f"… {counted(left_out, 'earlier line')} left out"] if left_out else []
    return "\n".join([*head, *reversed(kept)])
