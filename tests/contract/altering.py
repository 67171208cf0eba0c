"""What every change of the cluster's objects promises, whichever it is; each kind of object has its table of cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.adapters.kubernetes.gateway import KubernetesGateway
from commands.actions.altering import Alteration
from commands.actions.known import ACTIONS
from commands.domain.plan import Plan
from commands.ports import Draft, Operation, OutcomeUnknown, Rejected
from tests.contract.gateways import NAME
from tests.fakes import START
from tests.simulators.kubernetes import Kubernetes

Prepare = Callable[[Kubernetes], None]


def nothing(_cluster: Kubernetes) -> None:
    """There is nothing to prepare."""


@dataclass(frozen=True)
class Case:
    """One change: `sends` is its request, `meddle` what somebody else does that voids it, `seen` what it leaves."""

    change: str
    said: dict[str, Any]
    sends: str
    meddle: Prepare
    seen: Callable[[Kubernetes], Any]
    result: Any
    prepare: Prepare = nothing
    undone: bool = True
    tell: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.change


@dataclass
class Trial:
    """One case at one cluster."""

    case: Case
    cluster: Kubernetes
    gateway: KubernetesGateway

    @classmethod
    def of(cls, case: Case, cluster: Kubernetes, gateway: KubernetesGateway) -> Trial:
        """As it is before anybody asks."""
        case.prepare(cluster)
        cluster.settle()
        return cls(case, cluster, gateway)

    async def draft(self) -> Draft:
        """What it would do."""
        target = (await self.gateway.find(NAME)).target
        return await self.gateway.draft(self.case.change, target, self.case.said, dry_run=True)

    async def alter(self, draft: Draft, plan: str = "plan-1") -> None:
        """Ask for it."""
        target = (await self.gateway.find(NAME)).target
        settled = draft.settled
        await self.gateway.alter(self.case.change, target, settled, live=draft.live, plan=plan, actor="ana")

    async def became(self, draft: Draft, plan: str = "plan-1") -> Operation | None:
        """What came of it."""
        target = (await self.gateway.find(NAME)).target
        return await self.gateway.altered(self.case.change, target, draft.settled, plan=plan)

    def sent(self) -> int:
        """How often it was asked, dry runs left out."""
        return len([one for one in self.cluster.calls_of(self.case.sends) if "dryRun" not in one.query])


class AlterationsContract:
    """A module gives `trial`, parametrized over its cases."""

    async def test_it_is_done_once_and_is_seen_to_be_in_force(self, trial: Trial) -> None:
        before = trial.case.seen(trial.cluster)
        draft = await trial.draft()
        assert not draft.already
        assert trial.case.seen(trial.cluster) == before, "a draft changes nothing"
        sent = trial.sent()
        await trial.alter(draft)
        await trial.alter(draft)
        assert trial.sent() == sent + 1, "asked twice under one name, it is done once"
        trial.cluster.settle()
        found = await trial.became(draft)
        assert found is not None
        assert (found.state, found.error) == ("done", "")
        assert trial.case.seen(trial.cluster) == trial.case.result
        again = await trial.gateway.draft(
            trial.case.change, (await trial.gateway.find(NAME)).target, draft.settled, dry_run=False
        )
        assert again.already

    async def test_an_answer_that_is_lost_after_the_effect_is_found(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.cluster.faults.lose_answer(trial.case.sends)
        with pytest.raises(OutcomeUnknown):
            await trial.alter(draft)
        found = await trial.became(draft)
        assert found is not None
        sent = trial.sent()
        await trial.alter(draft)
        assert trial.sent() == sent

    async def test_what_is_dropped_before_the_effect_never_arrived(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.cluster.faults.drop(trial.case.sends)
        with pytest.raises(OutcomeUnknown):
            await trial.alter(draft)
        assert await trial.became(draft) is None

    async def test_a_conflict_is_looked_at_again_and_one_that_lasts_is_a_refusal(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.cluster.faults.fail(trial.case.sends, 409, times=None)
        with pytest.raises(Rejected, match="changed by others all the time"):
            await trial.alter(draft)
        trial.cluster.faults.clear()
        trial.cluster.faults.fail(trial.case.sends, 409)
        await trial.alter(draft)
        trial.cluster.settle()
        assert trial.case.seen(trial.cluster) == trial.case.result

    async def test_what_is_not_allowed_is_refused_with_the_verb(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.cluster.faults.fail(trial.case.sends, 403)
        with pytest.raises(Rejected, match="does not allow Tocsin to"):
            await trial.alter(draft)
        assert await trial.became(draft) is None

    async def test_what_somebody_else_changed_since_is_left(self, trial: Trial) -> None:
        draft = await trial.draft()
        trial.case.meddle(trial.cluster)
        left, sent = trial.case.seen(trial.cluster), trial.sent()
        with pytest.raises(Rejected):
            await trial.alter(draft)
        assert (trial.case.seen(trial.cluster), trial.sent()) == (left, sent)

    async def test_its_inverse_puts_back_what_was_before(self, trial: Trial) -> None:
        before = trial.case.seen(trial.cluster)
        draft = await trial.draft()
        target = (await trial.gateway.find(NAME)).target
        plan = plan_of(trial.case.change, draft, target.model_dump())
        inverse = ACTIONS[trial.case.change].inverse(plan)
        if inverse is None:
            assert not trial.case.undone
            return
        await trial.alter(draft)
        trial.cluster.settle()
        action, args = inverse
        assert isinstance(action, Alteration)
        back = await trial.gateway.draft(action.name, target, action.said(args), dry_run=True)
        await trial.gateway.alter(action.name, target, back.settled, live=back.live, plan="plan-2", actor="ana")
        trial.cluster.settle()
        assert trial.case.seen(trial.cluster) == before


def plan_of(change: str, draft: Draft, target: dict[str, Any]) -> Plan:
    """As much of a plan as an inverse looks at."""
    known = {"id": "plan-1", "action": change, "summary": "", "arguments": {}, "target": target, "undo": ""}
    found = {"fingerprint": draft.live, "before": draft.before, "after": draft.settled}
    asked = {"requester": "ana", "incident": None, "channel": "general", "platform": "console"}
    times = {"created_at": START, "approve_by": START, "execute_by": START}
    return Plan.model_validate(known | found | asked | times)
