"""A postmortem as a file, and in Confluence: once, whatever fails on the way; nobody's words are overwritten there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pypdfium2
import pytest

from bot.adapters.confluence import Confluence, Sheet
from bot.errands import Errands
from bot.exporting import html, pdf
from bot.exporting.publishing import storage
from bot.exporting.settings import ConfluenceSettings
from commands.domain.paper import first_paper
from commands.errors import Unavailable
from commands.ports import Overloaded, Rejected
from tests.console.serving import BASE, visit
from tests.scenario.readings import readings
from tests.scenario.stage import Stage
from tests.simulators.confluence import ConfluenceSimulator
from tests.world import settings_for, world

NASTY = """# Chloé's <script>alert(1)</script> & "pool" ✓

![chart](/postmortems/incident-1/chart.png) ![other](https://evil.example/x.png)

[bad](javascript:alert(1)) [good](https://a.example/?a=1&b=2) [ours](/postmortems/incident-1)

| a | b |
|---|---|
| `x` | **y** |

- [ ] Łódź \U0001f525 漢
"""


def test_the_html_file_needs_nothing_and_runs_nothing() -> None:
    paper = first_paper("incident-1", NASTY, "002", None)
    text = html.page(paper, "Postmortem of incident-1", b"\x89PNG", "https://tocsin.example")
    assert "<script" not in text
    assert "javascript" not in re.sub(r"\[bad\]\(javascript:alert\(1\)\)", "", text)
    assert 'src="data:image/png;base64,iVBORw=="' in text
    assert "evil.example" not in text
    assert 'href="https://tocsin.example/postmortems/incident-1"' in text
    assert "<td><strong>y</strong></td>" in text
    assert "Chloé" in text


def test_the_pdf_has_every_letter_that_its_fonts_have() -> None:
    paper = first_paper("incident-1", NASTY + "\n" + "Many words in a row. " * 400, "002", None)
    document = pypdfium2.PdfDocument(pdf.pdf(paper, "Postmortem of incident-1", None, "https://tocsin.example"))
    text = " ".join(document[number].get_textpage().get_text_range() for number in range(len(document)))
    assert len(document) > 2
    assert "Chloé's <script>alert(1)</script>" in text
    assert "Łódź □ □" in text
    assert f"Page 2 of {len(document)}" in text


def test_the_storage_format_is_xml_without_anybodys_html() -> None:
    text = storage(NASTY, picture="chart-1.png", address="https://tocsin.example")
    assert '<ac:image><ri:attachment ri:filename="chart-1.png" /></ac:image>' in text
    assert "<script" not in text
    assert "evil.example" not in text


# ---------------------------------------------------------------- Confluence


@pytest.fixture
def wiki() -> Iterator[tuple[ConfluenceSimulator, str]]:
    simulator = ConfluenceSimulator(token="let-me-in")
    with simulator.served() as address:
        yield simulator, address


def settings(address: str, **more: object) -> ConfluenceSettings:
    values = {"url": address, "space": "OPS", "token": "let-me-in", "timeout_seconds": 5}
    return ConfluenceSettings.model_validate(values | more)


def sheet(body: str = "<p>x</p>", about: str = "version 1") -> Sheet:
    return Sheet("Postmortem incident-1: API", body, about, {"chart-1.png": b"\x89PNG"})


async def test_one_page_and_one_picture_however_often_it_is_tried(wiki: tuple[ConfluenceSimulator, str]) -> None:
    simulator, address = wiki
    client = Confluence(settings(address))
    simulator.lose_answers = 2
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"):
            await client.show(sheet())
    for _ in range(2):
        assert await client.show(sheet()) == f"{address}/spaces/OPS/pages/1000"
    assert (len(simulator.pages), simulator.pages[0]["version"]["number"]) == (1, 1)
    assert simulator.attachments == {"1000": ["chart-1.png"]}
    await client.show(sheet("<p>y</p>", "version 2"))
    assert simulator.pages[0]["version"]["number"] == 2
    assert simulator.pages[0]["body"]["storage"]["value"] == "<p>y</p>"


async def test_what_somebody_wrote_there_is_left_alone(wiki: tuple[ConfluenceSimulator, str]) -> None:
    simulator, address = wiki
    client = Confluence(settings(address))
    await client.show(sheet())
    simulator.pages[0]["version"] = {"number": 2, "message": "typo"}
    with pytest.raises(Rejected, match="Somebody has changed the page"):
        await client.show(sheet("<p>y</p>", "version 2"))
    assert simulator.pages[0]["body"]["storage"]["value"] == "<p>x</p>"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, "<html>oops", Unavailable),
        (200, "<html>hello", Unavailable),
        (200, "[]", Unavailable),
        (200, '{"results": [7]}', Unavailable),
        (200, '{"results": [{"version": 3}]}', Rejected),
        (429, "{}", Overloaded),
        (401, '{"message": "no\\nway."}', Rejected),
        (302, "", Rejected),
        (400, '{"message": "A page with this title already exists"}', Unavailable),
    ],
)
async def test_nonsense_and_refusals_are_told_apart(
    wiki: tuple[ConfluenceSimulator, str], status: int, body: str, error: type[Exception]
) -> None:
    simulator, address = wiki
    simulator.before = lambda _method, _path: (status, body)
    with pytest.raises(error):
        await Confluence(settings(address)).show(sheet())


@dataclass
class Publishing:
    stage: Stage
    errands: Errands


@pytest.fixture
async def publishing(database_url: str, wiki: tuple[ConfluenceSimulator, str]) -> AsyncIterator[Publishing]:
    section = {"url": wiki[1], "space": "OPS", "token": "let-me-in", "timeout_seconds": 5}
    chosen = settings_for(database_url, confluence=section, integrations={"enabled": False})
    async with world(chosen) as running:
        app = running.app
        yield Publishing(Stage(running), Errands(app.store, app.services, app.runners, every=1))


async def test_a_published_postmortem_is_in_confluence_and_linked(
    publishing: Publishing, wiki: tuple[ConfluenceSimulator, str]
) -> None:
    stage, simulator = publishing.stage, wiki[0]
    await stage.measured(*readings(False, True, True))
    incident = await stage.declares("sev1 Chloé & co < nothing >")
    stage.later(minutes=2)
    await stage.measured(*readings(True, False))
    await stage.quietly("ana", incident.channel, "/incident resolve rolled back")
    await stage.drafted(incident)
    await stage.news()
    said = await stage.types("ana", incident.channel, "/postmortem publish")
    assert "Confluence follows." in said
    await publishing.errands.once()
    page = simulator.pages[0]
    assert page["title"] == f"Postmortem {incident.id}: Chloé & co < nothing >"
    assert page["version"]["message"].startswith("Tocsin: version 1 (")
    assert "<h2>Root Cause</h2>" in page["body"]["storage"]["value"]
    assert len(simulator.attachments[page["id"]]) == 1
    assert (await stage.world.incident(incident.id)).links[0].label == "Postmortem in Confluence"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stage.world.app.console), base_url=BASE) as client:
        await visit(client, "ana")
        picture = await client.get(f"/postmortems/{incident.id}/chart.png")
        assert picture.content.startswith(b"\x89PNG")
        assert (await client.get(f"/postmortems/{incident.id}.pdf")).content.startswith(b"%PDF-")
        assert "data:image/png;base64," in (await client.get(f"/postmortems/{incident.id}.html")).text


async def test_a_private_postmortem_stays_here(publishing: Publishing, wiki: tuple[ConfluenceSimulator, str]) -> None:
    stage = publishing.stage
    incident = await stage.declares("sev1 --private payroll is open")
    await stage.quietly("ana", incident.channel, "/incident resolve closed it")
    await stage.drafted(incident)
    said = await stage.types("ana", incident.channel, "/postmortem publish")
    assert "It is private, so it is not put into Confluence." in said
    await publishing.errands.once()
    assert wiki[0].seen == []
