"""Any sender of JSON: a mapping says where each part of an alert stands, as JMESPath expressions."""

from __future__ import annotations

from functools import cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from bot.alerts.kinds.kind import ByToken, Delivery, Heard, Unreadable
from bot.alerts.saying import MOST_ALERTS, alert, text
from bot.alerts.settings import ReceiverSettings
from commands.domain.alert import Alert

#: Where the parts stand when the mapping does not say: the names of Tocsin's own form. `@` is the whole document.
DEFAULTS = {
    "alerts": "@",
    "id": "",
    "fingerprint": "fingerprint",
    "status": "status",
    "title": "title",
    "service": "service",
    "description": "description",
    "severity": "severity",
    "labels": "labels",
    "link": "link",
    "starts_at": "starts_at",
    "ends_at": "ends_at",
    "resolved": "resolved|ok|closed|up|recovered",
}
_WORDS = "resolved"  # no path, but the words of `status` that say that it is over


def wrong(settings: ReceiverSettings) -> str:
    """Names that there are not, and expressions that are none."""
    for name, path in settings.mapping.items():
        if name not in DEFAULTS:
            return f"mapping.{name}: allowed are {', '.join(DEFAULTS)}"
        try:
            if path and name != _WORDS:
                _compiled(path)
        except JMESPathError as error:
            return f"mapping.{name} is no JMESPath: {str(error).splitlines()[0]}"
    return ""


@cache
def _compiled(path: str) -> ParsedResult:
    return jmespath.compile(path)


def read(content: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Heard:
    """The alerts that the mapping finds: one, or a list."""
    paths = DEFAULTS | settings.mapping
    found = _at(paths["alerts"], content, "alerts")
    entries = found if isinstance(found, list) else [found]
    if not entries or not all(isinstance(one, dict) for one in entries):
        raise Unreadable(f"mapping.alerts ({paths['alerts']}) finds no object and no list of objects.")
    if len(entries) > MOST_ALERTS:
        raise Unreadable(f"There are {len(entries):,} alerts; at most {MOST_ALERTS:,} are taken at once.")
    alerts = tuple(_alert(one, paths, delivery, settings) for one in entries)
    return Heard(alerts, id=text(_at(paths["id"], content, "id")))


def _alert(one: dict[str, Any], paths: dict[str, str], delivery: Delivery, settings: ReceiverSettings) -> Alert:
    parts = {name: _at(path, one, name) for name, path in paths.items() if name not in {"alerts", "id", _WORDS}}
    state = text(parts.pop("status")).casefold()
    if not text(parts["title"]):
        raise Unreadable(f"mapping.title ({paths['title']}) finds nothing.")
    over = state in {word.strip().casefold() for word in paths[_WORDS].split("|")}
    return alert(delivery, settings, firing=not over, **parts)


def _at(path: str, content: Any, name: str) -> Any:
    if not path:
        return None
    try:
        return _compiled(path).search(content)
    except JMESPathError as error:
        raise Unreadable(f"mapping.{name} ({path}) does not fit: {str(error).splitlines()[0]}") from None


KIND = ByToken("generic", read, check=wrong)
