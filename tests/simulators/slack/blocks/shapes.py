"""Small checks of JSON shapes that report as Slack does: what is wrong, and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """What was wrong with a payload, and the ids seen in it."""

    problems: list[str] = field(default_factory=list)
    block_ids: set[str] = field(default_factory=set)
    action_ids: set[str] = field(default_factory=set)

    def wrong(self, what: str, pointer: str) -> None:
        """Slack's way of saying it."""
        self.problems.append(f"[ERROR] {what} [json-pointer:{pointer}]")


Check = Callable[[Report, str, Any], None]


def string(most: int, least: int = 1) -> Check:
    """Text of a limited length."""

    def check(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, str):
            report.wrong("must be a string", at)
        elif len(value) > most:
            report.wrong(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            report.wrong(f"must be more than {least - 1} characters", at)

    return check


def matching(pattern: str, words: str) -> Check:
    """Text of a certain form."""

    def check(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            report.wrong(f"must be {words}", at)

    return check


def boolean(report: Report, at: str, value: Any) -> None:
    """True or false."""
    if not isinstance(value, bool):
        report.wrong("must be a boolean", at)


def number(report: Report, at: str, value: Any) -> None:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        report.wrong("must be an integer", at)


def anything(_report: Report, _at: str, _value: Any) -> None:
    """Whatever it is."""


def one_of(*values: str) -> Check:
    """One of a few words."""

    def check(report: Report, at: str, value: Any) -> None:
        if value not in values:
            report.wrong(f"must be one of: {', '.join(values)}", at)

    return check


def items(each: Check, most: int, least: int = 1) -> Check:
    """A list of a limited length."""

    def check(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, list):
            return report.wrong("must be an array", at)
        if len(value) > most:
            report.wrong(f"no more than {most} items allowed", at)
        if len(value) < least:
            report.wrong(f"no less than {least} items required", at)
        for index, one in enumerate(value):
            each(report, f"{at}/{index}", one)
        return None

    return check


def fields(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    """An object with these keys and no others."""
    known = required | (optional or {})

    def check(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, dict):
            return report.wrong("must be an object", at)
        for name in required:
            if name not in value:
                report.wrong(f"missing required field: {name}", at)
        for name, one in value.items():
            if name == "type":
                continue
            if name not in known:
                report.wrong(f"invalid additional property: {name}", at)
            else:
                known[name](report, f"{at}/{name}", one)
        return None

    return check


def by_type(kinds: dict[str, Check]) -> Check:
    """An object whose `type` says what it must look like."""

    def check(report: Report, at: str, value: Any) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            report.wrong("missing required field: type", at)
        elif kind not in kinds:
            report.wrong(f"unsupported type: {kind}", f"{at}/type")
        else:
            kinds[kind](report, at, value)

    return check


def also(*checks: Check) -> Check:
    """All of them."""

    def check(report: Report, at: str, value: Any) -> None:
        for one in checks:
            one(report, at, value)

    return check


def at_least_one(*names: str) -> Check:
    """One of these keys must be there."""

    def check(report: Report, at: str, value: Any) -> None:
        if isinstance(value, dict) and not any(value.get(name) for name in names):
            report.wrong(f"one of these fields is required: {', '.join(names)}", at)

    return check


def exactly_one(*names: str) -> Check:
    """One of these keys and not more."""

    def check(report: Report, at: str, value: Any) -> None:
        if isinstance(value, dict) and sum(name in value for name in names) != 1:
            report.wrong(f"exactly one of these fields is required: {', '.join(names)}", at)

    return check
