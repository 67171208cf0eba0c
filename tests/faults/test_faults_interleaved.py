"""Anything in any order, on two replicas: plans, votes on two platforms, vetoes, leases, drift, lost answers, kill -9.

Whatever comes of it: nothing runs without a valid yes for exactly that plan, nothing twice, never two at once on one
target, never more than the budget, each change with its intent and outcome in an audit that is intact, and every plan
ends. What is temporary ends once: it is taken back to what was there before, or the channel is told why it stays.
`make stories` plays fifty (TOCSIN_EXAMPLES says how many); without it there are a few.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from bot.store.audit import verify
from commands.domain.lease import Lease, LeaseState
from commands.domain.plan import Plan, PlanState
from commands.ports import AuditEntry
from tests import postgres
from tests.faults.site import BUDGET, OPERATORS, Site, site

pytestmark = [pytest.mark.postgres, pytest.mark.filterwarnings("ignore:unclosed"), pytest.mark.xdist_group("kills")]

STORIES, STEPS = int(os.environ.get("TOCSIN_EXAMPLES", "1")), 40

EITHER = st.sampled_from([0, 1])
ANYBODY = st.sampled_from(["ana", "ben", "carla", "root"])
BOTH = st.sampled_from(["ana", "ben"])
WHEN = st.sampled_from(["before", "after"])
STRUCK = st.sampled_from([[0], [1], [0, 1]])
IN_SLACK = st.sampled_from(["ana", "ben", "carla"])
LINES = st.one_of(
    st.integers(1, 8).map(lambda number: f"/gw scale {number}"),
    st.sampled_from(["/gw restart", "/gw undo", "/gw scale 12 --gradual", "/gw scale 6 --for 1h"]),
)
#: What ends while the story goes on.
BRIEF = st.one_of(
    st.tuples(st.integers(1, 8), st.integers(1, 3)).map(lambda both: f"/gw scale {both[0]} --for {both[1]}s"),
    st.just("/gw scale 12 --gradual --for 2s"),
)
WHICH = st.integers(0, 2)


class Operations(RuleBasedStateMachine):
    """People and misfortune, by turns."""

    def __init__(self, directory: Path, server: str, numbers: itertools.count[int]) -> None:
        super().__init__()
        self._ending = contextlib.ExitStack()
        folder = directory / f"story{next(numbers)}"
        folder.mkdir()
        url = self._ending.enter_context(postgres.database(server))
        self.site: Site = self._ending.enter_context(site(folder, url))

    @initialize(who=BOTH, line=LINES)
    def begins(self, who: str, line: str) -> None:
        self.site.type(who, line, 0)

    @rule(who=ANYBODY, line=LINES, through=EITHER)
    def asks(self, who: str, line: str, through: int) -> None:
        self.site.type(who, line, through)

    @rule(who=BOTH, line=LINES, through=EITHER, wait=st.booleans())
    def changes(self, who: str, line: str, through: int, wait: bool) -> None:
        """One asks, another says yes; and perhaps nothing else is done until it has ended."""
        self.site.type(who, line, through)
        for plan in self.site.plans()[:1]:
            self.site.type("ben" if who == "ana" else "ana", f"/approve {plan.id}", 1 - through)
        if wait:
            self.site.rest()

    @rule(who=BOTH, line=LINES, through=EITHER, when=WHEN, struck=STRUCK)
    def changes_and_is_struck(self, who: str, line: str, through: int, when: str, struck: list[int]) -> None:
        """In the middle of it."""
        self.changes(who, line, through, wait=False)
        self.site.strike(when, struck)

    @rule(who=ANYBODY, which=WHICH, through=EITHER, answer=st.sampled_from(["approve", "approve", "deny"]))
    def answers(self, who: str, which: int, through: int, answer: str) -> None:
        for plan in self.site.plans()[which : which + 1]:
            self.site.type(who, f"/{answer} {plan.id}", through)

    @rule(who=IN_SLACK, which=WHICH, through=EITHER, answer=st.sampled_from(["approve", "approve", "deny"]))
    def answers_in_slack(self, who: str, which: int, through: int, answer: str) -> None:
        for plan in self.site.plans()[which : which + 1]:
            self.site.type_in_slack(who, f"/tocsin {answer} {plan.id}", through)

    @rule(who=ANYBODY, which=st.integers(0, 999), through=EITHER)
    def presses(self, who: str, which: int, through: int) -> None:
        """How many buttons there are depends on the moment; what is drawn may not."""
        self.site.plans()
        self.site.leases()
        if tokens := sorted(set(self.site.tokens)):
            self.site.press(who, tokens[which % len(tokens)], through)

    @rule(who=BOTH, line=BRIEF, through=EITHER, wait=st.booleans())
    def changes_for_a_while(self, who: str, line: str, through: int, wait: bool) -> None:
        self.changes(who, line, through, wait)

    @rule(who=ANYBODY, which=WHICH, through=EITHER, what=st.sampled_from(["renew", "renew", "revert", "keep"]))
    def decides_about_what_is_temporary(self, who: str, which: int, through: int, what: str) -> None:
        for lease in self.site.leases()[which : which + 1]:
            span = " 2s" if what == "renew" else ""
            self.site.type(who, f"/lease {what} {lease.plan}{span}", through)

    @rule(
        who=BOTH, line=BRIEF, when=WHEN, struck=STRUCK, request=st.sampled_from(["POST /admin/", "GET /admin/status"])
    )
    def an_end_is_struck(self, who: str, line: str, when: str, struck: list[int], request: str) -> None:
        """What is temporary is about to be taken back, or is being taken back."""
        self.site.revive()
        self.changes(who, line, 0, wait=True)
        self.site.strike(when, struck, request)

    @rule(replicas=st.integers(1, 8))
    def drifts(self, replicas: int) -> None:
        self.site.meddle(lambda: setattr(self.site.gateway.state, "desired", replicas))

    @rule()
    def is_replaced(self) -> None:
        self.site.meddle(self.site.gateway.state.replace)

    @rule(when=WHEN)
    def loses_an_answer(self, when: str) -> None:
        self.site.gateway.faults.drop("POST /admin/", "after" if when == "after" else "before")

    @rule(line=LINES, through=EITHER)
    def is_frozen_for_a_while(self, line: str, through: int) -> None:
        self.site.type("root", "/tocsin freeze looking", through)
        self.site.type("ana", line, through)
        self.site.type("root", "/tocsin thaw", 1 - through)

    @rule(when=WHEN, who=STRUCK)
    def is_struck(self, when: str, who: list[int]) -> None:
        self.site.strike(when, who)

    @rule()
    def is_revived(self) -> None:
        self.site.revive()

    def teardown(self) -> None:
        """The end of a story: everything comes to rest, and then it is looked at."""
        with self._ending:
            plans = self.site.settle()
            entries = self.site.record.audit()[::-1]
            report = self.site.record.look(lambda tx: verify(tx.connection))
            assert report.broken_at is None, report.why
            each_change_had_its_yes(plans, entries)
            nothing_happened_twice(plans, entries, self.site.gateway.state.effects)
            never_two_at_once(entries)
            within_the_budget(plans, entries)
            what_was_temporary_ended_once(plans, entries, self.site)


def _of(entries: list[AuditEntry], plan: Plan, *kinds: str) -> list[AuditEntry]:
    return [one for one in entries if one.kind in kinds and one.detail.get("plan") == plan.id]


def each_change_had_its_yes(plans: list[Plan], entries: list[AuditEntry]) -> None:
    """Before the intent: as many operators as it took, for the plan as it was carried out, and nobody's no."""
    for plan in plans:
        intents = _of(entries, plan, "intent")
        if not intents:
            continue
        first = intents[0].sequence
        yes = [one for one in _of(entries, plan, "approved", "confirmed", "lease end") if one.sequence < first]
        people = {one.actor for one in yes} & OPERATORS
        assert {one.detail["digest"] for one in (*yes, *intents)} == {plan.digest}, plan
        assert len(people - {plan.requester}) >= plan.needs, plan
        assert people or plan.ends_lease, plan
        assert not [one for one in _of(entries, plan, "vetoed", "cancelled", "expired") if one.sequence < first], plan


def nothing_happened_twice(plans: list[Plan], entries: list[AuditEntry], effects: Counter[str]) -> None:
    """One intent for each request, one outcome for each plan that was begun, and no effect that nobody intended."""
    assert set(effects.values()) <= {1}, effects
    intended = set()
    for plan in plans:
        steps = [one.detail.get("step") for one in _of(entries, plan, "intent")]
        assert len(steps) == len(set(steps)), (plan, steps)
        intended |= {f"{plan.id}.{step}" if step else plan.id for step in steps}
        outcomes = _of(entries, plan, "outcome")
        assert len(outcomes) <= 1, plan
        assert outcomes or not steps, plan
        if plan.state is PlanState.DONE:
            assert all(effects[f"{plan.id}.{step}" if step else plan.id] for step in steps), plan
    assert set(effects) <= intended


def never_two_at_once(entries: list[AuditEntry]) -> None:
    """Between the intent and the outcome of a plan there is no intent of another on its target."""
    running: dict[str, str] = {}
    for one in entries:
        if one.kind == "intent":
            assert running.get(one.subject, one.detail["plan"]) == one.detail["plan"], one
            running[one.subject] = one.detail["plan"]
        elif one.kind == "outcome" and running.get(one.subject) == one.detail["plan"]:
            del running[one.subject]
    assert running == {}


def within_the_budget(plans: list[Plan], entries: list[AuditEntry]) -> None:
    """What was removed by plans that the budget bounds. A story takes less than the budget's quarter of an hour."""
    begun = {one.detail["plan"] for one in entries if one.kind == "intent"}
    removed = [plan.removes for plan in plans if plan.id in begun and plan.undoes is None]
    assert sum(removed) <= BUDGET / 100 + 1e-9, removed


def what_was_temporary_ended_once(plans: list[Plan], entries: list[AuditEntry], site: Site) -> None:
    """Whatever took effect for a while has a lease; it was taken back once, or somebody said that it is over, or it
    stands and people know why."""
    known, leases = {plan.id: plan for plan in plans}, {lease.plan: lease for lease in site.record.leases()}
    assert {plan.id for plan in plans if plan.lease and plan.took_effect} <= set(leases)
    for lease in leases.values():
        plan = known[lease.plan]
        assert plan.took_effect or plan.state in {PlanState.UNKNOWN, PlanState.UNDONE}, plan
        assert len(_of(entries, plan, "lease begun")) == 1, lease
        ends = [one for one in plans if one.ends_lease and one.undoes == plan.id]
        assert all(len(_of(entries, one, "lease end")) == 1 for one in ends), ends
        made = [one.id for one in ends if one.took_effect]
        assert made == ([lease.revert] if lease.state is LeaseState.REVERTED else []), (lease, ends)
        said_over = _of(entries, plan, "lease void", "lease made to stay")
        assert len(said_over) == (lease.state is LeaseState.VOID), (lease, said_over)
        _as_its_state_says(plan, lease, known, entries, site)


def _was_changed_since(plan: Plan, entries: list[AuditEntry], site: Site) -> bool:
    """By somebody past the bots, or by another plan."""
    began = _of(entries, plan, "intent")[-1]
    others = [one for one in entries if one.kind == "intent" and one.sequence > began.sequence]
    return bool(others) or any(at > began.at for at in site.meddled)


def _as_its_state_says(plan: Plan, lease: Lease, known: dict[str, Plan], entries: list[AuditEntry], site: Site) -> None:
    match lease.state:
        case LeaseState.REVERTED:
            revert = known[str(lease.revert)]
            assert (revert.before, revert.after) == (plan.left_at, plan.before), (plan, revert)
            assert [one.kind for one in _of(entries, revert, "intent", "outcome")] == ["intent", "outcome"], revert
            assert plan.state is PlanState.UNDONE, plan
        case LeaseState.KEPT:
            assert lease.why, lease
            if lease.why.startswith("Somebody changed"):
                assert _was_changed_since(plan, entries, site), lease
            assert lease.why in site.record.text(f"{plan.id}:lease:{lease.term}:kept"), lease
            assert _of(entries, plan, "lease kept")[-1].detail["why"] == lease.why, lease
        case LeaseState.RUNNING:
            assert lease.until > plan.created_at + timedelta(minutes=30), lease
        case _:
            assert lease.state is LeaseState.VOID, lease


@pytest.mark.timeout(120 + 60 * STORIES)
def test_whatever_happens_in_whatever_order_every_change_is_as_it_was_approved(
    tmp_path: Path, postgres_server: str
) -> None:
    numbers = itertools.count()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Operations(tmp_path, postgres_server, numbers),
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate],  # a story takes seconds: a failure is told as it was, not made smaller
            suppress_health_check=list(HealthCheck),
        ),
    )
