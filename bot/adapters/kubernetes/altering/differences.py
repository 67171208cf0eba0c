"""What the server says that an object would become, against what it is: as people read it, without secrets."""

from __future__ import annotations

import difflib
from typing import Any

import yaml

from bot.adapters.kubernetes.configuring import parsed
from commands.presentation.words import first_lines
from commands.redaction import MASK, redact_value

_SHOWN = ("spec", "data")
_CONTEXT = 1
_MOST_LINES = 40
_CHANGED = " (changed)"
_ELLIPSIS = "…"


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """A diff of labels, spec and data."""
    old, new = _readable(before), _readable(after)
    was, will = redact_value(old), redact_value(new)
    lines = list(difflib.unified_diff(_lines(was), _lines(_marked(old, new, was, will)), lineterm="", n=_CONTEXT))[2:]
    return first_lines([_ELLIPSIS if line.startswith("@@") else line for line in lines], most=_MOST_LINES)


def _lines(value: Any) -> list[str]:
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True, width=110).splitlines() if value else []


def _readable(known: dict[str, Any]) -> dict[str, Any]:
    shown = {key: _by_name(known[key]) for key in _SHOWN if known.get(key)}
    if "data" in shown:
        shown["data"] = {key: parsed(str(text)) for key, text in known["data"].items()}
    labels = (known.get("metadata") or {}).get("labels")
    return {**({"labels": labels} if labels else {}), **shown}


def _by_name(value: Any) -> Any:
    """Containers and environment by their names: a secret is known by its name, and a line tells where it is."""
    if isinstance(value, dict):
        return {key: _by_name(one) for key, one in value.items()}
    if not isinstance(value, list):
        return value
    if value and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in value):
        return {one["name"]: _by_name(_without_name(one)) for one in value}
    return [_by_name(one) for one in value]


def _without_name(one: dict[str, Any]) -> Any:
    rest = {key: value for key, value in one.items() if key != "name"}
    return rest["value"] if set(rest) == {"value"} else rest


def _marked(old: Any, new: Any, was: Any, will: Any) -> Any:
    """What is to be, with a mark where only what is masked has changed."""
    if isinstance(will, dict):
        return {key: _marked(_part(old, key), _part(new, key), _part(was, key), one) for key, one in will.items()}
    return f"{will}{_CHANGED}" if old != new and was == will and MASK in str(will) else will


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
