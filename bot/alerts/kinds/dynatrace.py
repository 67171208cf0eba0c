"""Dynatrace's problem notifications by a custom webhook, with the payload that docs/alerts.md shows."""

from __future__ import annotations

from typing import Any

from bot.alerts.kinds.kind import ByToken, Delivery, Heard, Unreadable
from bot.alerts.saying import alert, text
from bot.alerts.settings import ReceiverSettings

_ENDS = {"RESOLVED", "CLOSED", "MERGED"}


def read(content: dict[str, Any], delivery: Delivery, settings: ReceiverSettings) -> Heard:
    """One problem. One that was merged goes on under the name of another."""
    state = text(content.get("State")).upper()
    if state not in _ENDS | {"OPEN"}:
        raise Unreadable('`State` must be OPEN, RESOLVED or MERGED; let the payload have "State": "{State}".')
    tags = text(content.get("Tags"))
    labels = {
        "problem": content.get("ProblemID"),
        "impact": content.get("ProblemImpact"),
        "entities": content.get("ImpactedEntityNames") or content.get("ImpactedEntity"),
        "tags": tags,
        **_tagged(tags),
    }
    told = alert(
        delivery,
        settings,
        fingerprint=content.get("PID") or content.get("ProblemID"),
        firing=state == "OPEN",
        title=content.get("ProblemTitle"),
        labels={name: value for name, value in labels.items() if value},
        description=content.get("ProblemDetailsText") or content.get("ImpactedEntity"),
        severity=content.get("ProblemSeverity"),
        link=content.get("ProblemURL") or content.get("Problem URL"),
        starts_at=content.get("ProblemStartTime"),
        ends_at=content.get("ProblemEndTime") if state != "OPEN" else None,
    )
    return Heard((told,))


def _tagged(tags: str) -> dict[str, str]:
    """`service:checkout, team:web` as labels."""
    pairs = (tag.strip().partition(":") for tag in tags.split(","))
    return {name: value for name, colon, value in pairs if colon and name and value}


KIND = ByToken("dynatrace", read)
