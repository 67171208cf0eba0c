"""What somebody tries who wants a change that is not theirs to make: over Slack's own wire, rightly signed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bot.store import schema
from commands.domain.incident import Noted
from commands.domain.plan import Plan, PlanState
from tests.slack.stage import PEOPLE, SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"
TWO_MORE = {
    "rules": [
        {
            "name": "two-more",
            "effect": "allow",
            "commands": ["gw scale"],
            "who": {"roles": ["operator", "admin"]},
            "approvals": {"count": 2, "who": {"roles": ["operator", "admin"]}},
        }
    ]
}
FOUR = [*PEOPLE, {"id": "dora", "name": "Dora Dale", "roles": ["operator"], "email": "dora@acme.example"}]


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    """Ana and Ben are operators; a private incident of Ana's has a plan that waits."""
    async with slack_world(sqlite_url) as running:
        await running.slash("ana", "/incident declare sev1 payroll leak --private")
        await running.slash("ana", "/gw scale 5", WHERE)
        yield running


async def press(stage: SlackWorld, who: str, *, place: str = "", **action: str) -> None:
    """Ana's Confirm as another sends it, with a signature of this moment; from another `place` perhaps."""
    message = next(one for one in stage.slack.messages(WHERE) if "Confirm" in json.dumps(one.blocks))
    button = next(
        element
        for block in message.blocks
        for element in block.get("elements", ())
        if isinstance(element.get("text"), dict) and element["text"].get("text") == "Confirm"
    )
    payload: dict[str, Any] = copy.deepcopy(stage.slack._in_message(stage.slack.user("ana"), message))
    user = stage.slack.user(who)
    payload["user"] |= {"id": user.id, "name": user.name, "username": user.name}
    if place:
        payload["channel"] = {"id": stage.slack.channel(place).id, "name": place}
        payload["container"]["channel_id"] = stage.slack.channel(place).id
    payload["actions"] = [{**button, "block_id": "b", "action_ts": "1.2", **action}]
    ack = await stage.slack.core.deliveries.ask("interactive", payload)
    assert ack.status == 200
    await stage.settled()


async def test_a_button_carries_nothing_that_could_be_worked_out(stage: SlackWorld) -> None:
    known = (await plan(stage)).id
    shown = await stage.world.message(f"{known}:card")
    assert shown.card is not None
    tokens = [button.token for button in shown.card.buttons]
    assert len({*tokens}) == len(tokens) == 3
    for token in tokens:
        assert re.fullmatch(r"[\w-]{22}", token)
        assert known.rpartition("-")[2] not in token


async def plan(stage: SlackWorld) -> Plan:
    return await stage.world.plan()


async def test_a_button_that_is_pressed_again_and_again_counts_once(stage: SlackWorld) -> None:
    await stage.click("ana", WHERE, "Confirm")
    await stage.world.settled()
    (pressed,) = [one for one in stage.slack.core.deliveries.sent if one.kind == "interactive"]
    for number in range(3):
        again = copy.deepcopy(pressed.payload)
        again["trigger_id"] = f"{again['trigger_id']}{number}"
        again["actions"][0]["action_ts"] = f"{number}.5"
        await stage.slack.core.deliveries.ask("interactive", again)
        await stage.slack.core.deliveries.ask("interactive", pressed.payload)
    await stage.settled()
    assert stage.world.gateway.asked == ["scale"]


@pytest.mark.parametrize(
    "action",
    [
        {"value": "forged-token-of-22-chars"},
        {"value": "plan.confirm"},
        {"value": "", "action_id": "tocsin.click.0"},
        {"action_id": "plan.confirm"},
        {"action_id": "tocsin.admin"},
        {"value": "PLAN"},
        {"value": "plan.confirm:PLAN"},
        {"value": "PLAN:card:plan.confirm"},
    ],
)
async def test_a_forged_action_is_nothing(stage: SlackWorld, action: dict[str, str]) -> None:
    known = (await plan(stage)).id
    await press(stage, "ana", **{key: value.replace("PLAN", known) for key, value in action.items()})
    assert (await plan(stage)).state is PlanState.PLANNED
    assert stage.world.gateway.asked == []


async def test_a_click_counts_for_nobody_but_those_who_may(stage: SlackWorld) -> None:
    slack = stage.slack
    slack.add_user("guy", "guest", real_name="Guy Guest")
    slack.channel(WHERE).members.append(slack.user("guy").id)
    slack.channel(WHERE).members.append(slack.user("carla").id)
    for who in ("guy", "carla"):  # a guest, and no operator
        await press(stage, who)
    await press(stage, "ben", place="general")  # an operator who is not in the private channel
    assert slack.transcript(WHERE).endswith("That button is out of date.\n    Use the newest message.")
    await slack.deactivate("ben")
    await stage.settled()
    slack.channel(WHERE).members.append(slack.user("ben").id)
    await press(stage, "ben")
    assert (await plan(stage)).state is PlanState.PLANNED
    assert stage.world.gateway.asked == []
    await press(stage, "ana")
    await stage.world.settled()
    assert stage.world.gateway.asked == ["scale"]


async def guarded(sqlite_url: str, tmp_path: Path) -> Any:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(TWO_MORE), encoding="utf-8")
    return slack_world(sqlite_url, overrides={"people": FOUR, "policy": {"file": str(file)}})


async def test_who_asked_has_no_second_vote_from_anywhere(sqlite_url: str, tmp_path: Path) -> None:
    async with await guarded(sqlite_url, tmp_path) as stage:
        await stage.slash("ana", "/gw scale 5")
        asked = await plan(stage)
        assert "somebody else approves it" in await stage.world.say("ana", "general", f"/approve {asked.id}")
        await stage.slash("ana", f"/tocsin approve {asked.id}")
        await stage.slash("ben", f"/tocsin approve {asked.id}")
        assert "You have approved this already" in await stage.world.say("ben", "general", f"/approve {asked.id}")
        found = await plan(stage)
        assert (found.state, [vote.person for vote in found.votes]) == (PlanState.PLANNED, ["ben"])
        assert stage.world.gateway.asked == []


async def test_a_plan_that_somebody_edits_in_the_record_is_not_run(sqlite_url: str, tmp_path: Path) -> None:
    async with await guarded(sqlite_url, tmp_path) as stage:
        await stage.slash("ana", "/gw scale 5")
        asked = await plan(stage)
        await stage.slash("ben", f"/tocsin approve {asked.id}")
        edited = (await plan(stage)).model_copy(update={"after": {"replicas": 20}, "arguments": {"replicas": 20}})
        change = schema.plans.update().where(schema.plans.c.id == asked.id).values(body=edited.model_dump_json())
        await stage.world.app.store.database.write(lambda connection: connection.execute(change))
        await stage.slash("dora", f"/tocsin approve {asked.id}")
        ended = await stage.world.settled()
        assert (ended.state, stage.world.gateway.asked) == (PlanState.FAILED, [])
        assert "somebody has changed the plan itself" in ended.detail


async def test_what_people_type_is_a_value_whatever_it_spells(stage: SlackWorld) -> None:
    slack = stage.slack
    spells = [
        "$(reboot); `reboot` && rm -rf / | sh",
        "key: !!python/object/apply:os.system [reboot]",
        '[{"op": "replace", "path": "/spec/replicas", "value": 0}]',
        '"}]}, {"type": "actions", "elements": []} <!channel> <!everyone> <@U0> & <https://evil.example|click>',
        "*bold* _x_ ~y~ @channel @here",
    ]
    for spell in spells:
        await stage.slash("ana", f"/incident note {spell}", WHERE)
        await stage.slash("ana", f"/gw logs {spell}", WHERE)
    events = [e.event for e in await stage.world.app.store.look(lambda tx: tx.incidents.timeline(WHERE))]
    assert [one.text for one in events if isinstance(one, Noted)] == spells
    assert [one for one in slack.pings if one.kind != "user"] == []
    parsed = [one.text for one in slack.messages(WHERE) if one.user == slack.bot.id]
    parsed += [text for one in slack.messages(WHERE) for text in marked_up(one.blocks)]
    assert not [one for one in parsed if "<!channel>" in one or "<!everyone>" in one or "|click>" in one]


def marked_up(found: Any) -> Iterator[str]:
    """The texts in which Slack would look for mentions and links."""
    if isinstance(found, dict):
        if found.get("type") == "mrkdwn":
            yield found["text"]
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            yield from marked_up(one)


async def test_a_clock_that_jumps_runs_nothing_that_was_over(stage: SlackWorld) -> None:
    clock = stage.world.clock
    clock.advance(timedelta(days=1))
    await press(stage, "ana")
    clock.advance(timedelta(days=-2))
    await press(stage, "ana")
    found = await plan(stage)
    assert found.state in {PlanState.PLANNED, PlanState.EXPIRED}
    assert "The clock has gone back since this plan was made." in stage.slack.transcript(WHERE)
    assert stage.world.gateway.asked == []
    query = sa.select(schema.audit.c.kind).where(schema.audit.c.kind == "confirmed")
    assert await stage.world.app.store.database.read(lambda c: c.execute(query).all()) == []
