"""Opsgenie's webhook integration: one delivery tells of one action on one alert."""

from __future__ import annotations

from typing import Any

from bot.alerts.kinds.kind import ByToken, Delivery, Heard, Unreadable
from bot.alerts.saying import alert, text
from bot.alerts.settings import ReceiverSettings
from bot.paging.pager import Answered
from commands.domain.page import page_of

_BEGINS, _ENDS = {"Create"}, {"Close", "Delete"}
#: What it tells of an alert that a page of ours opened there: somebody is on it, or was.
_ANSWERS = {"Acknowledge", "Close"}
#: Its priorities are words of no severity scheme: P1 is the worst of five.
_PRIORITIES = {"P1": "critical", "P2": "high", "P3": "medium", "P4": "low", "P5": "info"}


def read(content: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Heard:
    """What begins or ends an alert; of those that we opened ourselves, who answered."""
    action, one = text(content.get("action")), content.get("alert")
    if not action or not isinstance(one, dict):
        raise Unreadable("`action` and `alert` must be there, as Opsgenie's webhook has them.")
    key = text(one.get("alias"))
    if page_of(key):
        who = text(one.get("username"))
        answer = Answered(key=key, name="" if "@" in who else who, email=who if "@" in who else "")
        return Heard(answers=(answer,) if action in _ANSWERS else ())
    if action not in _BEGINS | _ENDS:
        return Heard()
    details = one.get("details") if isinstance(one.get("details"), dict) else {}
    tags = [text(tag) for tag in one.get("tags") or () if text(tag)]
    told = alert(
        delivery,
        settings,
        fingerprint=one.get("alertId"),
        firing=action in _BEGINS,
        title=one.get("message"),
        labels={**(details or {}), **({"tags": ", ".join(tags)} if tags else {}), "alias": one.get("alias")},
        service=one.get("entity"),
        description=one.get("description"),
        severity=_PRIORITIES.get(text(one.get("priority")), one.get("priority")),
        starts_at=one.get("createdAt"),
        ends_at=one.get("updatedAt") if action in _ENDS else None,
    )
    return Heard((told,))


KIND = ByToken("opsgenie", read)
