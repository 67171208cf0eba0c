"""Private conversations of Slack stay private here, whichever way somebody spoke first; people are who Slack says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.platforms.slack.attendance import Attendance
from bot.platforms.slack.own_accounts import OwnAccounts
from bot.platforms.slack.people import BELIEVED
from bot.store.messages import may_read
from commands.errors import NotFound
from commands.people import Directory, Person
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


async def _sees(stage: SlackWorld, channel: str, person: str) -> bool:
    name = f"{channel.lower()}@slack:{stage.slack.team.id}"
    return await stage.world.app.store.database.read(lambda c: may_read(c, name, person))


async def test_a_mention_in_a_private_channel_is_read_by_its_people_alone(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        secret = stage.slack.add_channel("secret", [stage.slack.bot, "ana", "ben"], kind="private")
        await stage.slack.mention("ana", secret, "list")
        await stage.settled()
        assert await _sees(stage, secret.id, "ana")
        assert not await _sees(stage, secret.id, "carla")
        await stage.slash("ben", "/incident list", secret.id)
        assert "No incident is open" in stage.slack.transcript(secret)
        assert await _sees(stage, secret.id, "ben")


async def test_after_a_command_others_of_a_private_channel_may_mention(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        secret = stage.slack.add_channel("secret", [stage.slack.bot, "ana", "ben"], kind="private")
        await stage.slash("ana", "/incident list", secret.id)
        await stage.slack.mention("ben", secret, "list")
        await stage.settled()
        assert stage.slack.transcript(secret).count("No incident is open") == 2
        assert not await _sees(stage, secret.id, "carla")


async def test_a_delivery_is_not_lost_while_slack_does_not_say_who_we_are(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        stage.platform._installs._found = None  # type: ignore[attr-defined] # as in a process that has just begun
        stage.slack.faults.fail("auth.test", times=2)
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        assert "API answers 502" in stage.slack.transcript("incidents")


async def test_an_address_is_nobody_elses_where_the_settings_name_the_account(sqlite_url: str) -> None:
    ana = Person(id="ana", name="Ana", email="ana@acme.example")
    own = OwnAccounts([ana], {"slack": {"U1": "ana"}})
    assert own.person("T1", "U1", "") == ana
    assert own.person("T1", "U9", "ana@acme.example") is None


def test_a_name_that_looks_like_an_id_catches_no_mentions() -> None:
    thief = Person(id="slack-t1-u1", name="slack-t1-u2", handle="ana")
    other = Person(id="slack-t1-u2", name="Bea", handle="ana")
    directory = Directory([thief, other])
    assert directory.find("@slack-t1-u2") == other
    with pytest.raises(NotFound, match="2 people are called @ana"):
        directory.find("@ana")


async def test_who_leaves_or_is_deactivated_reads_and_does_nothing_from_then_on(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("ana", "/incident declare sev1 a leak of keys --private")
        where = next(one for one in stage.slack.team.channels.values() if one.name.startswith("incident-"))
        await stage.slack.invite("ana", where, "ben")
        await stage.settled()
        assert await stage.world.app.store.look(lambda tx: tx.messages.may_read(where.name, "ben"))
        await stage.slack.leave("ben", where)
        await stage.settled()
        assert not await stage.world.app.store.look(lambda tx: tx.messages.may_read(where.name, "ben"))
        await stage.slash("ana", "/incident role tech @ben", where.id)
        assert stage.slack.user("ben").id in where.members
        where.members.remove(stage.slack.user("ben").id)  # Slack's word of it is lost
        bench = stage.platform.bench
        stage.slack.faults.fail("conversations.members", times=9)
        beginning = Attendance(bench.web, bench.people, bench.store)
        await beginning.take(stage.slack.team.id)
        assert await stage.world.app.store.look(lambda tx: tx.messages.may_read(where.name, "ben"))
        stage.slack.faults.clear()
        await beginning.take(stage.slack.team.id)
        assert not await stage.world.app.store.look(lambda tx: tx.messages.may_read(where.name, "ben"))
        assert await stage.world.app.store.look(lambda tx: tx.messages.may_read(where.name, "ana"))
        await stage.slack.deactivate("ben")
        await stage.settled()
        person = stage.world.app.services.directory.get("ben", f"slack:{stage.slack.team.id}")
        assert person is not None
        assert not person.roles


async def test_roles_by_a_group_end_with_the_group_and_with_slacks_word_for_it(sqlite_url: str) -> None:
    async with slack_world(sqlite_url, groups={"sre": ["operator"]}) as stage:
        slack = stage.slack
        slack.add_group("sre", ["carla"])
        await stage.slash("carla", "/gw scale 4")
        assert "Scale gateway up from 3 to 4 workers?" in slack.transcript("general")
        slack.faults.fail("users.info", probability=1.0)
        stage.world.clock.advance(BELIEVED + timedelta(minutes=1))
        await stage.slash("carla", "/gw scale 5")
        refused = slack.messages("general")[-1].text
        assert "/gw scale is not for you: no rule of the policy allows it." in refused
        assert "Slack does not say at the moment who is in its groups" in refused
        slack.faults.clear()
        await stage.slash("carla", "/gw scale 6")
        assert "Scale gateway up from 3 to 6 workers?" in slack.transcript("general")
        slack.switch_group_off("sre")
        await stage.settled()
        await stage.slash("carla", "/gw scale 7")
        refused = slack.messages("general")[-1].text
        assert "/gw scale is not for you: no rule of the policy allows it." in refused
        assert "Slack does not say" not in refused


async def test_for_a_command_that_is_refused_anyway_nobody_is_looked_up(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        dora = stage.slack.user("dora").id
        stage.slack.channel("general").members.append(stage.slack.user("gus").id)
        for who, line in (("gus", "role ic @dora"), ("ana", "no such command @dora")):
            await stage.slack.mention(who, "general", line)
            await stage.settled()
        assert "is not for you" in stage.slack.transcript("general")
        assert dora not in [call.args["user"] for call in stage.slack.calls_of("users.info")]
        await stage.slack.mention("ana", "general", "role ic @dora")
        await stage.settled()
        assert dora in [call.args["user"] for call in stage.slack.calls_of("users.info")]
