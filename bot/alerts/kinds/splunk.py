"""Splunk's webhook alert action. It can show a token in the address only, and never says that an alert is over."""

from __future__ import annotations

from typing import Any

from bot.alerts.kinds.kind import ByToken, Delivery, Heard, Unreadable
from bot.alerts.saying import alert, text
from bot.alerts.settings import ReceiverSettings

_STATES = {"resolved", "ok", "cleared"}


def read(content: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Heard:
    """One run of a search that found something; `result` is its first row."""
    sid, row = text(content.get("sid")), content.get("result")
    if not sid:
        raise Unreadable("`sid` must be there, as Splunk's webhook alert action has it.")
    fields = row if isinstance(row, dict) else {}
    name = text(content.get("search_name"))
    told = alert(
        delivery,
        settings,
        fingerprint=_which(name, fields) if name else sid,
        firing=text(fields.get("state")).casefold() not in _STATES,
        title=name or "A search without a name found something",
        labels={"app": content.get("app"), "owner": content.get("owner"), **fields},
        severity=fields.get("severity") or fields.get("urgency"),
        description=fields.get("message") or fields.get("_raw"),
        link=content.get("results_link"),
    )
    return Heard((told,), id=sid)


def _which(name: str, fields: dict[str, Any]) -> str:
    """A saved search is one alert for each host that it found."""
    return "-".join("-".join(part.split()) for part in (name, text(fields.get("host"))) if part)


KIND = ByToken("splunk", read)
