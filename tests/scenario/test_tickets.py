"""Tickets in Jira and ServiceNow: made once, kept in step; what others do there is noted here, our own echo is not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from bot.errands import Errands
from bot.settings import SettingsError
from bot.world.connecting import the_world
from bot.world.tickets import Following, followed
from tests.scenario.stage import Stage, Still
from tests.simulators.jira import JiraSimulator
from tests.simulators.servicenow import ServiceNowSimulator
from tests.simulators.wire import Answer, Wire
from tests.world import settings_for, world


@dataclass
class Desk:
    """The stage, two ticket systems, and what tells them and looks at them."""

    stage: Stage
    jira: JiraSimulator
    servicenow: ServiceNowSimulator
    wires: dict[str, Wire]
    errands: Errands
    following: Following

    async def works(self, **later: float) -> str:
        """Time passes, what is owed is done, the tickets are looked at; what people read of it."""
        self.stage.later(**later)
        await self.errands.once()
        await self.following.once()
        return await self.stage.news()

    async def timeline(self, channel: str) -> list[str]:
        said = await self.stage.asks("ana", channel, "/incident timeline")
        await self.stage.news()
        return [line for line in said.splitlines() if "Jira" in line or "ServiceNow" in line]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    made = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(file)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.issue_cert("127.0.0.1").configure_cert(serving)
    return file, serving


@pytest.fixture
def wires(authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    file, serving = authority
    # where the library of ServiceNow, which insists on https, finds the authority of this test
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    jira, servicenow = JiraSimulator(), ServiceNowSimulator()
    with Wire(jira.answer) as first, Wire(servicenow.answer, tls=serving) as second:
        yield {"Jira": first, "ServiceNow": second, "simulators": (jira, servicenow)}


def _section(wires: dict[str, Any], **jira: Any) -> dict[str, Any]:
    access = {"user": "bot@example.com", "token": "token"}
    cloud = {"enabled": True, "url": wires["Jira"].url, "project": "OPS", **access}
    snow = {"enabled": True, "url": wires["ServiceNow"].url, "user": "bot", "password": "password"}
    return {
        "jira": {**cloud, "priorities": {"SEV1": "Highest"}, **jira},
        "servicenow": {**snow, "severities": ["sev1"]},
    }


@pytest.fixture
async def desk(sqlite_url: str, wires: dict[str, Any]) -> AsyncIterator[Desk]:
    clock = Still()
    settings = settings_for(
        sqlite_url, tickets=_section(wires), integrations={"enabled": False}, address="https://tocsin.example.com"
    )
    async with world(settings, clock=clock, told=the_world(settings, clock)) as running:
        app = running.app
        errands = Errands(app.store, app.services, app.runners, every=2)
        following = Following(app.store, clock, followed(app.runners), every=60)
        yield Desk(Stage(running), *wires["simulators"], wires, errands, following)


async def test_a_ticket_is_made_linked_and_kept_in_step(desk: Desk) -> None:
    stage = desk.stage
    channel = (await stage.declares()).channel
    card = await desk.works()
    assert "  Link: Jira OPS-1 (http" in card
    assert "  Link: ServiceNow INC0000001 (http" in card
    issue = desk.jira.issues["OPS-1"]
    assert issue["summary"] == "[SEV1] API answers 502"
    assert issue["priority"] == {"name": "Highest"}
    assert issue["status"]["name"] == "In Progress"
    assert issue["description"].splitlines() == [
        "SEV1, critical. Service: gateway.",
        "Declared at 2026-03-01 12:00 UTC as incident-20260301-001.",
        "https://tocsin.example.com/c/incident-20260301-001",
        "(Tocsin, incident-20260301-001, 1)",
    ]
    (record,) = desk.servicenow.records.values()
    assert (record["short_description"], record["urgency"], record["state"]) == ("[SEV1] API answers 502", "1", "2")
    await stage.quietly("ana", channel, "/incident status identified bad deploy", "/incident severity sev2 one route")
    await stage.quietly("ana", channel, "/incident note nobody's business there", "/incident resolve rolled back")
    assert "behind" not in await desk.works()
    assert [one.splitlines()[0] for one in desk.jira.comments("OPS-1")] == [
        "Status: identified. bad deploy", "Severity: SEV2, was SEV1. one route", "Resolved. rolled back",
    ]  # fmt: skip
    assert [one.splitlines()[0] for one in desk.servicenow.notes()][-1] == "Resolved. rolled back"
    assert desk.jira.issues["OPS-1"]["status"]["name"] == "Done"
    (record,) = desk.servicenow.records.values()
    assert (record["state"], record["close_notes"], record["urgency"]) == ("6", "Resolved. rolled back", "2")
    await stage.quietly("ana", channel, "/incident reopen errors are back")
    await desk.works()
    assert desk.jira.issues["OPS-1"]["status"]["name"] == "In Progress"
    await desk.works(minutes=1)
    assert len(await desk.timeline(channel)) == 2, "the two links: what we did there is no news here"
    assert [len(desk.jira.issues), len(desk.servicenow.records)] == [1, 1]


async def test_what_others_do_there_is_on_the_timeline_once(desk: Desk) -> None:
    channel = (await desk.stage.declares()).channel
    await desk.works()
    reference = next(iter(desk.servicenow.records))
    desk.jira.says("OPS-1", "Joe Day", "The supplier was called. password=hunter2")
    desk.jira.issues["OPS-1"]["status"] = {"name": "Done"}
    desk.servicenow.says(reference, "Eva Lund", "Customers call in.", "comments")
    desk.servicenow.records[reference]["state"] = "3"
    for _ in range(2):
        await desk.works(minutes=1)
    assert sorted(await desk.timeline(channel)) == [
        "  12:00 UTC · @Tocsin added a link: Jira OPS-1",
        "  12:00 UTC · @Tocsin added a link: ServiceNow INC0000001",
        "  12:01 UTC · Jira OPS-1: The supplier was called. password=[redacted] (by Joe Day)",
        "  12:01 UTC · Jira OPS-1: its state is Done now",
        "  12:01 UTC · ServiceNow INC0000001: Customers call in. (by Eva Lund)",
        "  12:01 UTC · ServiceNow INC0000001: its state is On Hold now",
    ]
    del desk.jira.issues["OPS-1"]
    await desk.works(minutes=1)
    await desk.works(minutes=1)
    gone = [line for line in await desk.timeline(channel) if "not there" in line]
    assert gone == ["  12:03 UTC · Jira OPS-1: it is not there any more"], "once"


async def test_what_not_everybody_reads_there_stays_there(desk: Desk) -> None:
    channel = (await desk.stage.declares()).channel
    await desk.works()
    before = await desk.timeline(channel)
    desk.jira.says("OPS-1", "Joe Day", "The contract ends.", visibility={"type": "role", "value": "Administrators"})
    desk.servicenow.says(next(iter(desk.servicenow.records)), "Eva Lund", "They have not paid.", "work_notes")
    await desk.works(minutes=1)
    assert await desk.timeline(channel) == before


async def test_while_we_change_a_ticket_what_it_shows_is_no_news(desk: Desk) -> None:
    channel = (await desk.stage.declares()).channel
    await desk.works()
    await desk.stage.quietly("ana", channel, "/incident resolve rolled back")
    desk.jira.issues["OPS-1"]["status"] = {"name": "Done"}  # as by our request, before its answer is here
    await desk.following.once()
    assert len(await desk.timeline(channel)) == 2, "the two links"
    await desk.works()
    assert len(await desk.timeline(channel)) == 2


async def test_lost_answers_make_nothing_twice(desk: Desk) -> None:
    asked = {name: desk.wires[name] for name in ("Jira", "ServiceNow")}
    for wire in asked.values():
        wire.before = lambda one, w=wire: _lose_once(one.method, w)
    channel = (await desk.stage.declares()).channel
    for _ in range(3):
        await desk.works(minutes=1)
    assert [len(desk.jira.issues), len(desk.servicenow.records)] == [1, 1]
    for wire in asked.values():
        wire.lost = False  # type: ignore[attr-defined]
    await desk.stage.quietly("ana", channel, "/incident status identified bad deploy")
    for _ in range(3):
        await desk.works(minutes=1)
    assert len(desk.jira.comments("OPS-1")) == len(desk.servicenow.notes()) == 1


def _lose_once(method: str, wire: Wire) -> None:
    """The answer of the first change."""
    if method in {"POST", "PATCH"} and not getattr(wire, "lost", False):
        wire.lost, wire.lose = True, 1  # type: ignore[attr-defined]


async def test_severity_and_privacy_say_who_has_a_ticket(desk: Desk) -> None:
    await desk.stage.declares("sev1 leaked keys --private")
    await desk.works()
    assert [len(desk.jira.issues), len(desk.servicenow.records)] == [0, 0]
    channel = (await desk.stage.declares("sev3 slow search")).channel
    await desk.works()
    assert [len(desk.jira.issues), len(desk.servicenow.records)] == [1, 0]
    await desk.stage.quietly("ana", channel, "/incident severity sev1 all of it")
    await desk.works()
    assert [len(desk.jira.issues), len(desk.servicenow.records)] == [1, 1], "one that gets worse has one by then"


async def test_once_its_time_is_up_an_errand_asks_for_nothing_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # the wall's clock bounds what runs in a thread: nobody waits half a minute for it here
    monkeypatch.setattr("bot.adapters.tickets.session._A_TRY_SECONDS", 0)
    await desk.stage.declares()
    await desk.works()
    shown = await desk.stage.asks("ana", "general", "/tocsin integrations")
    assert "Jira takes too long to answer." in shown
    assert "ServiceNow takes too long to answer." in shown
    assert [wire.asked for wire in (desk.wires["Jira"], desk.wires["ServiceNow"])] == [[], []]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Answer(200, "<html>"), "answers something that is no JSON"),
        (Answer(200, {"result": "?", "issues": 7}), "answers something"),
        (Answer(503), "answers with status 503"),
        (Answer(429, headers={"Retry-After": "30"}), "takes no more for now"),
        (Answer(403, {"errorMessages": ["no right"], "error": {"message": "no right"}}), "status 403: no right"),
        (Answer(302, headers={"Location": "https://login.example.com"}), "status 302"),
    ],
)
async def test_nonsense_holds_up_nobody(desk: Desk, wrong: Answer, said: str) -> None:
    for name in ("Jira", "ServiceNow"):
        desk.wires[name].before = lambda _: wrong
    channel = (await desk.stage.declares()).channel
    await desk.works()
    await desk.stage.quietly("ana", channel, "/incident resolve rolled back")
    shown = await desk.stage.asks("ana", "general", "/tocsin integrations")
    for name in ("Jira", "ServiceNow"):
        line = next(one for one in shown.splitlines() if one.strip().startswith(name))
        assert said in line
        assert "behind" in line


async def test_a_workflow_without_the_way_is_said(desk: Desk) -> None:
    desk.jira.workflow = {"To Do": [], "In Progress": [], "Done": []}
    channel = (await desk.stage.declares()).channel
    said = await desk.works()
    assert "OPS-1 cannot be moved from To Do to In Progress; tickets.jira.states names the states" in said
    assert "  Link: Jira OPS-1 (http" in said, "it is there, whatever its state"
    await desk.stage.presses("ana", channel, "Try again")
    await desk.works(minutes=1)
    links = [line for line in await desk.timeline(channel) if "Jira" in line]
    assert links == ["  12:00 UTC · @Tocsin added a link: Jira OPS-1"], "once"
    assert list(desk.jira.issues) == ["OPS-1"]


async def test_a_transition_that_is_refused_is_said(desk: Desk) -> None:
    refused = Answer(400, {"errorMessages": ["A field is required."]})
    desk.wires["Jira"].before = lambda one: refused if one.method == "POST" and "/transitions" in one.path else None
    await desk.stage.declares()
    said = await desk.works()
    assert "OPS-1 cannot be moved from To Do to In Progress: status 400: A field is required." in said
    assert "  Link: Jira OPS-1 (http" in said


async def test_a_jira_of_ones_own(sqlite_url: str, wires: dict[str, Any]) -> None:
    jira = JiraSimulator(cloud=False)
    with Wire(jira.answer) as wire:
        section = {"enabled": True, "url": wire.url, "token": "token", "project": "OPS", "cloud": False}
        settings = settings_for(sqlite_url, tickets={"jira": section}, integrations={"enabled": False})
        clock = Still()
        async with world(settings, clock=clock, told=the_world(settings, clock)) as running:
            await Stage(running).declares()
            await Errands(running.app.store, running.app.services, running.app.runners, every=2).once()
    assert list(jira.issues) == ["OPS-1"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"jira": {"enabled": True, "url": "http://jira.example.com"}}, "https"),
        ({"jira": {"enabled": True, "url": "https://jira.example.com"}}, "project"),
        ({"servicenow": {"enabled": True, "url": "http://127.0.0.1"}}, "https"),
        ({"servicenow": {"enabled": True, "url": "https://a.service-now.com"}}, "signs in"),
        (
            {"jira": {"enabled": True, "url": "https://a.example", "project": "A", "severities": ["sev9"]}},
            "no severity",
        ),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings_for("sqlite:///x.db", tickets=wrong)
