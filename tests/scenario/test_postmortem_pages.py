"""The pages of a postmortem over HTTP: read, edit, versions, review, publish; and what two people do at once."""

from __future__ import annotations

import httpx
import pytest

from commands.domain.incident import Incident, Status
from tests.console.serving import csrf_in
from tests.scenario.browsing import browser
from tests.scenario.stage import Stage, golden


@pytest.fixture
async def ended(stage: Stage) -> Incident:
    """An incident that is over, with its draft."""
    incident = await stage.declares()
    stage.later(minutes=30)
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    await stage.news()
    return incident


def of(incident: Incident, rest: str = "") -> str:
    return f"/postmortems/{incident.id}{rest}"


async def save(client: httpx.AsyncClient, path: str, text: str, *, version: int, section: str = "") -> httpx.Response:
    csrf = csrf_in((await client.get(path)).text)
    form = {"csrf": csrf, "text": text, "version": str(version), "section": section}
    return await client.post(path, data=form)


async def test_what_somebody_wrote_outlives_every_new_draft(stage: Stage, ended: Incident) -> None:
    path = of(ended, "/edit")
    async with browser(stage, "ben") as ben:
        saved = await save(ben, path, "## Root Cause\r\n\r\nChloé saw it: the pool.", version=1, section="Root Cause")
        assert (saved.status_code, saved.headers["location"]) == (303, of(ended))
        stage.later(minutes=5)
        await stage.quietly("ben", ended.channel, "/incident note --as cause a leak", "/postmortem moment began 11:58")

        async def drafted_anew() -> bool:
            return "2026-03-01 11:58 UTC" in (await ben.get(of(ended, ".md"))).text

        await stage.world.until(drafted_anew)
        text = (await ben.get(of(ended, ".md"))).text
        assert "## Root Cause\n\nChloé saw it: the pool.\n\n## Resolution" in text
        page = (await ben.get(of(ended))).text
        assert "The record has moved on in 1 section that people have written" in page
        assert "<ins>+ a leak</ins>" in page
        versions = (await ben.get(of(ended, "/versions"))).text
        assert versions.index("drafted anew") < versions.index("edited: Root Cause") < versions.index(">drafted<")
        second = (await ben.get(of(ended, "/versions/2"))).text
        assert "<ins>+ Chloé saw it: the pool.</ins>" in second
        assert "<del>- Not yet known: mark it with `/incident note --as cause ...`</del>" in second


async def test_whoever_saves_second_loses_nothing(stage: Stage, ended: Incident) -> None:
    path = of(ended, "/edit")
    async with browser(stage, "ben") as ben, browser(stage, "ana") as ana:
        assert (await save(ana, path, "# Hers\n\n## Cause\n\nthe pool", version=1)).status_code == 303
        late = await save(ben, path, "# His <b>\n\n## Cause\n\na leak", version=1)
        assert late.status_code == 409
        assert "Somebody else has saved meanwhile" in late.text
        assert "# His &lt;b&gt;" in late.text
        assert "# Hers\n\n## Cause\n\nthe pool" in late.text
        assert 'name="version" value="2"' in late.text
        assert (await save(ben, path, "# Ours\n\n## Cause\n\nboth", version=2)).status_code == 303
        assert (await ana.get(of(ended, ".md"))).text == "# Ours\n\n## Cause\n\nboth\n"


async def test_two_sections_are_edited_at_once(stage: Stage, ended: Incident) -> None:
    path = of(ended, "/edit")
    async with browser(stage, "ben") as ben:
        first = await save(ben, path, "## Root Cause\n\nthe pool", version=1, section="Root Cause")
        other = await save(ben, path, "## Resolution\n\na bigger pool", version=1, section="Resolution")
        again = await save(ben, path, "## Root Cause\n\nno", version=1, section="Root Cause")
        assert [first.status_code, other.status_code, again.status_code] == [303, 303, 409]


async def test_a_section_that_somebody_took_out_can_still_be_saved(stage: Stage, ended: Incident) -> None:
    path = of(ended, "/edit")
    async with browser(stage, "ben") as ben, browser(stage, "ana") as ana:
        assert (await save(ana, path, "# Hers\n\n## Cause\n\nthe pool", version=1)).status_code == 303
        late = await save(ben, path, "## Root Cause\n\na leak", version=1, section="Root Cause")
        assert late.status_code == 409
        assert "taken out the section “Root Cause” meanwhile" in late.text
        box = late.text.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0].strip()
        assert box == "# Hers\n\n## Cause\n\nthe pool\n\n## Root Cause\n\na leak"
        assert 'name="section" value=""' in late.text
        assert (await save(ben, path, box, version=2)).status_code == 303
        assert (await ana.get(of(ended, ".md"))).text == box + "\n"


async def test_a_review_is_asked_for_and_it_is_published(stage: Stage, ended: Incident) -> None:
    async with browser(stage, "ana") as ana:
        page = (await ana.get(of(ended))).text
        form = {"csrf": csrf_in(page), "id": "a" * 32, "to": "review", "reviewer": "ben"}
        assert (await ana.post(of(ended, "/state"), data=form)).status_code == 303
        assert await stage.news() == golden("""
            [#incident-20260301-001, all]
            Postmortem to review: SEV1 · API answers 502
              @Ben Okafor, please read it (/postmortems/incident-20260301-001).
              Change what is wrong (/postmortems/incident-20260301-001/edit). Once it is right: /postmortem publish
              Now: version 1, in review
              [Publish]
              (by @Ana Ruiz)
            """)
        assert "Ben Okafor is asked to review it" in (await ana.get(of(ended))).text
        form |= {"id": "b" * 32, "to": "publish"}
        assert (await ana.post(of(ended, "/state"), data=form)).status_code == 303
        again = await ana.post(of(ended, "/state"), data=form | {"id": "c" * 32})
        assert again.status_code == 409
        assert "Version 1 is published already." in again.text
        page = (await ana.get(of(ended))).text
        assert "version 1 published by Ana Ruiz" in page
        assert "Ask for a review" not in page
    assert (await stage.world.incident(ended.id)).status is Status.CLOSED


async def test_who_may_only_read_gets_no_form_and_saves_nothing(stage: Stage, ended: Incident) -> None:
    async with browser(stage, "eve") as eve:
        page = (await eve.get(of(ended))).text
        assert "postmortem-edit" not in page
        assert "Ask for a review" not in page
        saved = await save(eve, of(ended, "/edit"), "mine", version=1)
        assert saved.status_code == 403
        no_token = await eve.post(of(ended, "/edit"), data={"csrf": "", "text": "x", "version": "1"})
        assert no_token.status_code == 403
        assert (await eve.get(of(ended, "/chart.png"))).status_code == 404
        assert (await eve.get("/postmortems/incident-20260301-999/edit")).status_code == 404
