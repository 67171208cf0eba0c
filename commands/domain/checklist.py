"""What is not to be forgotten, by how bad it is (runbook 002, sections 2.4.2 to 2.4.4)."""

from __future__ import annotations

from collections.abc import Mapping

from commands.domain.severity import Severity

_FIRST = ("Acknowledge the page", "Assess the severity")
_WORST = (
    *_FIRST,
    "Page additional responders",
    "Update the status page",
    "Check pods, events and logs",
    "Restart, scale up or roll back",
    "Verify: rollout, health, error rate",
)
_SECOND = (
    *_FIRST,
    "Page additional responders",
    "Update the status page",
    "Identify the affected routes",
    "Check upstreams, recent configuration changes and rate limits",
    "Apply a targeted fix, and verify it",
)
_OTHERS = (*_FIRST, "Update the status page, if customers notice", "Check recent changes", "Verify the fix")
_BY_RANK = {1: _WORST, 2: _SECOND}


def checklist_of(severity: Severity, configured: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The organisation's for this level, else the runbook's. An empty one is none."""
    return configured.get(severity.id, _BY_RANK.get(severity.rank, _OTHERS))
