"""Grafana's webhook contact point: alerts as Alertmanager has them, with links to the panel and the dashboard."""

from __future__ import annotations

from typing import Any

from bot.alerts.kinds.alertmanager import as_alert
from bot.alerts.kinds.kind import ByToken, Delivery, Heard
from bot.alerts.saying import address, listed
from bot.alerts.settings import ReceiverSettings


def read(content: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Heard:
    """The alerts. A panel shows more than the rule that fired."""
    found = []
    for one in listed(content, "alerts"):
        links = (address(one.get(name)) for name in ("panelURL", "dashboardURL", "generatorURL"))
        link = next((url for url in links if url), "")
        found.append(as_alert({**one, "generatorURL": link}, delivery, settings))
    return Heard(tuple(found))


KIND = ByToken("grafana", read)
