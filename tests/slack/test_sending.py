"""The outbox with a platform of cardboard, and in Slack: what goes first, what waits, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from bot.store import outgoing, replicas
from commands.cards import Channel, card, rich
from commands.ports import NoAccess, Post, Undeliverable, Unfinished, Urgency
from tests.slack.clocks import Fast
from tests.slack.desk import Cardboard, desk, nothing, once
from tests.slack.stage import slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


async def test_a_channel_that_is_dead_or_hangs_holds_up_no_other(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        stuck = asyncio.Event()

        def hurdle(place: str, _post: Post) -> Any:
            if place == "ref-dead":
                raise OSError("no route")
            return stuck.wait() if place == "ref-hangs" else None

        at.platform.before = hurdle
        await at.open("dead", "hangs", "alive")
        for number in range(10):
            for name in ("dead", "hangs", "alive"):
                await at.say(name, f"{name} {number}")
        at.start()
        await at.until(lambda: len(at.platform.titles("alive")) == 10)
        assert at.platform.titles("dead") == at.platform.titles("hangs") == []
        at.platform.before = nothing
        stuck.set()
        await at.rested()
        assert at.platform.titles("dead") == [f"dead {n}" for n in range(10)]
        assert at.platform.titles("hangs") == [f"hangs {n}" for n in range(10)]


async def test_the_top_of_a_channel_that_fails_holds_up_none_of_its_messages_and_is_told(sqlite_url: str) -> None:
    async with desk(sqlite_url, Fast(3600)) as at:

        def top(name: str) -> None:
            if name == "one":
                raise OSError("bookmarks are down")

        at.platform.top = top
        await at.open("one")
        at.start()
        await at.say("one", *(f"m{n}" for n in range(12)))
        await at.until(lambda: len(at.platform.titles("one")) == 12)
        assert at.platform.arranged == []
        await at.until(lambda: at.missing)
        assert list(at.missing.values()) == ["This channel is not up to date."]
        at.platform.top = nothing
        await at.rested()
        assert at.platform.arranged == ["one"]


async def test_what_belongs_to_a_message_is_done_again_and_told_and_the_message_not_said_again(sqlite_url: str) -> None:
    async with desk(sqlite_url, Fast(3600)) as at:
        broken = [True]

        def pin(_channel: str, post: Post) -> None:
            if post.key == "pinned" and broken[0]:
                raise Unfinished("ts-pinned", "no pins today")

        at.platform.after = pin
        await at.open("one")
        await at.say("one", "pinned", "second", "third")
        at.start()
        await at.until(lambda: at.missing)
        assert sorted(at.platform.titles("one")) == ["pinned", "second", "third"]
        assert at.missing == {("one", "pinned:rest"): "Something of a message is missing: pinned"}
        broken[0] = False
        await at.rested()
        assert sorted(at.platform.titles("one")) == ["pinned", "second", "third"]


async def test_after_an_unclear_answer_it_is_looked_up_before_it_is_said_again(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        at.platform.after = once("b", error=TimeoutError("lost"))
        at.platform.before = once("c", error=ConnectionError("never came"))
        await at.open("one")
        await at.say("one", "a", "b", "c")
        at.start()
        await at.rested()
        assert at.platform.titles("one") == ["a", "b", "c"]
        assert at.platform.asked == ["b", "c", "c"]  # in a channel that was just made, there was nothing to look up


async def test_of_two_outboxes_one_sends_and_the_other_takes_over(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        other = Cardboard()
        await at.open("one")
        at.start("me")
        await at.say("one", *(f"m{n}" for n in range(10)))
        await at.rested()
        at.start("another", other)
        await at.say("one", *(f"n{n}" for n in range(10)))
        await at.rested()
        assert len(at.platform.said) == 20
        assert other.said == []
        at.running.pop(0).cancel()
        await at.database.write(lambda c: replicas.forget(c, ["me"]))  # as the keeper does with those that died
        await at.say("one", *(f"o{n}" for n in range(10)))
        await at.rested()
        assert other.titles("one") == [f"o{n}" for n in range(10)]
        assert set(other.asked) >= {"o0"}  # the first may have said it before it died


async def test_the_lease_is_renewed_while_a_message_takes_longer_than_it_lasts(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        free, under_way = asyncio.Event(), asyncio.Event()

        async def slowly(_channel: str, _post: Post) -> None:
            under_way.set()
            await free.wait()

        at.platform.before = slowly
        await at.open("one")
        await at.say("one", "slow")
        at.start(lease_seconds=0.5)  # the lease is the database's time, which nobody can hurry
        await under_way.wait()
        began = await at.leased_until()
        async with asyncio.timeout(60):
            while await at.leased_until() < began + 0.5:  # noqa: ASYNC110 - it is the database that tells
                await asyncio.sleep(0.02)
        assert at.platform.said == []
        free.set()
        await at.rested()
        assert at.platform.titles("one") == ["slow"]


async def test_whoever_loses_the_lease_in_the_middle_of_a_batch_says_no_more_of_it(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        sent = asyncio.Event()

        async def robbed(_channel: str, post: Post) -> None:
            if post.key == "second":
                await at.database.write(lambda c: replicas.forget(c, ["me"]))
                assert await at.database.write(lambda c: replicas.lease(c, "outbox", "another", 600))
                await at.until(lambda: not outbox.leads)
                sent.set()

        at.platform.before = robbed
        await at.open("one")
        await at.say("one", "first", "second", "third", "fourth")
        outbox = at.start(lease_seconds=0.9)
        await at.until(sent.is_set)
        await at.until(lambda: "second" in at.platform.titles("one"))
        await at.database.write(lambda c: replicas.forget(c, ["another"]))
        await at.rested()
        assert at.platform.titles("one") == ["first", "second", "third", "fourth"]
        assert {"third", "fourth"} <= set(at.platform.asked)  # the other may have said them


async def test_an_answer_overtakes_three_hundred_reminders(sqlite_url: str) -> None:
    """It is said while one of them is being sent, in the middle of a batch, and waits for that one only."""
    async with desk(sqlite_url) as at:
        twelve_are_said, free = asyncio.Event(), asyncio.Event()

        async def gate(_channel: str, _post: Post) -> None:
            if len(at.platform.said) == 12:
                twelve_are_said.set()
                await free.wait()

        at.platform.before = gate
        await at.open("one")
        await at.say("one", *(f"reminder {n}" for n in range(300)), urgency=Urgency.LATER)
        at.start()
        await at.until(twelve_are_said.is_set)
        await at.say("one", "answer", urgency=Urgency.ANSWER)
        free.set()
        await at.until(lambda: "answer" in at.platform.titles("one"))
        assert at.platform.titles("one").index("answer") == 13


async def test_five_changes_while_the_platform_is_slow_are_one_edit_and_the_last_one_wins(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        free = asyncio.Event()
        await at.open("one")
        await at.say("one", "plan")
        at.start()
        await at.rested()
        at.platform.before = lambda *_: free.wait()
        for number in range(6):
            await at.write(lambda tx, number=number: tx.messages.edit("plan", card(f"step {number}")))  # type: ignore[misc]
        await asyncio.sleep(0)
        free.set()
        await at.rested()
        assert len(at.platform.edits) <= 2
        assert at.platform.edits[-1] == ("ref-one", "step 5")
        assert at.platform.said == [("ref-one", "plan")]


async def test_what_is_for_a_platform_that_is_not_connected_waits_until_it_is(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        await at.open("here")
        await at.open("there", platform="other:T1")
        await at.say("there", "later")
        await at.say("here", "now")
        at.start()
        await at.rested()
        assert at.platform.said == [("ref-here", "now")]
        found = await at.database.read(lambda c: outgoing.busy_channels(c, {"card", "other"}))
        assert found == ["there"]


@pytest.mark.parametrize("during", ["a message", "the look"])
async def test_after_a_sleep_longer_than_the_lease_nothing_is_said_that_another_has_said(
    sqlite_url: str, during: str
) -> None:
    async with desk(sqlite_url) as at:

        async def sleep() -> None:
            """While this process is stopped, another says what comes next; then this one holds the lease again."""
            if at.platform.titles("one").count("second") == 0:
                at.platform.said.append(("ref-one", "second"))
                outbox._lease._until = 0.0
                await outbox._lease.renew()

        async def asleep(_channel: str, post: Post) -> None:
            if post.key == "first":
                await sleep()

        class Drowsy(Cardboard):
            async def sent(self, channel: str, posts: Sequence[Post]) -> dict[str, str]:
                found = await super().sent(channel, posts)
                await sleep()
                return found

        await at.open("one")
        await at.say("one", "first", "second", "third")
        at.platform = Drowsy() if during == "the look" else at.platform
        at.platform.after = asleep
        outbox = at.start()
        await at.rested()
        assert sorted(at.platform.titles("one")) == ["first", "second", "third"]


async def test_what_cannot_be_delivered_is_told_once_and_holds_up_nothing(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        at.platform.before = once("bad", error=Undeliverable("is_archived"))
        await at.open("one")
        await at.say("one", "good", "bad", "better")
        at.start()
        await at.rested()
        assert at.platform.titles("one") == ["good", "better"]
        assert at.told == [("one", "bad", "is_archived")]


async def test_a_message_that_fails_for_long_is_set_aside_told_and_tried_again_later(sqlite_url: str) -> None:
    """The platform takes what comes after it, so it is the message that is ill. It has its quarter of an hour first."""
    clock = Fast(3600)
    async with desk(sqlite_url, clock) as at:
        broken, said_at = [True], {}

        def hurdle(_channel: str, post: Post) -> None:
            if post.key == "bad" and broken[0]:
                raise OSError("500 for ever")
            said_at[post.key] = clock.now()

        at.platform.before = hurdle
        await at.open("one")
        await at.say("one", "first", "bad", "second", "third")
        at.start()
        await at.until(lambda: len(at.platform.titles("one")) == 3)
        assert at.platform.titles("one") == ["first", "second", "third"]
        assert said_at["second"] - said_at["first"] >= timedelta(minutes=15)
        await at.say("one", "fourth")
        await at.until(lambda: "fourth" in at.platform.titles("one"))
        assert [(channel, key) for channel, key, _ in at.told] == [("one", "bad")]
        assert "500 for ever" in at.told[0][2]
        broken[0] = False
        await at.rested()
        assert at.platform.titles("one") == ["first", "second", "third", "fourth", "bad"]
        assert said_at["bad"] - said_at["second"] >= timedelta(minutes=10)


async def test_while_the_platform_takes_nothing_no_message_is_set_aside(sqlite_url: str) -> None:
    clock = Fast(3600)
    async with desk(sqlite_url, clock) as at:
        back = clock.now() + timedelta(minutes=40)

        def hurdle(_channel: str, _post: Post) -> None:
            if clock.now() < back:
                raise OSError("down")

        at.platform.before = hurdle
        await at.open("one")
        await at.say("one", *(f"m{n}" for n in range(8)))
        at.start()
        await at.rested()
        assert at.platform.titles("one") == [f"m{n}" for n in range(8)]
        assert at.told == []


async def test_while_nobody_is_let_in_everything_is_kept_in_its_order(sqlite_url: str) -> None:
    """However long that is, and whatever else goes through meanwhile."""
    clock = Fast(3600)
    async with desk(sqlite_url, clock) as at:
        back = clock.now() + timedelta(minutes=40)

        def hurdle(_channel: str, post: Post) -> None:
            if clock.now() < back and post.key != "through":
                raise NoAccess("token_revoked")

        at.platform.before = hurdle
        await at.open("one")
        await at.say("one", "first", "through", "last")
        at.start()
        await at.rested()
        assert at.platform.titles("one") == ["first", "through", "last"]
        assert at.told == []


async def test_a_channel_that_a_message_points_to_is_made_before_it_is_said(sqlite_url: str) -> None:
    async with desk(sqlite_url) as at:
        opening, made, done = asyncio.Event(), asyncio.Event(), []

        async def top(what: str) -> None:
            if what == "open new":
                opening.set()
                await made.wait()
                done.append(what)

        at.platform.top = top
        at.platform.before = lambda _channel, post: done.append(post.key)
        await at.open("general", "new")
        shown = card("It is open", rich("Work on it in ", Channel(name="new")))
        await at.write(lambda tx: tx.messages.post("general", shown, key="answer"))
        at.start(patience_seconds=60)
        await at.until(opening.is_set)
        await at.until(lambda: "general" in at.platform.rooms)
        assert done == []
        made.set()
        await at.rested()
        assert done == ["open new", "answer"]


async def test_retry_after_is_obeyed(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        slack = stage.slack
        slack.faults.ratelimit("chat.postMessage", retry_after=20)
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        calls = slack.calls_of("chat.postMessage")
        limited = next(one for one in calls if one.fault)
        again = [one for one in calls if one.at > limited.at and one.args["channel"] == limited.args["channel"]]
        assert again[0].at - limited.at >= 20
        assert slack.rate_limited == []
