"""The same delivery again, old buttons, forged buttons, buttons of others, and races for one decision."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from bot.delivery import ClickDelivery, Receipt, TextDelivery
from bot.pipeline import MOST_ATTEMPTS
from bot.store import schema
from bot.store.audit import verify
from bot.store.errors import StoreUnavailable
from bot.store.inbox import Adopted
from bot.store.transaction import SqlTransaction
from commands.actions.action import Preview, Proposal
from commands.actions.scale import ACTION, ScaleArgs
from commands.cards import card
from commands.context import Call
from commands.domain.location import HERE, Location
from commands.domain.plan import FINAL, PlanState, Target
from commands.errors import Conflict, NotAllowed
from commands.mitigation import deciding, proposing
from commands.ports import Workload
from commands.presentation.plan import plan_card_key
from tests.fakes import FakeClock, FakeGateway
from tests.world import World, audited, settings_for, world

ROUNDS = 30


async def test_a_command_delivered_many_times_at_once_is_done_once(tocsin_on: World) -> None:
    incident = await tocsin_on.declare()
    same = TextDelivery("console", "again-1", "ana", incident.channel, "/incident note seen once")
    receipts = await asyncio.gather(*(tocsin_on.app.pipeline.command(same) for _ in range(8)))
    assert Counter(one.duplicate for one in receipts) == {True: 7, False: 1}
    events = await tocsin_on.app.store.look(lambda tx: tx.incidents.timeline(incident.id))
    assert sum(getattr(entry.event, "text", "") == "seen once" for entry in events) == 1


async def test_a_mitigation_delivered_many_times_at_once_makes_one_plan(tocsin_on: World) -> None:
    incident = await tocsin_on.declare()
    same = TextDelivery("console", "again-2", "ben", incident.channel, "/gw scale 10")
    await asyncio.gather(*(tocsin_on.app.pipeline.command(same) for _ in range(8)))
    await tocsin_on.app.pipeline.drain()
    plans = await tocsin_on.app.store.look(lambda tx: tx.plans.recent(target=None, limit=10))
    assert len(plans) == 1


async def test_a_delivery_that_two_processes_work_on_is_decided_once(tocsin_on: World) -> None:
    """Both took it over from one that died."""
    incident = await tocsin_on.declare()
    text = TextDelivery("console", "again-3", "ben", incident.channel, "/gw scale 10")
    await tocsin_on.app.store.transact("stored", lambda tx: tx.inbox.receive("console:again-3", text))
    adopted = Adopted("console:again-3", text)
    await asyncio.gather(*(tocsin_on.app.pipeline.resume([adopted]) for _ in range(5)))
    await tocsin_on.app.pipeline.drain()
    plans = await tocsin_on.app.store.look(lambda tx: tx.plans.recent(target=None, limit=10))
    assert len(plans) == 1


async def test_a_click_delivered_many_times_at_once_is_done_once(tocsin_on: World) -> None:
    key = await _plan(tocsin_on)
    same = ClickDelivery("console", "click-1", "ana", "", await tocsin_on.token(key, "ana", "Confirm"))
    receipts = await asyncio.gather(*(tocsin_on.app.pipeline.click(same) for _ in range(8)))
    assert all(one.accepted for one in receipts)
    assert Counter(one.duplicate for one in receipts) == {True: 7, False: 1}
    plan = await tocsin_on.settled()
    assert (plan.state, tocsin_on.gateway.asked) == (PlanState.DONE, ["scale"])


async def test_a_double_click_confirms_once(tocsin_on: World) -> None:
    key = await _plan(tocsin_on)
    token = await tocsin_on.token(key, "ana", "Confirm")
    receipts = await asyncio.gather(*(tocsin_on.click("ana", key, "", token=token) for _ in range(6)))
    assert Counter(one.accepted for one in receipts) == {False: 5, True: 1}
    assert (await tocsin_on.settled()).state is PlanState.DONE
    assert tocsin_on.gateway.asked == ["scale"]


async def test_a_fault_in_a_handler_is_answered_and_not_tried_for_ever(
    tocsin: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patched, since no handler is known to fail: the decision of a command that gathers raises."""
    command = next(one for one in tocsin.app.registry.commands.values() if one.path == ("gw", "status"))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(tocsin.app.registry.commands, command.path, replace(command, decide=broken))
    told = await tocsin.say("ana", "general", "/gw status")
    assert "Something went wrong" in told
    assert await tocsin.app.store.look(lambda tx: tx.inbox.waiting(tocsin.app.store.owner, besides=frozenset())) == 0


async def test_a_forged_token_is_nothing(tocsin: World) -> None:
    key = await _plan(tocsin)
    receipt = await tocsin.click("ana", key, "", token="A" * 22)
    assert not receipt.accepted
    assert (await tocsin.plan()).state is PlanState.PLANNED


async def test_a_used_token_is_nothing_and_says_so(tocsin: World) -> None:
    key = await _plan(tocsin)
    token = await tocsin.token(key, "ana", "Cancel")
    await tocsin.click("ana", key, "", token=token)
    click = ClickDelivery("console", "click-2", "ana", "general", token)
    receipt = await tocsin.app.pipeline.click(click)
    assert not receipt.accepted
    assert "That button was used already." in await tocsin.read(receipt.reply_key)
    assert (await tocsin.plan()).state is PlanState.CANCELLED


async def test_a_click_by_somebody_who_may_not_is_refused_and_audited_and_uses_nothing_up(tocsin: World) -> None:
    key = await _plan(tocsin)
    token = await tocsin.token(key, "ana", "Confirm")
    receipt = await tocsin.click("eve", key, "", token=token)
    assert not receipt.accepted
    assert (await tocsin.plan()).state is PlanState.PLANNED
    kinds = await tocsin.app.store.look(lambda tx: [(one.kind, one.actor) for one in audited(tx, 5)])
    assert ("refused", "eve") in kinds
    assert (await tocsin.click("ana", key, "", token=token)).accepted
    assert (await tocsin.settled()).state is PlanState.DONE


class ManyGateways(FakeGateway):
    """Answers to any name, so that each race has a target of its own and all can be run at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.copies: dict[str, int] = {}

    async def find(self, name: str, at: Location = HERE) -> Workload:
        found = await super().find("gateway", at)
        copies = self.copies.get(name, 3)
        target = found.target.model_copy(update={"name": name})
        return found.model_copy(update={"target": target, "desired": copies, "ready": copies})

    async def scale(self, target: Target, *, replicas: int, expected: int, operation: str, actor: str) -> None:
        self._ask("scale", operation)
        self.copies[target.name] = replicas


async def test_confirm_cancel_and_expiry_at_once_make_one_decision(database_url: str) -> None:
    """Thirty races; whoever wins, it is decided once, audited once, and run only if it was confirmed."""
    _notice_deadlocks_fast(database_url)
    clock, order = FakeClock(), random.Random(7)
    gateway = ManyGateways(clock)
    async with world(settings_for(database_url), clock=clock, gateway=gateway) as tocsin:
        wins: Counter[str] = Counter()
        for number in range(ROUNDS):
            wins[await _race(tocsin, f"gateway-{number}", order)] += 1

        async def at_rest() -> bool:
            plans = await tocsin.app.store.look(lambda tx: tx.plans.recent(target=None, limit=ROUNDS))
            return all(plan.state in FINAL for plan in plans)

        await tocsin.until(at_rest, within=60)
        plans = await tocsin.app.store.look(lambda tx: tx.plans.recent(target=None, limit=ROUNDS))
        assert Counter(plan.state.value for plan in plans) == Counter(
            {"done": wins["confirmed"], "cancelled": wins["cancelled"], "expired": wins["expired"]}
        )
        assert gateway.asked == ["scale"] * wins["confirmed"]
        assert (await tocsin.app.store.look(lambda tx: verify(tx.connection))).broken_at is None


def _notice_deadlocks_fast(url: str) -> None:
    """A click and an expiry take their rows in opposite order; Postgres lets both wait a second before one retries."""
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '20ms'").format(
                    sql.Identifier(connection.info.dbname)
                )
            )


async def _race(tocsin: World, target: str, order: random.Random) -> str:
    """What was decided."""
    key = f"{target}-plan"
    plan = await tocsin.app.store.transact(key, lambda tx: _propose(tx, tocsin, target))
    card_key = plan_card_key(plan)
    tokens = {label: await tocsin.token(card_key, "ana", label) for label in ("Confirm", "Cancel")}
    runs = [_press(tocsin, card_key, token, order.random()) for token in tokens.values()]
    runs.append(_expire(tocsin, plan, order.random()))
    order.shuffle(runs)
    outcomes = await asyncio.gather(*runs)
    decisions = await tocsin.app.store.look(lambda tx: _decisions(tx, plan))
    assert len(decisions) == 1, decisions
    assert outcomes.count(True) == (decisions[0] != "expired")
    return decisions[0]


def _propose(tx: SqlTransaction, tocsin: World, target: str) -> str:
    services, person = tocsin.app.services, tocsin.app.services.directory.get("ben")
    assert person
    call = Call(
        person=person, platform="console", channel="general", delivery=target, now=tx.now, incident=None,
        services=services, thread=None,
    )  # fmt: skip
    preview = Preview(summary=f"Scale {target}", before={"replicas": 3}, after={"replicas": 10}, undo="/gw undo")
    proposal = Proposal(
        action=ACTION.name, klass=ACTION.klass, options=ScaleArgs(replicas=10), arguments={"replicas": 10},
        target=Target(kind="gateway", name=target, uid=tocsin.gateway.uid), preview=preview,
        fingerprint={"uid": tocsin.gateway.uid, "replicas": 3},
    )  # fmt: skip
    reply = proposing.propose((), call, tx, proposal)
    tx.messages.post("general", reply.card, key=reply.key)
    return reply.key.removesuffix(":card")


async def _press(tocsin: World, key: str, token: str, delay: float) -> bool:
    await asyncio.sleep(delay / 100)
    return (await tocsin.click("ana", key, "", token=token)).accepted


async def _expire(tocsin: World, plan: str, delay: float) -> None:
    await asyncio.sleep(delay / 100)
    seen = await tocsin.plan(plan)
    await tocsin.app.store.transact(f"{plan}:race", lambda tx: deciding.expire(seen, tx))


def _decisions(tx: SqlTransaction, plan: str) -> list[str]:
    kinds = {"confirmed", "cancelled", "expired"}
    return [one.kind for one in audited(tx, 50) if one.kind in kinds and one.detail.get("plan") == plan]


async def test_a_refusal_after_something_was_said_does_not_give_a_change_number_twice(tocsin_on: World) -> None:
    """Pages follow the changes by number: of two with the same one, they would miss the second."""

    def refused(tx: SqlTransaction) -> None:
        try:
            with tx.connection.begin_nested():
                tx.messages.post("general", card("never said"), key="never")
                raise Conflict("no")
        except Conflict:
            tx.forget()
        tx.messages.post("general", card("refused"), key="refused")

    await tocsin_on.app.store.transact("refused", refused)
    await tocsin_on.app.store.transact("next", lambda tx: tx.messages.post("general", card("next"), key="next"))
    changes = [(await tocsin_on.message(key)).change for key in ("refused", "next")]
    assert changes[0] < changes[1]


async def _plan(tocsin: World) -> str:
    receipt: Receipt = await tocsin.command("ben", "general", "/gw scale 10")
    assert receipt.accepted, await tocsin.read(receipt.reply_key, "ben")
    return receipt.reply_key


@pytest.mark.parametrize("field", ["thread", "channel", "text", "id"])
async def test_what_no_database_takes_is_answered_and_kept_out(tocsin_on: World, field: str) -> None:
    """A NUL, and half of a character: from any platform, in any field."""
    for number, bad in enumerate(("a\x00", "\ud800")):
        given = {"platform": "console", "id": f"odd-{number}", "person": "ana", "channel": "general", "thread": None}
        given |= {"text": "/gw status"}
        sent = TextDelivery(**(given | {field: f"{given[field] or 'root'}{bad}"}))  # type: ignore[arg-type]
        await tocsin_on.app.pipeline.command(sent)
        await tocsin_on.app.pipeline.drain()
        click = ClickDelivery("console", f"odd-click-{number}", "ana", f"general{bad}", f"token{bad}")
        assert not (await tocsin_on.app.pipeline.click(click)).accepted
    assert await _states(tocsin_on) <= {"done", "refused"}


async def _states(world: World) -> set[str]:
    states = sa.select(schema.inbox.c.state)
    return set(await world.app.store.database.read(lambda c: list(c.execute(states).scalars())))


async def _left(world: World, number: int, **changes: str | None) -> None:
    """A delivery that a process which is gone had stored."""
    text = replace(TextDelivery("console", f"left-{number}", "ana", "general", "/gw status"), **changes)  # type: ignore[arg-type]
    await world.app.store.transact(f"left-{number}", lambda tx: tx.inbox.receive(f"console:left-{number}", text))


async def test_one_delivery_that_cannot_be_resumed_stops_no_other(tocsin_on: World) -> None:
    for number, thread in enumerate((None, "a\x00", None)):
        await _left(tocsin_on, number, thread=thread)
    await tocsin_on.app.keeper.once()
    await tocsin_on.app.pipeline.drain()
    assert await _states(tocsin_on) == {"done"}


async def test_a_delivery_that_fails_each_time_is_given_up_with_words(
    tocsin_on: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its answer nor an apology can be stored: without an end it would be tried for ever."""
    await _left(tocsin_on, 1)
    await _left(tocsin_on, 2, text="/help")
    pipeline = tocsin_on.app.pipeline

    def fail(*_: object) -> None:
        raise ValueError("a fault in the program")

    monkeypatch.setattr(pipeline, "_finish", fail)  # no delivery is known that does this: it would be a fault to mend
    for _ in range(MOST_ATTEMPTS + 1):
        await tocsin_on.app.keeper.once()
        await pipeline.drain()
    receipt = await tocsin_on.app.store.look(lambda tx: tx.inbox.receipt("console:left-1"))
    assert not receipt.accepted
    assert (await tocsin_on.read(receipt.reply_key)).startswith("Something went wrong each time; nothing was changed.")

    await _left(tocsin_on, 3)
    monkeypatch.setattr(pipeline, "_refuse", fail)
    for _ in range(MOST_ATTEMPTS + 1):
        await tocsin_on.app.keeper.once()
        await pipeline.drain()
    assert "received" not in await _states(tocsin_on)


async def test_nobody_speaks_as_the_bot(tocsin: World) -> None:
    """Whatever a platform says who somebody is."""
    with pytest.raises(NotAllowed, match="tocsin is not known here"):
        await tocsin.app.pipeline.command(
            TextDelivery("console", "x-1", "tocsin", "general", "/incident declare sev1 x")
        )
    with pytest.raises(NotAllowed):
        await tocsin.app.pipeline.click(ClickDelivery("console", "x-2", "tocsin", "general", "token"))
    assert (await tocsin.app.pipeline.by_itself(TextDelivery("console", "x-3", "", "general", "/help"))).accepted


async def test_a_fault_of_ours_is_no_failure_of_the_database(tocsin_on: World) -> None:
    """What is sent again would fail again, so nobody is told to."""
    with pytest.raises(SQLAlchemyError):
        await tocsin_on.app.store.database.write(lambda c: c.execute(schema.inbox.insert().values(id="x")))


async def test_a_pool_without_a_free_connection_is_said_to_be_busy(tocsin_on: World) -> None:
    def no_connection(_: object) -> None:
        raise NoConnectionFree("QueuePool limit of size 8 overflow 4 reached")

    with pytest.raises(StoreUnavailable, match="All connections to the database are busy"):
        await tocsin_on.app.store.database.read(no_connection)


async def test_a_text_that_is_too_long_is_not_searched_for_secrets(tocsin: World) -> None:
    receipt = await tocsin.command("ana", "general", "/incident note " + "password=hunter2 " * 60_000)
    assert (await tocsin.read(receipt.reply_key)).startswith("That command has 1,020,015 characters")
