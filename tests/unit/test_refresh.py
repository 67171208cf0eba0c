"""What the look before a refresh leaves out is shown nowhere on an incident's card or on top of its channel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.settings import Settings
from commands.domain.incident import Incident, Offer, Status
from commands.people import Directory
from commands.presentation.incident import UNSHOWN, bookmarks_of, incident_card, may_read_otherwise, topic_of
from tests.fakes import START

SERVICES: Any = SimpleNamespace(scheme=Settings().scheme(), directory=Directory([]), bookmarks=())
INCIDENT = Incident(
    id="incident-20260301-001", title="API is down", severity="SEV1", service="gateway", private=False,
    channel="incident-20260301-001", platform="console", declared_by="ana", declared_at=START, updated_at=START,
)  # fmt: skip


def shown(incident: Incident) -> Any:
    return incident_card(incident, SERVICES), topic_of(incident, {}), bookmarks_of(incident, SERVICES)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 9},
        {"responders": ("ana", "ben")},
        {"offer": Offer.model_construct(person="ben", by="ana", at=START)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_left_out_is_shown_nowhere(change: dict[str, Any]) -> None:
    assert set(change) <= UNSHOWN
    changed = INCIDENT.model_copy(update=change)
    assert shown(changed) == shown(INCIDENT)
    assert not may_read_otherwise(INCIDENT, changed)


@pytest.mark.parametrize("change", [{"severity": "SEV2"}, {"status": Status.RESOLVED}, {"title": "x"}])
def test_what_is_shown_is_looked_at(change: dict[str, Any]) -> None:
    assert may_read_otherwise(INCIDENT, INCIDENT.model_copy(update=change))
