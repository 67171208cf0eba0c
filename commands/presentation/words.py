"""Small wordings, the same everywhere."""

from __future__ import annotations

from datetime import timedelta


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


def counted(number: int, noun: str) -> str:
    """`1 worker`, `3 workers`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


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
