"""The status page: a draft is previewed word for word, approved, public; corrected, taken back; never by accident."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import httpx
import pytest

from tests.scenario.stage import Stage, Still, golden, on_card, transcript, without_card
from tests.world import settings_for, world

COMPONENTS = [{"id": "api", "name": "API", "service": "gateway"}, {"id": "web", "name": "Website"}]


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[Stage]:
    """With two components, and a word that stays inside."""
    section = {"components": COMPONENTS, "blocked": ["hydra"], "title": "Example status"}
    async with world(settings_for(sqlite_url, status_page=section), clock=Still()) as running:
        yield Stage(running)


@pytest.fixture
async def public(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody out there, without a login."""
    transport = httpx.ASGITransport(app=stage.world.app.console)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700") as client:
        yield client


async def _posted(stage: Stage, status: str = "investigating", text: str = "Some logins fail.") -> str:
    """An incident whose commander has published an update; its channel."""
    incident = await stage.declares()
    await stage.quietly("ben", incident.channel, "/incident role claim ic", f"/status post {status} {text}")
    await stage.presses("ben", incident.channel, "Publish")
    return incident.channel


@transcript("/status post")
async def test_an_update_is_previewed_approved_and_public(stage: Stage, public: httpx.AsyncClient) -> None:
    incident = await stage.declares()
    await stage.quietly("ben", incident.channel, "/incident role claim ic")
    stage.later(minutes=5)
    assert await stage.types("chloe", incident.channel, "/status post identified Some logins fail.") == golden("""
        [#incident-20260301-001, all]
        Status page: identified
          The public will read exactly this.
          Impact: critical
          Components: API
          Goes to: the status page (/status)
          | Title: [IDENTIFIED] API issues
          | Status: Identified
          | Some logins fail.
          [Publish] [Discard]
          (To say it otherwise: /status edit pub-… TEXT)
        """)
    assert "Some logins fail" not in (await public.get("/status")).text, "a draft is nobody's business"
    assert await stage.presses("chloe", incident.channel, "Publish") == golden("""
        [#incident-20260301-001, only chloe]
        What the public is told is not for you to decide.
          @Ben Okafor decides that.
        """)
    said = await stage.presses("ben", incident.channel, "Publish")
    assert on_card(said, "Next update due") == ["Next update due: 12:20 UTC"]
    assert without_card(said) == golden("""
        [#incident-20260301-001, all, edited]
        Status page: identified
          Approved by @Ben Okafor.
        [#incident-20260301-001, all]
        Status page: identified
          @Ben Okafor published this on the status page (/status).
          | Title: [IDENTIFIED] API issues
          | Status: Identified
          | Some logins fail.
          (To correct it: /status edit pub-… TEXT · to take it back: /status retract pub-… WHY)
        """)
    page = (await public.get("/status")).text
    assert "Some logins fail." in page
    assert "API issues" in page
    timeline = await stage.asks("ana", incident.channel, "/incident timeline")
    assert "@Ben Okafor told the public (identified): Some logins fail." in timeline


@transcript("/status edit")
async def test_what_is_public_is_corrected_once_that_is_approved(stage: Stage, public: httpx.AsyncClient) -> None:
    channel = await _posted(stage)
    update = (await stage.world.app.store.look(lambda tx: tx.public.of_incident(channel)))[0].id
    said = await stage.types("chloe", channel, f"/status edit {update} One login in ten fails.")
    assert said == golden("""
        [#incident-20260301-001, all]
        Correct the status page: investigating
          The public will read exactly this.
          Impact: critical
          Components: API
          Goes to: the status page (/status)
          | Title: [INVESTIGATING] API issues
          | Status: Investigating
          | One login in ten fails.
          [Publish] [Discard]
          (To say it otherwise: /status edit pub-… TEXT)
        """)
    assert "One login in ten" not in (await public.get("/status")).text
    await stage.presses("ben", channel, "Publish")
    page = (await public.get("/status")).text
    assert "One login in ten fails." in page
    assert "Some logins fail." not in page
    assert "(corrected)" in page


@transcript("/status retract")
async def test_what_is_public_is_taken_back(stage: Stage, public: httpx.AsyncClient) -> None:
    channel = await _posted(stage)
    await stage.quietly("ben", channel, "/status post identified The cause is known.")
    await stage.presses("ben", channel, "Publish")
    first, second = [one.id for one in await stage.world.app.store.look(lambda tx: tx.public.of_incident(channel))]
    assert await stage.asks("chloe", channel, f"/status retract {second} wrong cause") == golden("""
        What the public is told is not for you to decide.
          @Ben Okafor decides that.
          (You typed: /status retract pub-… wrong cause)
        """)
    await stage.news()
    assert await stage.types("ben", channel, f"/status retract {second} wrong cause") == golden("""
        [#incident-20260301-001, all]
        Status page: identified, taken back
          @Ben Okafor took it back: wrong cause
          In its place stands that an update was withdrawn.
        """)
    page = (await public.get("/status")).text
    assert "The cause is known." not in page
    assert "This update was withdrawn." in page
    await stage.quietly("ben", channel, f"/status retract {first} another service")
    page = (await public.get("/status")).text
    assert "withdrawn" not in page, "nothing is said of an incident of which nothing stands"
    assert "All systems operational" in page


@transcript("/status")
async def test_what_the_public_reads_and_waits_for(stage: Stage) -> None:
    assert await stage.asks("ana", "general", "/status") == golden("""
        Status page
          The public reads of no incident.
          (Read it: the status page (/status) · to say something: /status post identified)
        """)
    channel = await _posted(stage)
    await stage.quietly("chloe", channel, "/status post monitoring A fix is in place.")
    stage.later(minutes=21)
    assert await stage.asks("ana", "general", "/status") == golden("""
        Status page
          Investigating: API issues · 12:00 UTC · Some logins fail. · pub-…
          API: major outage
          The public waits for news of incident-20260301-001: due 12:15 UTC, 6 min ago.
          A draft (monitoring) of incident-20260301-001 waits for a yes · pub-…
          (Read it: the status page (/status) · to say something: /status post identified)
        """)


async def test_what_is_not_for_the_public_is_refused_with_what_and_where(stage: Stage) -> None:
    incident = await stage.declares()
    text = "Pods on db-1.prod.internal (10.0.3.7) fail; ask Ana Ruiz at ana@example.com about Hydra, token=abcdef123456"
    assert await stage.asks("ben", incident.channel, f"/status post identified {text}") == golden("""
        That is not for the public.
          line 1: a***@example.com (an e-mail address); line 1: Ana Ruiz (a person); line 1: db-1.prod.internal (an internal host); line 1: 10.0.3.7 (an address); line 1: [redacted] (a secret); line 1: hydra (a blocked word). Say it without.
          Try: /status post identified what may be said
          (You typed: /status post identified Pods on db-1.prod.internal (10.0.3.7) fail; ask Ana Ruiz at a***@example.com about Hydra, token=[redacted])
        """)  # noqa: E501


async def test_a_draft_with_a_leak_in_it_cannot_be_published(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident note --as impact requests to fe80::1 fail")
    said = await stage.types("ana", incident.channel, "/incident role comms @chloe")
    assert "Not for the public: line 3: fe80::1 (an address)." in said
    assert "[Publish]" not in said
    assert "[Discard]" in said


async def test_a_private_incident_is_published_on_purpose_only(stage: Stage, public: httpx.AsyncClient) -> None:
    incident = await stage.declares("sev1 --private a leak")
    await stage.quietly("ana", incident.channel, "/incident role claim ic")
    assert await stage.asks("ana", incident.channel, "/status post identified We look into it.") == golden("""
        The incident is private.
          To tell the public of it on purpose:
          Try: /status post identified --public We look into it.
          (You typed: /status post identified We look into it.)
        """)
    assert "We look into it" not in (await public.get("/status")).text
    await stage.quietly("ana", incident.channel, "/status post identified --public We look into it.")
    await stage.presses("ana", incident.channel, "Publish")
    page = (await public.get("/status")).text
    assert "We look into it." in page
    assert incident.id not in page
    assert "a leak" not in page, "what responders call it is theirs"


async def test_the_page_is_kept_until_something_is_new(stage: Stage, public: httpx.AsyncClient) -> None:
    before = await public.get("/status")
    assert before.headers["cache-control"] == "public, max-age=15"
    assert "script-src" not in before.headers["content-security-policy"]
    assert "<script" not in before.text
    again = await public.get("/status", headers={"If-None-Match": before.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await _posted(stage, text="<b>Some</b> logins & more fail.")
    after = await public.get("/status", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert "&lt;b&gt;Some&lt;/b&gt; logins &amp; more fail." in after.text
    assert "Major outage" in after.text, "the component of the service is down, as the public was told"


async def test_the_feed_has_an_entry_for_each_update(stage: Stage, public: httpx.AsyncClient) -> None:
    channel = await _posted(stage)
    assert (await public.get("/status")).text.count("Not over yet") == 1, "today; the days before had none"
    stage.later(minutes=10)
    await stage.quietly("ben", channel, "/status post resolved All is well.")
    await stage.presses("ben", channel, "Publish")
    feed = ElementTree.fromstring((await public.get("/status/feed.atom")).text)
    names = {"a": "http://www.w3.org/2005/Atom"}
    titles = [one.text for one in feed.findall("a:entry/a:title", names)]
    assert titles == ["Resolved: API issues", "Investigating: API issues"]
    assert feed.findtext("a:updated", namespaces=names) == "2026-03-01T12:10:00+00:00"
    assert len({one.text for one in feed.findall("a:entry/a:id", names)}) == 2
    page = (await public.get("/status")).text
    assert "All systems operational" in page
    assert page.index("2026-03-01</h3>") < page.index("All is well."), "what is over stands under its day"


async def test_a_published_update_is_an_update_of_the_incident(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ben", incident.channel, "/incident role claim ic", "/status post investigating")
    stage.later(minutes=10)
    said = await stage.presses("ben", incident.channel, "Publish")
    assert "Next update due: 12:25 UTC" in said
