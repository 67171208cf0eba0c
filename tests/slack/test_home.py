"""The home tab: open incidents, roles, and what waits for a yes, for each person their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from textwrap import dedent

import pytest

from bot.store import outgoing
from bot.store.transaction import SqlTransaction
from commands.cards import Fact, rich
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE, SECOND = "incident-20260301-001", "incident-20260301-002"


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    """An incident with Ana and Ben in its channel; Ana is its commander."""
    async with slack_world(sqlite_url) as running:
        await running.slash("ana", "/incident declare sev1 API answers 502")
        await running.slack.join("ben", WHERE)
        await running.slash("ana", "/incident role claim ic", WHERE)
        yield running


async def home(stage: SlackWorld, who: str) -> str:
    await stage.slack.open_home(who)
    await stage.settled()
    return stage.slack.home(who)


async def press(stage: SlackWorld, who: str, label: str) -> str:
    view = stage.slack.team.homes[stage.slack.user(who).id]
    await stage.slack.click(who, view, label)
    await stage.settled()
    return stage.slack.home(who)


async def test_what_is_open_and_ones_roles(stage: SlackWorld) -> None:
    assert await home(stage, "ana") == _lines("""
        ## 1 open incident
        #incident-20260301-001 SEV1 · API answers 502 (investigating, for 0 s): you are incident commander
        [Declare an incident]
        """)
    await stage.slash("ana", "/incident resolve more workers", WHERE)
    assert await home(stage, "carla") == "## No incident is open\n[Declare an incident]"


async def test_a_plan_is_confirmed_from_home(stage: SlackWorld) -> None:
    await stage.slash("ben", "/gw scale 5", WHERE)
    shown = await home(stage, "ana")
    assert shown.startswith("## Waiting for you: 1\n## ⚠️ Scale gateway up from 3 to 5 workers?\n")
    assert "[Confirm] [Veto] [Cancel]" in shown
    assert "Waiting for you" not in await press(stage, "ana", "Confirm")
    await stage.world.settled()
    assert stage.world.gateway.asked == ["scale"]


async def test_who_may_not_confirm_has_nothing_waiting(stage: SlackWorld) -> None:
    await stage.slash("ben", "/gw scale 5", WHERE)
    assert "Waiting for you" not in await home(stage, "carla")


async def test_a_handover_is_accepted_from_home(stage: SlackWorld) -> None:
    await stage.slash("ana", "/handover @ben", WHERE)
    assert "Handover: SEV1 · API answers 502" in await home(stage, "ben")
    assert "Waiting for you" not in await home(stage, "ana")
    assert "you are incident commander" in await press(stage, "ben", "Accept")
    assert "Ben Brook is incident commander now" in stage.slack.transcript(WHERE)


async def test_what_does_not_fit_at_home_comes_directly_and_whole(stage: SlackWorld) -> None:
    await stage.slash("ana", "/handover @ben", WHERE)

    def lengthen(tx: SqlTransaction) -> None:
        incident = tx.incidents.in_channel(WHERE)
        assert incident
        assert incident.offer
        found = outgoing.readable(tx.connection, incident.offer.id, "ben", within=WHERE)
        assert found
        facts = tuple(Fact(label=f"Fact {number}", value=rich("x" * 300)) for number in range(60))
        tx.messages.edit(found.key, found.card.model_copy(update={"facts": facts}))

    await stage.world.app.store.transact("test", lengthen)
    await home(stage, "ben")
    await press(stage, "ben", "Show all")
    assert stage.slack.direct_transcript("ben").count("<file: ") == 1


async def test_a_button_that_is_out_of_date_says_so_directly(stage: SlackWorld) -> None:
    await stage.slash("ben", "/gw scale 5", WHERE)
    await home(stage, "ana")
    await home(stage, "ben")
    await press(stage, "ben", "Cancel")
    await press(stage, "ana", "Confirm")
    assert "Tocsin" in stage.slack.direct_transcript("ana")
    assert stage.world.gateway.asked == []


async def test_the_button_opens_the_form(stage: SlackWorld) -> None:
    await home(stage, "carla")
    await press(stage, "carla", "Declare an incident")
    assert "What is wrong?" in stage.slack.modals("carla")[-1]


async def test_a_private_incident_is_at_home_with_its_members_only(stage: SlackWorld) -> None:
    await stage.slash("ana", "/incident declare sev1 payroll leak --private")
    await stage.slash("ana", "/gw scale 6", SECOND)
    assert "payroll leak" in await home(stage, "ana")
    for who in ("ben", "carla", "gus"):
        shown = await home(stage, who)
        assert "payroll" not in shown
        assert "6 workers" not in shown


async def test_many_that_wait_are_counted(stage: SlackWorld) -> None:
    for replicas in range(4, 14):
        await stage.slash("ben", f"/gw scale {replicas}", WHERE)
    shown = await home(stage, "ana")
    assert shown.startswith("## Waiting for you: 10")
    assert shown.count("[Confirm] [Veto] [Cancel]") == 8
    assert "(and 2 more, in their incidents' channels)" in shown


async def test_a_guest_sees_nothing(stage: SlackWorld) -> None:
    assert await home(stage, "gus") == "## No incident is open"


def _lines(text: str) -> str:
    return dedent(text).strip()
