"""The form that declares an incident: opened at once, filled, sent, answered in its place."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from textwrap import dedent
from typing import Any

import pytest

from bot.platforms.slack import intake
from bot.platforms.slack.arriving import arrival_of
from bot.store import arrivals, schema
from commands.domain.incident import Noted
from tests.slack.stage import MODES, SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

FIRST, SECOND = "incident-20260301-001", "incident-20260301-002"
FILLED = {"title": "API answers 502", "severity": "SEV1"}
FORM = "[Cancel] [Declare]"


@pytest.fixture(params=MODES)
async def stage(sqlite_url: str, request: pytest.FixtureRequest) -> AsyncIterator[SlackWorld]:
    """A running bot."""
    async with slack_world(sqlite_url, mode=str(request.param)) as running:
        yield running


def modal(stage: SlackWorld, who: str = "ana") -> str:
    """What somebody sees on top of everything."""
    shown = stage.slack.modals(who)
    return shown[-1] if shown else ""


async def opens(stage: SlackWorld, who: str = "ana") -> None:
    ack = await stage.slack.global_shortcut(who, "tocsin.declare")
    assert ack.ok
    await stage.settled()


async def sends(stage: SlackWorld, values: dict[str, Any], who: str = "ana") -> None:
    await stage.slack.submit(who, values=values)
    await stage.settled()
    await stage.slack.until(lambda: "(Declaring …)" not in "".join(stage.slack.modals(who)), seconds=20)


def incidents(stage: SlackWorld) -> list[str]:
    return sorted(one.name for one in stage.slack.team.channels.values() if one.name.startswith("incident-"))


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program writes to the file, and does not come to an end."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def impatient(stage: SlackWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For a while, neither waits long: how long it is does not matter, that it ends does."""
    with monkeypatch.context() as patched:
        patched.setattr(intake, "PATIENCE_SECONDS", 0.2)
        for way in (stage.slack.core.sockets, stage.slack.core.http):
            patched.setattr(way, "timeout", 1.0)
        yield


async def test_the_shortcut_opens_the_form_and_its_answer_takes_its_place(stage: SlackWorld) -> None:
    await opens(stage)
    assert modal(stage) == _lines("""
        == Declare an incident ==
        What is wrong?: [API answers 502]
        Severity: [How bad is it?]
        (SEV1: Complete service outage)
        (SEV2: Partial outage or severe degradation (errors over 50%))
        (SEV3: Minor degradation (errors 10 to 50%))
        (SEV4: Minimal impact: single instances, non-critical features)
        Service (optional): [gateway]
        Impact (optional): [Who notices it, and how]
        Who sees it (optional): [Private]
        [Cancel] [Declare]
        """)
    await sends(stage, FILLED | {"impact": "no checkout\nin Europe", "service": "gateway"})
    assert modal(stage) == _lines("""
        == Declare an incident ==
        ## ℹ️ Declared: SEV1 · API answers 502
        Work on it in #incident-20260301-001.
        [Close]
        """)  # noqa: RUF001
    assert incidents(stage) == [FIRST]
    assert "(pinned) ## 🚨 SEV1 · API answers 502" in stage.slack.transcript(FIRST)
    assert "no checkout" in stage.slack.transcript(FIRST)
    assert "Ana Alvarez opened #incident-20260301-001" in stage.slack.transcript("incidents")
    assert stage.slack.direct_transcript("ana") == ""
    events = [entry.event for entry in await stage.world.app.store.look(lambda tx: tx.incidents.timeline(FIRST))]
    assert [event.text for event in events if isinstance(event, Noted)] == ["no checkout\nin Europe"]


async def test_a_private_one_leaks_nothing_and_is_no_duplicate_for_others(stage: SlackWorld) -> None:
    await opens(stage)
    await sends(stage, FILLED | {"title": "payroll leak", "private": ["Private"]})
    assert f"Work on it in #{FIRST}." in modal(stage)
    for channel in ("general", "incidents"):
        assert "payroll" not in stage.slack.transcript(channel)
    await opens(stage)
    assert "Is it one of these? 1 open incident:\n#incident-20260301-001 SEV1 · payroll leak" in modal(stage)
    await opens(stage, "carla")
    assert "payroll" not in modal(stage, "carla")
    assert "Is it one of these?" not in modal(stage, "carla")


async def test_a_refusal_keeps_what_was_typed_and_says_what_to_do(stage: SlackWorld) -> None:
    await opens(stage)
    await sends(stage, FILLED | {"service": "two words", "impact": "all\nof it", "private": ["Private"]})
    assert modal(stage).startswith(
        "== Declare an incident ==\n## ⚠️ 'two words' is no name of a service.\n"
        "A name is one word of at most 63 letters."
    )
    for field in (
        "is wrong?: [API answers 502]",
        "Severity: [SEV1 · critical]",
        "(x) Private",
        "[two words]",
        "[all\nof it]",
    ):
        assert field in modal(stage)
    assert incidents(stage) == []
    await sends(stage, {"service": "gateway"})
    assert f"Work on it in #{FIRST}." in modal(stage)
    assert "all\n    of it" in stage.slack.transcript(FIRST)


async def test_what_looks_like_an_option_or_a_quote_is_text(stage: SlackWorld) -> None:
    await opens(stage)
    await sends(stage, FILLED | {"title": 'the “API” says "no" --private', "impact": '--service="x" @channel'})
    assert "SEV1 · the 'API' says 'no' --private" in stage.slack.transcript("incidents")
    assert "--service='x' @" in stage.slack.transcript(FIRST)
    assert all(ping.kind == "user" for ping in stage.slack.pings)


async def test_sent_twice_it_is_one_incident(stage: SlackWorld) -> None:
    await opens(stage)
    stage.slack.faults.duplicate("interactive")
    await sends(stage, FILLED)
    assert incidents(stage) == [FIRST]
    assert f"Work on it in #{FIRST}." in modal(stage)


async def test_whoever_has_closed_the_form_is_told_directly(stage: SlackWorld) -> None:
    await opens(stage)
    held = stage.slack.faults.hold("views.update")  # the answer comes when the form is closed
    await stage.slack.submit("ana", values=FILLED)
    await stage.slack.close("ana")
    held.release()
    await stage.settled()
    assert f"Work on it in #{FIRST}." in stage.slack.direct_transcript("ana")
    await opens(stage)
    held = stage.slack.faults.hold("views.update")
    await stage.slack.submit("ana", values=FILLED | {"service": "two words", "impact": "x" * 500})
    await stage.slack.close("ana")
    held.release()
    await stage.settled()
    said = stage.slack.direct_transcript("ana")
    assert "'two words' is no name of a service." in said
    assert "x" * 500 in said.replace("\n    ", "")


async def test_a_guest_gets_no_form(stage: SlackWorld) -> None:
    await opens(stage, "gus")
    assert "Declaring is not for you." in modal(stage, "gus")
    assert FORM not in modal(stage, "gus")


async def test_declare_without_arguments_gives_the_form(stage: SlackWorld) -> None:
    await stage.slash("ana", "/incident declare")
    assert FORM in modal(stage)
    assert stage.slack.transcript("general") == ""
    await sends(stage, FILLED)
    assert incidents(stage) == [FIRST]


# ---------------------------------------------------------------- from a message


async def test_a_message_is_the_beginning_of_the_form_and_of_the_timeline(stage: SlackWorld) -> None:
    message = await stage.slack.say("ben", "general", "the *API* is <slow>\nsince noon", files=[("a.png", b"x")])
    await stage.slack.message_shortcut("ana", "general", message, "tocsin.declare_from")
    await stage.settled()
    assert "What is wrong?: [the *API* is <slow>]" in modal(stage)
    assert "(Goes on the incident's timeline: the *API* is <slow> since noon)" in modal(stage)
    stage.slack.faults.duplicate("interactive")
    await sends(stage, {"severity": "SEV2"})
    said = await stage.world.say("ana", FIRST, "/incident timeline")
    link = f"https://acme.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
    assert said.count("@Ben Brook: the *API* is <slow>") == 1
    assert f"since noon [a.png] message ({link})" in said
    assert "Added to the timeline" not in stage.slack.transcript(FIRST)


async def test_the_message_is_followed_where_it_was_said(stage: SlackWorld) -> None:
    message = await stage.slack.say("ben", "general", "the API is slow")
    await stage.slack.message_shortcut("ana", "general", message, "tocsin.declare_from")
    await stage.settled()
    await sends(stage, {"severity": "SEV2"})
    await stage.slack.edit("ben", "general", message, "the API is slow in Europe")
    await stage.settled()
    assert "slow in Europe" in await stage.world.say("ana", FIRST, "/incident timeline")


# ---------------------------------------------------------------- three seconds


async def test_the_form_is_open_before_the_database_has_answered(stage: SlackWorld, sqlite_url: str) -> None:
    with locked(sqlite_url):
        asking = stage.slack.global_shortcut("ana", "tocsin.declare")
        shown = _background(asking)
        await stage.slack.until(lambda: "One moment" in modal(stage), seconds=20)
    assert (await shown).ok
    await stage.settled()
    assert FORM in modal(stage)


async def test_a_database_that_stays_locked_leaves_a_way_out(
    stage: SlackWorld, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with impatient(stage, monkeypatch), locked(sqlite_url):
        await stage.slack.global_shortcut("ana", "tocsin.declare")
        await stage.slack.until(lambda: "type: /incident declare sev1 what is wrong" in modal(stage), seconds=20)
    await stage.settled()
    assert incidents(stage) == []


async def test_what_is_sent_while_the_database_is_locked_stays_in_the_form(
    stage: SlackWorld, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opens(stage)
    with impatient(stage, monkeypatch), locked(sqlite_url):
        ack = await stage.slack.submit("ana", values=FILLED)
        assert not ack.ok
        assert FORM in modal(stage)
    await sends(stage, {})
    assert incidents(stage) == [FIRST]


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "fail", "garble"])
async def test_a_form_whose_opening_failed_once_opens_all_the_same(stage: SlackWorld, fault: str) -> None:
    getattr(stage.slack.faults, fault)("views.open")
    await opens(stage)
    assert FORM in modal(stage)


async def test_whoever_gets_no_form_is_told_what_to_type(stage: SlackWorld) -> None:
    stage.slack.faults.fail("views.open", times=3)
    await opens(stage)
    assert modal(stage) == ""
    assert "Type instead: /incident declare sev1" in stage.slack.direct_transcript("ana")


async def test_a_form_that_was_closed_meanwhile_stays_closed(stage: SlackWorld) -> None:
    held = stage.slack.faults.hold("views.update")
    await stage.slack.global_shortcut("ana", "tocsin.declare")
    await stage.slack.until(lambda: modal(stage), seconds=20)
    await stage.slack.close("ana")
    held.release()
    await stage.settled()
    assert modal(stage) == ""
    assert stage.slack.direct_transcript("ana") == ""


# ---------------------------------------------------------------- a process that ends in the middle


async def left_behind(stage: SlackWorld, body: dict[str, Any]) -> None:
    """The process that took a delivery ended before it was worked; this one has just begun, and takes it up."""
    arrival, database = arrival_of(body, stage.world.clock.now()), stage.world.app.store.database
    await database.write(lambda c: arrivals.store(c, arrival, owner="a-process-that-ended"))
    mine, table = schema.arrivals.c.id == arrival.id, schema.arrivals
    await database.write(lambda c: c.execute(table.update().where(mine).values(owner="gone", finished_at=None)))
    stage.platform.bench.opening._tasks.clear()
    await stage.platform.intake._look()
    await stage.settled()


async def test_a_form_that_was_never_opened_is_said_after_a_restart(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        user, team = stage.slack.user("ana").id, stage.slack.team.id
        body = {"type": "shortcut", "callback_id": "tocsin.declare", "trigger_id": "1.2.3", "team": {"id": team}}
        await left_behind(stage, body | {"user": {"id": user, "team_id": team}})
        assert modal(stage) == ""
        said = stage.slack.direct_transcript("ana")
        assert "Tocsin was restarted while your form was to open." in said
        assert "type instead: /incident declare sev1 what is wrong" in said


async def test_a_form_that_was_filled_before_a_restart_is_left_as_it_is(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await opens(stage)
        stage.slack.fill(stage.slack.modal("ana"), FILLED)  # type: ignore[arg-type] # it is open
        body = next(one.payload for one in stage.slack.core.deliveries.sent if one.kind == "interactive")
        await left_behind(stage, body)
        assert "[API answers 502]" in modal(stage)
        assert stage.slack.direct_transcript("ana") == ""
        await sends(stage, {})
        assert incidents(stage) == [FIRST]


@pytest.mark.parametrize("seed", range(4))
async def test_with_calls_that_fail_in_every_way_the_end_is_the_same(sqlite_url: str, seed: int) -> None:
    async with slack_world(sqlite_url) as stage:
        slack = stage.slack
        slack.faults.reseed(seed)
        message = await slack.say("ben", "general", "the API is slow")
        await slack.message_shortcut("ana", "general", message, "tocsin.declare_from")
        await stage.settled()
        slack.faults.all_ways(0.05)
        slack.faults.duplicate("interactive", times=2)
        await sends(stage, {"severity": "SEV2", "impact": "checkout"})
        await slack.message_shortcut("ana", FIRST, slack.message(FIRST, "First steps"), "tocsin.add_to_timeline")
        await slack.edit("ben", "general", message, "the API is slow in Europe")
        await slack.open_home("ana")
        await stage.settled()
        slack.faults.clear()
        await stage.settled()
        assert incidents(stage) == [FIRST]
        assert f"Work on it in #{FIRST}." in modal(stage)
        assert slack.transcript(FIRST).count("Noted as impact") == 1
        said = await stage.world.say("ana", FIRST, "/incident timeline")
        assert (said.count("@Ben Brook: the API is slow in Europe"), said.count("Tocsin: ")) == (1, 1)
        assert "SEV2 · the API is slow" in slack.home("ana")


def _background(work: Any) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work)


def _lines(text: str) -> str:
    return dedent(text).strip()
