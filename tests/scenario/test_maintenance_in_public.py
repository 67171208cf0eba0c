"""Planned work as the public reads it, here and on a page outside, beside incidents and refusals."""

from __future__ import annotations

import httpx
import pytest

from tests.scenario.stage import golden
from tests.scenario.upkeep import LINE, Works


async def test_a_notice_that_the_page_refuses_is_told_where_the_maintenance_is(works: Works) -> None:
    await works.stage.quietly("ben", "general", LINE)
    works.outside.before = lambda _: httpx.Response(401, json={"error": "no such key"})
    await works.stage.quietly("ben", "general", "/maintenance announce")
    assert await works.looks() == golden("""
        [#general, all]
        Status page main is behind
          Maintenance maint-…, announced: status 401: no such key
          It is not tried again by itself. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        """)


async def test_an_incident_that_is_over_leaves_what_is_worked_on_under_maintenance(works: Works) -> None:
    stage = works.stage
    await stage.quietly("ben", "general", LINE, "/maintenance start")
    channel = (await stage.declares()).channel
    await stage.quietly("ben", channel, "/incident role claim ic", "/status post identified Some logins fail.")
    await stage.presses("ben", channel, "Publish")
    await works.looks()
    assert works.outside.pages["aaa"].components == {"c1": "major_outage"}
    await stage.quietly("ben", channel, "/status post resolved All is well.")
    await stage.presses("ben", channel, "Publish")
    await works.looks()
    assert works.outside.pages["aaa"].components == {"c1": "under_maintenance"}
    assert "Under maintenance" in await works.page(), "as the page of our own says"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/maintenance announce", "/maintenance cancel"),
        ("/maintenance start", "/maintenance cancel"),
        ("/maintenance start", "/maintenance end"),
    ],
)
async def test_work_that_is_over_or_called_off_turns_no_outage_green(works: Works, before: str, after: str) -> None:
    stage = works.stage
    await stage.quietly("ben", "general", LINE, before)
    await works.looks()
    channel = (await stage.declares()).channel
    await stage.quietly("ben", channel, "/incident role claim ic", "/status post identified Some logins fail.")
    await stage.presses("ben", channel, "Publish")
    await works.looks()
    await stage.quietly("ben", "general", after)
    await works.looks()
    assert [(status, states) for status, _, states in works.there] == [
        ("identified", {"c1": "major_outage"}),
        ("completed", {"c1": "major_outage"}),
    ]
    assert "Major outage" in await works.page()


async def test_what_is_not_for_the_public_is_refused_or_internal(works: Works) -> None:
    stage = works.stage
    said = await works.asks('/maintenance plan "hydra 2 on 10.0.0.7" from 13:00 to 14:00')
    assert said.startswith("That is not for the public.\n  line 1: 10.0.0.7 (an address); line 1: hydra")
    await stage.quietly("ben", "general", '/maintenance plan "hydra 2" from 13:00 to 14:00 --internal')
    await works.looks()
    assert "hydra" not in await works.page()
    await stage.quietly("ben", "general", "/maintenance start")
    await works.looks()
    assert "hydra" not in await works.page()
    assert works.there == []
