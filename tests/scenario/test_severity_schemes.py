"""Each severity scheme, from the settings to the card."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenario.stage import Stage, Still
from tests.world import settings_for, world

OWN = [
    {"id": "red", "name": "all hands", "respond_within_minutes": 5, "update_every_minutes": 10, "aliases": ["r"]},
    {"id": "amber", "name": "today", "respond_within_minutes": 60},
]


@pytest.mark.parametrize(
    ("settings", "word", "level", "due"),
    [
        ({"severity_scheme": "sev1-sev4"}, "SEV-1", "SEV1, critical", "12:15 UTC"),
        ({"severity_scheme": "sev1-sev4"}, "critical", "SEV1, critical", "12:15 UTC"),
        ({"severity_scheme": "p0-p3"}, "p0", "P0, critical", "12:15 UTC"),
        ({"severity_scheme": "sev0-sev3"}, "0", "SEV-0, critical system down", "12:15 UTC"),
        ({"severity_scheme": "p1-p3"}, "P3", "P3, medium", ""),
        ({"severity_scheme": "own", "severities": OWN}, "R", "red, all hands", "12:10 UTC"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["severity_scheme"],
)
async def test_a_scheme_reaches_the_card(
    sqlite_url: str, settings: dict[str, Any], word: str, level: str, due: str
) -> None:
    async with world(settings_for(sqlite_url, **settings), clock=Still()) as running:
        stage = Stage(running)
        said = await stage.types("ana", "general", f"/incident declare {word} API is slow")
        assert f"Severity: {level}" in said
        assert (f"Next update due: {due}" in said) if due else ("Next update due" not in said)
        refused = await stage.asks("ana", "general", "/incident declare sev7 API is slow")
        assert "“sev7” is no severity.\n  Severities: " in refused
