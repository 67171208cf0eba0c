"""Drills: something is really broken, nobody outside is told, and at the end there is a review in points."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.drills import DrillTimer
from commands.domain.drill import DrillReviewed
from tests.scenario.drilling import Breakable, Ground, ground
from tests.scenario.stage import Stage, Still, golden, transcript, without_card

#: The points of a drill in which nobody did more than take command.
POINTS = """\
  What                 Points    Why
  Acknowledged         15 of 15  after 3 min, due within 4 h
  Incident commander   10 of 10  after 3 min, due within 4 h
  First update         0 of 10   not done; due within 1 h
  Mitigated            0 of 10   not done; due within 15 min
  Resolved             0 of 10   not done; due within 30 min
  Roles                0 of 10   nobody was technical lead or communications lead
  Status page          0 of 10   no update was drafted
  Cause                0 of 5    nobody wrote it down
  Handover             5 of 5    not needed in 3 min
  Resolution verified  0 of 10   it was not resolved
  Postmortem           2 of 5    nobody noted what is to be done or learnt"""

SLOW = "answers take 800 ms longer, on every route"
#: Everybody who could be told of an incident.
OUTSIDE: dict[str, Any] = {
    "stakeholders": {
        "bosses": {
            "kind": "webhook",
            "url": "https://hub.example.com/incidents",
            "secret": "sixteen-or-more-characters",
        },
        "network": {"kind": "channel", "channel": "network", "form": "tactical"},
    },
    "tickets": {"jira": {"enabled": True, "url": "https://jira.test", "project": "OPS", "user": "b", "token": "t"}},
    "status_page": {"pages": [{"name": "main", "page_id": "aaa", "api_key": "k", "url": "https://pages.test"}]},
    "paging": {"pagerduty": {"routing_keys": {"*": "key"}}, "at_declaration": ["sev1", "sev2", "sev3"]},
    "invite": {"SEV3": ["managers"]},
}


@transcript("/drill list")
async def test_what_can_be_practised(drills: Ground) -> None:
    assert await drills.stage.types("ana", "general", "/drill list") == golden(
        """
        [#general, only ana]
        Drills
          slow-backend: answers take 800 ms longer, on every route.
          Expected: See that only latency is up; restart or scale.
          failing-backend: 60% of the requests fail with 502, on every route.
          Expected: See how many fail and with what; restart or roll back.
          outage: all requests fail with 503, on every route.
          Expected: Take the roles and tell the public first; restart or roll back.
          one-route: 90% of the requests fail with 500, on the busiest route.
          Expected: Find the route, say that only it is affected; restart or roll back.
          lost-cluster: nothing is broken, it is talked through.
          Expected: Talk through its recovery: who decides, what comes back from where.
          (To start one: /drill start slow-backend)
        """
    )


@transcript("/drill start")
async def test_a_drill_begins_once_somebody_says_yes(drills: Ground) -> None:
    stage = drills.stage
    assert await stage.types("ana", "general", "/drill start one-route --for 10m") == golden(
        """
        [#general, all]
        Start the drill one-route?
          gateway is really broken: 90% of the requests fail with 500, on the route users. Whoever uses it notices.
          It ends with the drill, after 10 min at the latest.
          Nobody is rung, and no status page, stakeholder or ticket is told.
          The crew reads: One team says that their part does not work
          Expected: Find the route, say that only it is affected; restart or roll back.
          [Start the drill] [Cancel]
          (by @Ana Ruiz)
        """
    )
    assert await drills.told() == set()
    assert without_card(await stage.presses("ana", "general", "Start the drill")) == golden(
        """
        [#incident-20260301-001, all]
        First steps
          SEV3: respond within 4 h.
          Take command: /incident role claim ic
          See how the gateway is: /gw status
          See what fails: /gw errors
          Write down what you find: /incident note what you saw
          Tell everybody what you know: /incident status identified what it is
        [#incidents, all]
        SEV3 · DRILL: One team says that their part does not work
          @Ana Ruiz opened #incident-20260301-001
        [#incident-20260301-001, all]
        This is a DRILL
          gateway is really broken, until 12:10 UTC at the latest.
          Work as you would in earnest. Nobody is rung; no status page, stakeholder or ticket is told.
          What they would be told is shown here.
          Something is really wrong? /incident declare ends the fault.
          To end the drill: /incident resolve or /drill stop.
        [#general, all]
        DRILL: One team says that their part does not work
          Work on it in #incident-20260301-001.
          (by @Ana Ruiz)
        """
    )
    await drills.works()
    assert drills.gateway.broken == ["90% of the requests fail with 500, on the route users"]
    assert drills.gateway.injected == ["incident-20260301-001 by ana"]


@transcript("/drill stop", "/drill review")
async def test_a_drill_is_stopped_and_reviewed(drills: Ground) -> None:
    stage, channel = drills.stage, (await drills.starts()).channel
    stage.later(minutes=3)
    await stage.quietly("ben", channel, "/incident role claim ic")
    assert await stage.types("ben", channel, "/drill review") == golden(
        """
        [#incident-20260301-001, all]
        DRILL review, so far: 32 of 100 points
        """,
        POINTS,
        "  (@Ben Okafor: /drill review)",
    )
    assert without_card(await stage.types("ana", channel, "/drill stop no time")) == golden(
        """
        [#incident-20260301-001, all]
        The drill is over
          The fault is being ended.
          The review follows.
          (by @Ana Ruiz)
        [#incident-20260301-001, all]
        DRILL review: 32 of 100 points
          Broken was: answers take 800 ms longer, on every route.
          Expected: See that only latency is up; restart or scale.
        """,
        POINTS,
    )
    await drills.works()
    assert drills.gateway.broken == []
    await drills.works(hours=3)
    assert "DRILL review: 32 of 100" in await stage.types("ben", channel, "/drill review")


async def test_nobody_outside_is_told_of_a_drill(sqlite_url: str) -> None:
    async with ground(sqlite_url, **OUTSIDE) as drills:
        stage, channel = drills.stage, (await drills.starts()).channel
        await stage.quietly("ana", channel, "/incident role claim ic", "/incident role claim comms")
        said = await stage.types("ana", channel, "/page @ben the answers are slow")
        assert without_card(said) == golden(
            """
        [#incident-20260301-001, all]
        DRILL, nobody is called: the answers are slow
          Would be called: @Ben Okafor (Gateway engineer)
          Without an answer by 12:05 UTC it goes on to @Ana Ruiz (on call for gateway).
          [I'm on it] [Call the next]
        """
        )
        await stage.types("ana", channel, "/stakeholders send executive Answers are slow.")
        assert without_card(await stage.presses("ana", channel, "Send")) == golden(
            """
        [#incident-20260301-001, all, edited]
        To the stakeholders (executive)
          Sent by @Ana Ruiz.
        [#incident-20260301-001, all]
        DRILL: to 1 stakeholder (executive)
          @Ana Ruiz would have told bosses. DRILL: it went nowhere.
        """
        )
        await stage.types("ana", channel, "/status post identified")
        assert "DRILL: nobody reads it. It would be on the status page (/status), main." in await stage.presses(
            "ana", channel, "Publish"
        )
        await stage.quietly(
            "ana", channel, "/incident status monitoring it is watched", "/incident severity sev1 worse"
        )
        await stage.quietly("ana", channel, "/incident resolve --anyway it was restarted")
        await drills.works()
        assert await drills.told() == {"fault injection"}
        told = await stage.asks("ana", "general", "/status")
        assert "The public reads of no incident." in told
        assert await stage.world.app.store.look(lambda tx: tx.stakeholders.of(channel)) == []
        assert await stage.world.app.store.look(lambda tx: tx.tickets.of(channel)) == {}
        room = await stage.world.app.store.look(lambda tx: tx.messages.may_read("network", "ana"))
        assert not room
        timeline = await stage.asks("ana", channel, "/incident timeline")
        assert "would have paged" in timeline
        assert "would have told bosses" in timeline
        assert "would have told the public" in timeline
        assert " told the public" not in timeline.replace("would have told the public", "")


async def test_the_right_change_ends_the_fault(drills: Ground) -> None:
    stage, channel = drills.stage, (await drills.starts()).channel
    await stage.quietly("ana", channel, "/incident role claim ic")
    assert "Restart" in await stage.runs("ana", channel, "/gw restart", by="ben")
    await drills.works()
    assert drills.gateway.broken == []
    stage.later(minutes=5)
    await stage.quietly("ana", channel, "/incident resolve restarted")
    marks = {one.what: one for one in (await _review(drills, channel)).marks}
    assert (marks["Mitigated"].points, marks["Resolved"].points) == (10, 10)


async def _review(drills: Ground, channel: str) -> DrillReviewed:
    entries = await drills.stage.world.app.store.look(lambda tx: tx.incidents.timeline(channel))
    return [one.event for one in entries if isinstance(one.event, DrillReviewed)][-1]


async def test_a_kill_ends_the_fault_and_loses_no_review(sqlite_url: str) -> None:
    gateway = Breakable(Still())
    async with ground(sqlite_url, gateway) as before:
        channel = (await before.starts()).channel
        assert gateway.broken == [SLOW]
    gateway.clock.advance(timedelta(minutes=11))
    assert gateway.broken == []  # while nobody was there to end it
    async with ground(sqlite_url, gateway) as after:
        await after.stage.quietly("ana", channel, "/drill stop")
        review = await _review(after, channel)
        await after.stage.drafted(await after.newest())
    async with ground(sqlite_url, gateway) as again:
        said = await again.stage.types("ana", channel, "/drill review")
        assert f"DRILL review: {review.points} of 100 points" in said
        assert review.points == 7


async def test_the_end_that_a_kill_came_before_is_made_up_for(sqlite_url: str) -> None:
    gateway = Breakable(Still())
    async with ground(sqlite_url, gateway) as before:
        channel = (await before.starts()).channel
        await before.stage.quietly("ana", channel, "/drill stop")
        await before.stage.drafted(await before.newest())
        assert gateway.broken == [SLOW]
    async with ground(sqlite_url, gateway) as after:
        await after.works()
        assert gateway.broken == []


async def test_a_fault_that_comes_too_late_is_not_injected(drills: Ground) -> None:
    drills.gateway.desired = 3
    await drills.stage.types("ana", "general", "/drill start slow-backend --for 1m")
    await drills.stage.presses("ana", "general", "Start the drill")
    drills.gateway.down = True
    await drills.works()
    drills.gateway.down = False
    assert "nothing was broken" in await drills.works(minutes=2)
    assert drills.gateway.injected == []


async def test_a_drill_that_was_stopped_breaks_nothing_any_more(drills: Ground) -> None:
    await drills.stage.types("ana", "general", "/drill start slow-backend")
    await drills.stage.presses("ana", "general", "Start the drill")
    await drills.stage.quietly("ana", (await drills.newest()).channel, "/drill stop")
    await drills.works()
    assert drills.gateway.injected == []


async def test_what_is_real_ends_the_fault_of_a_drill(drills: Ground) -> None:
    channel = (await drills.starts()).channel
    said = await drills.stage.types("ben", "general", "/incident declare sev2 really slow")
    assert "Something is really wrong" in said
    await drills.works()
    assert drills.gateway.broken == []
    assert (await drills.stage.world.incident(channel)).status.is_open


@pytest.mark.parametrize(
    ("before", "line", "why"),
    [
        ("", "/drill start nothing-like-it", "There is no drill nothing-like-it."),
        ("", "/drill start slow-backend --for 2h", "A drill lasts from a minute to an hour."),
        ("/incident declare sev3 slow", "/drill start slow-backend", "is open, and is real."),
        ("/tocsin freeze a release", "/drill start slow-backend", "All changes are frozen."),
        ("down", "/drill start slow-backend", "gateway is not well: the gateway does not answer."),
    ],
)
async def test_when_nothing_is_broken_on_purpose(drills: Ground, before: str, line: str, why: str) -> None:
    drills.gateway.down = before == "down"
    if before.startswith("/"):
        await drills.stage.quietly("dev", "general", before)
    said = await drills.stage.types("ana", "general", line)
    assert why in said
    assert drills.gateway.injected == []


async def test_one_drill_at_a_time_and_a_yes_that_is_not_too_old(drills: Ground) -> None:
    stage = drills.stage
    await stage.types("ana", "general", "/drill start slow-backend")
    old = await stage.message_with("Start the drill", "general")
    stage.later(minutes=6)
    assert "That question is too old." in await stage.presses("ana", "general", "Start the drill")
    assert not (await stage.clicks("ana", old, "Start the drill")).accepted
    await drills.starts()
    assert "A drill goes on already" in await stage.types("ben", "general", "/drill start outage")
    channel = (await drills.newest()).channel
    assert "This is no drill" not in await stage.types("ben", channel, "/drill stop")
    incident = await stage.declares()
    assert "This is no drill, it is real." in await stage.types("ben", incident.channel, "/drill stop")
    assert "is no drill." in await stage.types("ben", incident.channel, "/drill review")


async def test_without_a_gateway_to_break_it_is_talked_through(stage: Stage) -> None:
    said = await stage.types("ana", "general", "/drill start outage")
    assert "No fault can be injected here" in said
    assert "Try: /drill start outage --tabletop" in said
    assert "talked through only" in await stage.types("ana", "general", "/drill list")
    await stage.types("ana", "general", "/drill start outage --tabletop")
    said = await stage.presses("ana", "general", "Start the drill")
    assert "Nothing is broken: say what you would do" in said


class Once:
    """The steps of a workflow, each run once."""

    def run(self, _name: str, step: Callable[[], None], otherwise: Callable[[Exception], None] | None = None) -> None:
        assert otherwise is None
        step()


async def test_the_time_of_a_drill_is_over(drills: Ground) -> None:
    store, drill = drills.stage.world.app.store, await drills.starts("/drill start slow-backend --for 1m")
    drills.stage.later(minutes=2)
    await asyncio.to_thread(DrillTimer(store), Once(), {"incident": drill.id})
    assert await drills.stage.news() == golden(
        """
        [#incident-20260301-001, all]
        The drill's time is over
          The fault has ended by itself.
          To end the drill: /incident resolve or /drill stop.
        """
    )
    await drills.stage.quietly("ana", drill.channel, "/drill stop")
    await asyncio.to_thread(DrillTimer(store), Once(), {"incident": drill.id})
    assert "is over" not in await drills.stage.news()


async def test_the_settings_have_scenarios_of_their_own_and_may_break_nothing(sqlite_url: str) -> None:
    own = {"title": "The cache is cold", "expects": "Warm it.", "severity": "sev4"}
    async with ground(sqlite_url, drills={"inject": False, "scenarios": {"cold-cache": own}}) as drills:
        assert (
            "  cold-cache: nothing is broken, it is talked through.\n  Expected: Warm it."
            in await drills.stage.types("ana", "general", "/drill list")
        )
        assert "No fault can be injected here" in await drills.stage.types("ana", "general", "/drill start outage")
        assert (await drills.starts("/drill start cold-cache --tabletop")).severity == "SEV4"


POLICY = """
rules:
- name: drills-by-two
  effect: allow
  commands: [drill start]
  who: {roles: [responder, operator, admin]}
  approvals: {count: 1, who: {roles: [operator, admin]}}
"""


async def test_the_policy_says_who_may_break_something(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY, encoding="utf-8")
    async with ground(sqlite_url, policy={"file": str(file)}) as drills:
        await drills.stage.types("ben", "general", "/drill start slow-backend")
        question = await drills.stage.message_with("Start the drill", "general")
        said = await drills.stage.presses("ben", "general", "Start the drill")
        assert "The rule drills-by-two asks for the yes of somebody else." in said
        assert await drills.told() == set()
        assert (await drills.stage.clicks("dev", question, "Start the drill")).accepted
        await drills.works()
        assert drills.gateway.broken == [SLOW]
