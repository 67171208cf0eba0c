"""Alertmanager's webhook, version 4: one delivery has the alerts of one of its groups, firing and resolved."""

from __future__ import annotations

from typing import Any

from bot.alerts.kinds.kind import ByToken, Delivery, Heard, Unreadable
from bot.alerts.saying import alert, listed, text, within
from bot.alerts.settings import ReceiverSettings
from commands.domain.alert import Alert


def read(content: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Heard:
    """The alerts. It numbers no deliveries: the same body again is the same delivery."""
    if text(content.get("version")) != "4":
        raise Unreadable('`version` must be "4", as Alertmanager\'s webhook has it.')
    return Heard(tuple(as_alert(one, delivery, settings) for one in listed(content, "alerts")))


def as_alert(one: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Alert:
    """One entry of `alerts`; Grafana's have the same form."""
    state = text(one.get("status"))
    if state not in {"firing", "resolved"}:
        raise Unreadable("`status` of an alert must be firing or resolved.")
    labels = one.get("labels") or {}
    return alert(
        delivery,
        settings,
        fingerprint=one.get("fingerprint"),
        firing=state == "firing",
        title=within(labels, "alertname"),
        labels=labels,
        description=within(one, "annotations", "summary") or within(one, "annotations", "description"),
        severity=within(labels, "severity"),
        link=one.get("generatorURL"),
        starts_at=one.get("startsAt"),
        ends_at=one.get("endsAt") if state == "resolved" else None,
    )


KIND = ByToken("alertmanager", read)
