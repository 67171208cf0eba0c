"""Orders to the admin API of a real gateway keep the promises of every change, whatever happens on the way there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.gateway import GatewayAdmin
from bot.adapters.gateway.orders.known import ORDERS
from commands.actions.altering import Alteration
from commands.actions.known import ACTIONS
from commands.domain.plan import Target
from commands.errors import Conflict, NotFound, Refusal, Unavailable
from commands.ports import Draft, Operation, OutcomeUnknown, Rejected, Steering
from tests.contract.altering import plan_of
from tests.contract.gateways import NAME
from tests.contract.orders import BLUE, BREAKERS, CASES, TARGETS, Case, most_workers, nothing, order, purges, slower
from tests.gateway.running import TOKEN as REAL
from tests.gateway.running import RunningGateway
from tests.scenario.steering import as_it_was, gateway_process
from tests.simulators.gateway.server import TOKEN
from tests.simulators.gateway.way import GatewayWay, way_to


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with gateway_process(tmp_path_factory.mktemp("orders")) as running:
        yield running


@pytest.fixture(scope="module")
def passing(process: RunningGateway) -> Iterator[GatewayWay]:
    with way_to(process.ready["admin"], REAL) as way:
        yield way


@pytest.fixture
async def gateway(process: RunningGateway, passing: GatewayWay) -> AsyncIterator[GatewayAdmin]:
    """The adapter on the way that faults may happen on; nothing is ordered yet."""
    passing.come_back()
    passing.faults.clear()
    as_it_was(process)
    adapter = GatewayAdmin(name=NAME, admin_url=passing.url, token=TOKEN)
    yield adapter
    await adapter.close()


@dataclass
class Trial:
    """One case at the gateway. Each has a plan of its own: what is in the history stays there."""

    case: Case
    process: RunningGateway
    way: GatewayWay
    gateway: GatewayAdmin
    plan: str
    purged: int

    async def target(self) -> Target:
        return (await self.gateway.find(NAME)).target

    async def draft(self) -> Draft:
        return await self.gateway.draft(self.case.change, await self.target(), self.case.said, dry_run=True)

    async def alter(self, draft: Draft, *, lasts: timedelta | None = timedelta(minutes=30)) -> None:
        await self.gateway.alter(
            self.case.change,
            await self.target(),
            draft.settled,
            live=draft.live,
            plan=self.plan,
            actor="ana",
            lasts=lasts,
        )

    async def became(self, draft: Draft) -> Operation | None:
        return await self.gateway.altered(self.case.change, await self.target(), draft.settled, plan=self.plan)

    def seen(self) -> Any:
        found = self.case.seen(self.process)
        return found - self.purged if self.case.seen is purges else found

    def sent(self) -> int:
        return len([one for one in self.way.sent() if one.startswith(self.case.sends)])


@pytest.fixture(params=CASES, ids=str)
def trial(request: pytest.FixtureRequest, process: RunningGateway, passing: GatewayWay, gateway: GatewayAdmin) -> Trial:
    case: Case = request.param
    case.prepare(process)
    return Trial(case, process, passing, gateway, f"plan-{abs(hash(request.node.name)):x}", purges(process))


def test_every_order_has_its_case() -> None:
    assert {case.change for case in CASES} | {"config rollback"} == set(ORDERS)
    assert set(ORDERS) <= set(ACTIONS)


class TestOrders:
    """What every one of them promises."""

    async def test_it_is_given_once_and_is_seen_to_be_in_force(self, trial: Trial) -> None:
        before = trial.seen()
        draft = await trial.draft()
        assert not draft.already
        assert trial.seen() == before, "a draft changes nothing"
        assert await trial.became(draft) is None
        sent = trial.sent()
        await trial.alter(draft)
        await trial.alter(draft)
        assert trial.sent() == sent + 1, "asked twice under one name, it is done once"
        found = await trial.became(draft)
        assert found is not None
        assert (found.state, trial.seen()) == ("done", trial.case.result)
        assert found.words
        again = await trial.gateway.draft(
            trial.case.change, await trial.target(), {**draft.settled, "plan": trial.plan}, dry_run=False
        )
        assert bool(again.already) is trial.case.kept

    async def test_an_answer_that_is_lost_after_the_effect_is_found(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.way.faults.drop(trial.case.sends)
        with pytest.raises(OutcomeUnknown):
            await trial.alter(draft)
        found = await trial.became(draft)
        assert found is not None
        assert found.state == ("done" if trial.case.kept else "failed")
        sent = trial.sent()
        await trial.alter(draft)
        assert (trial.sent(), trial.seen()) == (sent, trial.case.result)

    async def test_what_is_dropped_before_the_effect_never_arrived(self, trial: Trial) -> None:
        draft, before = await trial.draft(), trial.seen()
        trial.way.faults.drop(trial.case.sends, "before")
        with pytest.raises(OutcomeUnknown):
            await trial.alter(draft)
        assert (await trial.became(draft), trial.seen()) == (None, before)

    @pytest.mark.parametrize("status", [409, 412, 422])
    async def test_what_is_refused_has_changed_nothing(self, trial: Trial, status: int) -> None:
        draft, before = await trial.draft(), trial.seen()
        trial.way.faults.fail(trial.case.sends, status)
        with pytest.raises(Rejected, match="told to fail"):
            await trial.alter(draft)
        assert (await trial.became(draft), trial.seen()) == (None, before)

    async def test_an_error_of_the_gateway_is_no_certainty(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.way.faults.fail(trial.case.sends, 503)
        with pytest.raises(OutcomeUnknown):
            await trial.alter(draft)

    async def test_what_somebody_else_changed_since_is_left(self, trial: Trial) -> None:
        if trial.case.meddle is nothing:
            return
        draft = await trial.draft()
        trial.case.meddle(trial.process)
        left, sent = trial.seen(), trial.sent()
        if trial.case.meddle is as_it_was:  # what was to be taken away is gone: that is how it was wanted
            await trial.alter(draft)
        else:
            with pytest.raises(Rejected):
                await trial.alter(draft)
        assert (trial.seen(), trial.sent()) == (left, sent)

    async def test_a_gateway_that_was_started_anew_is_not_told(self, trial: Trial) -> None:
        draft, target = await trial.draft(), await trial.target()
        gone = target.model_copy(update={"uid": "11111111-2222-3333-4444-555555555555"})
        with pytest.raises(Rejected, match="was started anew"):
            await trial.gateway.alter(
                trial.case.change, gone, draft.settled, live=draft.live, plan=trial.plan, actor="ana"
            )

    async def test_its_inverse_puts_back_what_was_before(self, trial: Trial) -> None:
        before, draft = trial.seen(), await trial.draft()
        plan = plan_of(trial.case.change, draft, (await trial.target()).model_dump()).model_copy(
            update={"id": trial.plan}
        )
        inverse = ACTIONS[trial.case.change].inverse(plan)
        if inverse is None:
            return
        await trial.alter(draft)
        action, args = inverse
        assert isinstance(action, Alteration)
        back = await trial.gateway.draft(action.name, await trial.target(), action.said(args), dry_run=True)
        await trial.gateway.alter(
            action.name, await trial.target(), back.settled, live=back.live, plan=f"{trial.plan}-back", actor="ana"
        )
        assert trial.seen() == before

    async def test_nothing_that_answers_is_unavailable(self, trial: Trial) -> None:
        draft, target = await trial.draft(), await trial.target()
        trial.way.stop()
        change, settled = trial.case.change, draft.settled
        with pytest.raises(Unavailable):
            await trial.gateway.draft(change, target, trial.case.said, dry_run=True)
        with pytest.raises(Unavailable):
            await trial.gateway.altered(change, target, settled, plan=trial.plan)
        with pytest.raises(Rejected):
            await trial.gateway.alter(change, target, settled, live=draft.live, plan=trial.plan, actor="ana")


async def test_a_name_that_is_not_known_is_refused_with_those_that_are(gateway: GatewayAdmin) -> None:
    target = (await gateway.find(NAME)).target
    for change, said, known in (
        ("drain", {"upstream": "users", "target": "blue"}, ("backend",)),
        ("drain", {"upstream": "backend", "target": "red"}, ("blue", "green")),
        ("weight", {"upstream": "backend", "weights": {"red": 1}}, ("blue", "green")),
        ("breaker open", {"upstream": "users"}, ("backend",)),
        ("limit", {"route": "nope", "limit": 1, "seconds": 1, "by": ""}, ("users", "orders")),
        ("config rollback", {"number": 999}, ()),
    ):
        with pytest.raises(NotFound) as refused:
            await gateway.draft(change, target, said, dry_run=True)
        assert tuple(refused.value.allowed)[: len(known)] == known


async def test_a_configuration_is_gone_back_to_once(
    gateway: GatewayAdmin, process: RunningGateway, passing: GatewayWay
) -> None:
    target, first = (await gateway.find(NAME)).target, process.admin.get("/admin/config").json()["number"]
    slower(process)
    held = process.admin.get("/admin/config").json()["number"]
    draft = await gateway.draft("config rollback", target, {"number": first}, dry_run=True)
    assert draft.diff == "-workers.max: 7\n+workers.max: 8"
    passing.faults.drop("POST /admin/config/rollback")
    with pytest.raises(OutcomeUnknown):
        await gateway.alter("config rollback", target, draft.settled, live=draft.live, plan="plan-back", actor="ana")
    found = await gateway.altered("config rollback", target, draft.settled, plan="plan-back")
    assert found is not None
    assert (found.state, most_workers(process)) == ("done", 8)
    await gateway.alter("config rollback", target, draft.settled, live=draft.live, plan="plan-back", actor="ana")
    assert process.admin.get("/admin/config").json()["number"] == held + 1
    with pytest.raises(Rejected, match="not as it was"):
        await gateway.alter("config rollback", target, draft.settled, live=draft.live, plan="plan-2", actor="ana")


async def test_nobody_would_be_left_is_a_refusal(gateway: GatewayAdmin, process: RunningGateway) -> None:
    order(process, TARGETS, upstream="backend", drain=["green"])
    target = (await gateway.find(NAME)).target
    with pytest.raises(Conflict, match="Then no target of backend that is well"):
        await gateway.draft("drain", target, BLUE, dry_run=True)
    with pytest.raises(Refusal, match="is drained; a weight would send requests to it again"):
        await gateway.draft("weight", target, {"upstream": "backend", "weights": {"green": 1}}, dry_run=True)


async def test_what_holds_is_told(gateway: GatewayAdmin, process: RunningGateway) -> None:
    assert isinstance(gateway, Steering)
    target = (await gateway.find(NAME)).target
    order(process, BREAKERS, upstream="*", state="closed")
    order(process, TARGETS, upstream="backend", weights={"blue": 3})
    (upstream,) = await gateway.upstreams(target)
    assert [(one.name, one.share, one.weight, one.configured) for one in upstream.targets] == [
        ("blue", 0.75, 3, 1), ("green", 0.25, 1, 1),
    ]  # fmt: skip
    assert upstream.breaker.forced is not None
    assert (upstream.breaker.forced.about, upstream.routes) == ("*", ("users", "orders"))
    assert {(one.kind, one.by) for one in await gateway.orders(target)} == {("breaker", "zoe"), ("weight", "zoe")}
    assert (await gateway.cache(target)).routes == ("users",)
    found = await gateway.configurations(target)
    assert found.agreed
    assert await gateway.differences(target, found.current.number, found.current.number) == ""
    with pytest.raises(NotFound):
        await gateway.differences(target, found.current.number, 999)
