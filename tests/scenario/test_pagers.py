"""A pager that rings people: told of each page once, whatever happens on the way; while it is down, people call."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator

import httpx
import httpx2
import pytest

from bot.adapters.opsgenie import Opsgenie
from bot.adapters.pagerduty import PagerDuty
from bot.paging.pager import Answered, Ring
from bot.paging.settings import PagerDutySettings
from commands.errors import Unavailable
from commands.ports import Overloaded, Rejected
from tests.scenario.on_call import SETTINGS
from tests.scenario.pagers import OPSGENIE, PAGERDUTY, PEOPLE, SECRET, WHY, Bench, answering, benched, made
from tests.scenario.stage import Stage, Still, golden
from tests.simulators.contracts import check_body, contract
from tests.simulators.pagerduty import PagerDutySimulator, serving
from tests.world import settings_for, world


@pytest.fixture(params=["pagerduty", "opsgenie"])
async def bench(request: pytest.FixtureRequest, sqlite_url: str) -> AsyncIterator[Bench]:
    async with benched(sqlite_url, request.param) as made:
        yield made


async def answers_there(bench: Bench, who: str, key: str) -> None:
    """On their phone."""
    names = bench.stage.world.names
    bench.outside.acknowledges(names[who] if bench.named == "PagerDuty" else f"{who}@a.example", key)


async def test_the_pager_rings_and_whoever_answers_there_is_on_it(bench: Bench) -> None:
    page = await bench.pages()
    assert await bench.looks() == "", "all is well: nobody reads of it"
    await bench.looks(seconds=30)
    assert len(bench.outside.state(page)) == 1
    assert bench.outside.state(page)[0][1] == "gateway"
    await answers_there(bench, "ben", page)
    said = await bench.looks(seconds=15)
    assert "@Ben Okafor answered the page after 45 s." in said
    assert "No answer" not in await bench.looks(minutes=6), "nobody else is called"
    await bench.stage.quietly("ana", bench.channel, "/incident resolve rolled back")
    await bench.looks(seconds=5)
    assert bench.outside.state(page) == [("resolved" if bench.named == "PagerDuty" else "closed", "gateway")]


async def test_an_answer_here_stops_the_ringing_there_and_the_next_level_is_rung(bench: Bench) -> None:
    page = await bench.pages()
    await bench.looks()
    await bench.looks(minutes=5)
    assert bench.outside.state(f"{page}.1")[0][1] == "leads"
    await bench.stage.presses("dev", bench.channel, "I'm on it")
    await bench.looks()
    states = [bench.outside.state(key)[0][0] for key in (page, f"{page}.1")]
    assert states == ["acknowledged", "acknowledged"]


@pytest.mark.parametrize("how", ["dead", "429"])
async def test_while_the_pager_is_down_the_channel_has_the_phone_list(bench: Bench, how: str) -> None:
    bench.fails(how)
    page = await bench.pages()
    said = await bench.looks()
    assert f"{bench.named} does not ring them: " in said
    assert "It is tried again. Call them by phone." in said
    assert "@Ana Ruiz       on call for gateway    +1-555-0123" in said
    assert "VP Engineering  CTO or VP Engineering  +1-555-0999" in said
    assert "1 update behind since 12:00 UTC" in await bench.stage.asks("ana", "general", "/tocsin integrations")
    bench.outside.before = None
    said = await bench.looks(seconds=60)
    assert "does not ring them" not in said
    assert "Called: @Ana Ruiz" in said
    assert len(bench.outside.state(page)) == 1


ODD = [
    ("dead", Unavailable, "It does not answer."),
    ("slow", Unavailable, ""),
    ("nonsense", Unavailable, "It answers something that cannot be read."),
    ("500", Unavailable, "It is in trouble itself (status 500)."),
    ("429", Overloaded, "It asks for a pause (status 429)."),
    ("403", Rejected, "status 403"),
]


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
@pytest.mark.parametrize(("how", "error", "words"), ODD)
async def test_what_a_pager_answers_besides(kind: str, how: str, error: type[Exception], words: str) -> None:
    section = {"pagerduty": PAGERDUTY, "opsgenie": OPSGENIE}[kind]
    settings = settings_for("sqlite:///unused.db", **(SETTINGS | {"people": PEOPLE, "paging": {kind: section}}))
    pager, outside = made(settings)
    ring = Ring(key="page-1", target="gateway", summary=WHY)
    outside.before = answering(pager.name, how)
    for asked in (pager.call(ring), pager.acknowledge(ring), pager.resolve(ring), pager.answered(["page-1"])):
        with pytest.raises(error) as raised:
            await asked
        assert str(raised.value).startswith(words)
    await pager.close()


async def test_the_pager_does_not_read_what_a_private_incident_is_about(sqlite_url: str) -> None:
    async with benched(sqlite_url, "pagerduty") as bench:
        bench.channel = (await bench.stage.declares("sev1 keys leaked --private")).channel
        await bench.pages("/page gateway come and look")
        await bench.looks()
        assert [one["title"] for one in bench.outside.incidents] == ["come and look (incident-20260301-001)"]


async def test_a_lost_answer_rings_nobody_twice_and_a_restart_keeps_what_is_owed(bench: Bench) -> None:
    bench.outside.lose_answers = 1
    page = await bench.pages()
    await bench.looks()
    await bench.looks(seconds=60)  # everything that looks is made anew each time: only the record is kept
    assert len(bench.outside.state(page)) == 1
    assert f"{bench.named}: up to date" in await bench.stage.asks("ana", "general", "/tocsin integrations")


async def test_who_answered_while_the_pager_was_down_is_not_rung_afterwards(bench: Bench) -> None:
    bench.fails("dead")
    page = await bench.pages()
    await bench.looks()
    await bench.stage.presses("ana", bench.channel, "I'm on it")
    bench.outside.before = None
    await bench.looks(seconds=60)
    assert bench.outside.state(page) == []
    assert f"{bench.named}: up to date" in await bench.stage.asks("ana", "general", "/tocsin integrations")


async def test_the_official_client_over_tls() -> None:
    duty = PagerDutySimulator({"key": "gateway"}, "token", {"Ben Okafor": "ben@a.example"})
    with serving(duty) as (address, trusting):
        mine = PagerDutySettings.model_validate(
            {"routing_keys": {"gateway": "key"}, "api_token": "token", "events_url": address, "api_url": address}
        )
        pager = PagerDuty(mine, {}, httpx2.HTTPTransport(verify=trusting))
        for _ in range(2):
            await pager.call(Ring(key="page-1", target="gateway", summary=WHY))
        assert duty.state("page-1") == [("triggered", "gateway")]
        duty.acknowledges("Ben Okafor", "page-1")
        assert await pager.answered(["page-1"]) == [Answered(key="page-1", name="Ben Okafor", email="ben@a.example")]


async def test_a_pager_that_hangs_is_given_up_in_time(sqlite_url: str) -> None:
    settings = settings_for(
        sqlite_url, **(SETTINGS | {"people": PEOPLE, "paging": {"pagerduty": PAGERDUTY | {"timeout_seconds": 0.05}}})
    )
    pager, outside = made(settings)
    free = threading.Event()

    def hangs(_request: object) -> httpx2.Response:
        free.wait()
        return httpx2.Response(500)

    outside.before = hangs
    with pytest.raises(Unavailable, match="took too long"):
        await pager.call(Ring(key="page-1", target="gateway", summary=WHY))
    free.set()


async def test_what_the_pager_refuses_is_told_with_the_phone_list(sqlite_url: str) -> None:
    async with benched(sqlite_url, "pagerduty") as bench:
        bench.outside.keys.clear()
        await bench.pages()
        assert await bench.looks() == golden("""
            [#incident-20260301-001, all, edited]
            Page: the database does not answer
              Called: @Ana Ruiz (on call for gateway)
              Without an answer by 12:05 UTC it goes on to @Dev Patel (Engineering lead).
              PagerDuty does not ring them: status 400: 'routing_key' is invalid. It is not tried again by itself. Call them by phone.
              Who             What                   Phone
              @Ana Ruiz       on call for gateway    +1-555-0123
              @Dev Patel      Engineering lead       +1-555-0456
              VP Engineering  CTO or VP Engineering  +1-555-0999
              [I'm on it] [Call the next]
            [#incident-20260301-001, all]
            PagerDuty is behind
              Call gateway: status 400: 'routing_key' is invalid
              It is not tried again by itself. If it cannot wait, do it there by hand. More: /tocsin integrations
              [Try again] [Done by hand]
            """)  # noqa: E501
        assert await bench.stage.asks("ana", "general", "/tocsin integrations") == golden("""
            Integrations
              status page (built in): up to date
              PagerDuty: 1 update behind since 12:00 UTC (refused). status 400: 'routing_key' is invalid
              [Try again] [Done by hand]
            """)


async def test_an_answer_comes_by_the_signed_webhook_and_our_own_page_is_no_alert(sqlite_url: str) -> None:
    async with benched(sqlite_url, "pagerduty") as bench:
        page = await bench.pages()
        await bench.looks()
        assert await hook(bench, "incident.triggered", page) == 200
        for _ in range(2):
            assert await hook(bench, "incident.acknowledged", page) == 200
        said = await bench.stage.news()
        assert said.count("@Ben Okafor answered the page") == 1
        assert await hook(bench, "incident.acknowledged", page, secret="another-secret-of-theirs") == 401
        await bench.looks()
        assert "alert" not in await bench.stage.news()


async def hook(bench: Bench, kind: str, key: str, *, secret: str = SECRET) -> int:
    """PagerDuty tells us of an incident of its own; the status of our answer."""
    event = {"id": "E1", "event_type": kind, "occurred_at": "2026-03-01T12:01:00Z",
             "agent": {"type": "user_reference", "id": "PB", "summary": "Ben Okafor"},
             "data": {"id": "Q1", "incident_key": key, "title": WHY, "status": kind.partition(".")[2]}}  # fmt: skip
    body = json.dumps({"event": event}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    transport = httpx.ASGITransport(bench.stage.world.app.console)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8700") as client:
        sent = await client.post("/alerts/pager", content=body, headers={"x-pagerduty-signature": f"v1={signature}"})
    return sent.status_code


async def test_opsgenie_tells_who_answered_and_rings_a_person(sqlite_url: str) -> None:
    async with benched(sqlite_url, "opsgenie") as bench:
        page = await bench.pages(f"/page @ben {WHY}")
        await bench.looks()
        assert bench.outside.state(page) == [("open", "ben@a.example")]
        body = {"action": "Acknowledge", "alert": {"alertId": "A1", "alias": page, "username": "ben@a.example"}}
        transport = httpx.ASGITransport(bench.stage.world.app.console)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8700") as client:
            sent = await client.post("/alerts/genie", json=body, headers={"authorization": f"Bearer {SECRET}"})
        assert sent.status_code == 200
        assert "@Ben Okafor answered the page" in await bench.stage.news()


async def test_pagerduty_rings_a_person_by_their_address(sqlite_url: str) -> None:
    more = {"service_id": "PSERVICE", "from_email": "tocsin@a.example"}
    async with benched(sqlite_url, "pagerduty", **more) as bench:
        bench.outside.lose_answers = 1
        page = await bench.pages(f"/page @ben {WHY}")
        await bench.looks()
        await bench.looks(seconds=60)
        assert bench.outside.state(page) == [("triggered", "P-Ben Okafor")], "looked for, then not opened again"
        await bench.stage.presses("ben", bench.channel, "I'm on it")
        await bench.looks()
        assert bench.outside.state(page) == [("acknowledged", "P-Ben Okafor")]
        await bench.stage.quietly("ana", bench.channel, "/incident resolve rolled back")
        await bench.looks(seconds=5)
        assert bench.outside.state(page) == [("resolved", "P-Ben Okafor")]


async def test_whom_pagerduty_does_not_know_is_called_by_phone(sqlite_url: str) -> None:
    more = {"service_id": "PSERVICE", "from_email": "tocsin@a.example"}
    async with benched(sqlite_url, "pagerduty", **more) as bench:
        bench.outside.people.clear()
        await bench.pages(f"/page @ben {WHY}")
        said = await bench.looks()
        assert "does not ring them: nobody there has the address of @ben. It is not tried again by itself." in said


async def test_the_pager_says_who_is_on_call(sqlite_url: str) -> None:
    settings = settings_for(sqlite_url, **(SETTINGS | {"people": PEOPLE, "paging": {"pagerduty": PAGERDUTY}}))
    pager, outside = made(settings)
    assert isinstance(pager, PagerDuty)
    ben, zoe = {"summary": "Ben", "email": "Ben@a.example"}, {"summary": "Zoe Quinn", "email": "zoe@b.example"}
    outside.oncalls = [
        {"policy": "P1", "escalation_level": 2, "user": zoe, "end": None},
        {"policy": "P1", "escalation_level": 1, "user": ben, "end": "2026-03-02T08:00:00Z"},
    ]
    settings = settings_for(sqlite_url, **(SETTINGS | {"people": PEOPLE, "paging": {"pagerduty": PAGERDUTY},
                                                       "adapters": {"on_call": "pagerduty"}}))  # fmt: skip
    async with world(settings, clock=Still(), duty=pager, pager=pager) as running:
        stage = Stage(running)
        assert await stage.asks("ana", "general", "/oncall") == golden("""
            On call: gateway
              Call first: @Ben Okafor (+1-555-0124) until 2026-03-02 08:00 UTC
              Call second: Zoe Quinn
              Level 2, Engineering lead: @Dev Patel (+1-555-0456)
              Level 3, CTO or VP Engineering: VP Engineering (+1-555-0999)
              (Call them: /page gateway what is wrong)
            """)
        await stage.news()
        assert (await stage.types("ana", "general", "/oncall override @ana until 08:00")) == golden("""
            [#general, only ana]
            Who is on call is decided in the pager.
              Make the override there.
              Try: /oncall
              (You typed: /oncall override @ana until 08:00)
            """)
        outside.before = lambda _: httpx2.Response(500)
        assert await stage.asks("ana", "general", "/oncall") == golden("""
            On call: gateway
              The on-call system does not answer. The settings name:
              Call first: @Ana Ruiz (+1-555-0123)
              Level 2, Engineering lead: @Dev Patel (+1-555-0456)
              Level 3, CTO or VP Engineering: VP Engineering (+1-555-0999)
              (Call them: /page gateway what is wrong)
            """)
        said = await stage.types("ana", "general", "/page gateway the database does not answer")
        assert "Called: @Ana Ruiz (on call for gateway)" in said, "whom the settings name"


async def test_opsgenie_says_who_is_on_call(sqlite_url: str) -> None:
    settings = settings_for(sqlite_url, **(SETTINGS | {"people": PEOPLE, "paging": {"opsgenie": OPSGENIE}}))
    pager, _ = made(settings)
    assert isinstance(pager, Opsgenie)
    found = await pager.on_duty("gateway", at=Still().now())
    assert [(one.person, one.name, one.level) for one in found] == [("ben", "", 1), ("", "zoe@a.example", 2)]
    await pager.close()


@pytest.mark.skipif(not contract("pagerduty/events-v2.json"), reason="the vendor's contract is not at hand")
def test_the_contract_of_the_vendor_is_asked() -> None:
    event = {"routing_key": "k", "event_action": "trigger", "payload": {"summary": "s", "source": "s"}}
    with pytest.raises(Exception, match="severity"):
        check_body(event, "pagerduty/events-v2.json", "/enqueue", "POST")
