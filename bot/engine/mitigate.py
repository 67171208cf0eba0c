"""The work of a mitigation: lock, check again, execute once, read back, verify (mitigation.md).

The decisions are transactions of `commands.mitigation`; here is the I/O between them. Each step finds out
from the plan's state what has been done, so a step that is run again after a crash does the right thing:
what has no effect is repeated, and what has one is read back, never repeated.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from bot.engine.before import Before
from bot.engine.durable import Steps
from bot.store.transaction import SqlTransaction, Store
from commands.actions.action import Observation
from commands.actions.known import ACTIONS
from commands.context import Services
from commands.domain.plan import Plan, PlanState, VerdictValue
from commands.domain.sli import Reading
from commands.errors import Refusal, Unavailable
from commands.locating import apart
from commands.mitigation import deciding, running
from commands.mitigation.ordering import order_again
from commands.mitigation.running import Ending
from commands.mitigation.switch import frozen_words
from commands.ports import OutcomeUnknown, Rejected
from commands.reading import window_since
from commands.verdict import Verdict, judge, measured, undecided, worsened

T = TypeVar("T")
Await = Callable[[Coroutine[Any, Any, Any]], Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How long to wait for what, in seconds; `readings` consecutive ones must agree."""

    poll: float = 0.5
    effect_within: float = 120
    effect_at_most: float = 1800
    absent_for: float = 60
    verify_within: float = 60
    verify_every: float = 2
    readings: int = 3


class Mitigate:
    """The workflow, and the expiry of plans that nobody confirms. Runs in the engine's threads."""

    def __init__(self, store: Store, services: Services, run: Await, *, executor: str, pace: Pace) -> None:
        self._store = store
        self._services = services
        self._run = run
        self._executor = executor
        self._pace = pace
        self._before = Before(services)

    def __call__(self, steps: Steps, payload: dict[str, Any]) -> None:
        """The whole path of one plan."""
        plan_id, aside = payload["plan"], bool(payload.get("aside"))

        def prepare() -> bool:
            """Whether it steps aside. Nothing here has an effect outside, and somebody waits: it is recorded once."""
            if not aside and self._steps_aside(plan_id):
                return True
            self._lock(plan_id)
            self._check(plan_id)
            return False

        try:
            if not self._run_step(steps, plan_id, "prepare", prepare):
                self._change(steps, plan_id)
        finally:
            self._before.forget(plan_id)

    def earlier(self, steps: Steps, payload: dict[str, Any]) -> None:
        """What a program of before 2026-11 has begun, by the names that its steps had."""
        plan_id = payload["plan"]
        try:
            self._run_step(steps, plan_id, "lock", lambda: self._lock(plan_id))
            self._run_step(steps, plan_id, "check", lambda: self._check(plan_id))
            self._change(steps, plan_id)
        finally:
            self._before.forget(plan_id)

    def _change(self, steps: Steps, plan_id: str) -> None:
        for number in range(self._state(plan_id).parts):
            again = f" {number + 1}" if number else ""
            execute = partial(self._execute, plan_id, number)
            read_back = partial(self._wait_for, self._read_back, plan_id, number)
            verify = partial(self._wait_for, self._verify, plan_id, number)
            for name, step in (("execute", execute), ("read back", read_back), ("verify", verify)):
                self._run_step(steps, plan_id, name + again, step)

    def _run_step(self, steps: Steps, plan_id: str, name: str, step: Callable[[], T]) -> T | None:
        return steps.run(name, step, otherwise=lambda error: self._stumbled(plan_id, error))

    def expire(self, steps: Steps, payload: dict[str, Any]) -> None:
        """The plan's time to be confirmed is over."""
        plan_id = payload["plan"]
        steps.run("expire", lambda: self._expire(self._state(plan_id)))

    def _expire(self, plan: Plan) -> None:
        self._tx(plan.id, "expire", lambda tx: deciding.expire(plan, tx))

    def _stumbled(self, plan_id: str, error: Exception) -> None:
        """A fault of ours, or an answer that makes no sense: the plan must not hold its target for ever."""
        why = f"something went wrong in Tocsin ({type(error).__name__}; its log says more)"
        self._tx(plan_id, "stumbled", lambda tx: running.stumbled(plan_id, why, self._services, tx))

    def _tx(self, plan_id: str, step: str, work: Callable[[SqlTransaction], T]) -> T:
        return self._store.transact_now(f"{plan_id}:{step}", work)

    def _state(self, plan_id: str) -> Plan:
        return self._store.database.read_now(lambda c: self._store.open(c, "look").plans.get(plan_id))

    def _steps_aside(self, plan_id: str) -> bool:
        """What was taken over from a process that died comes back by the same queue, behind what waits for it here."""

        def step_aside(tx: SqlTransaction) -> bool:
            waits = running.must_wait(plan_id, tx)
            if waits:
                order_again(plan_id, tx)
            return waits

        return self._must_wait(plan_id) and self._tx(plan_id, "aside", step_aside)

    def _must_wait(self, plan_id: str) -> bool:
        return self._store.look_now(lambda tx: running.must_wait(plan_id, tx))

    def _lock(self, plan_id: str) -> None:
        """Once nobody else is at the target; a freeze, a veto and the plan's own time end the wait."""
        while self._must_wait(plan_id):
            self._run(self._services.clock.sleep(self._pace.poll))
        plan = self._tx(plan_id, "lock", lambda tx: running.lock(plan_id, self._services, tx))
        if plan is not None and plan.state is PlanState.LOCKED:
            self._run(self._before.begin(plan))

    # ------------------------------------------------------------ check again, then execute once

    def _check(self, plan_id: str) -> None:
        """Whether the target is still what was confirmed (rule 2)."""
        plan = self._state(plan_id)
        if plan.state is not PlanState.LOCKED:
            return
        try:
            action = ACTIONS[plan.action]
            found = action.fingerprint(self._run(action.look(self._services, plan)))
        except Refusal as refusal:
            why, passing = f"{refusal.message} Nothing was changed", isinstance(refusal, Unavailable)
            self._give_up(plan, PlanState.LOCKED, why, passing=passing)
            return
        if found != plan.fingerprint:
            self._tx(plan_id, "drift", lambda tx: running.drifted(plan_id, found, self._services, tx))

    def _give_up(self, plan: Plan, source: PlanState, why: str, *, passing: bool = False) -> None:
        def give_up(tx: SqlTransaction) -> None:
            running.give_up(plan.id, source, why, self._services, tx, passing=passing)

        self._tx(plan.id, "give-up", give_up)

    def _wait_for(self, part: Callable[[str, int], Coroutine[Any, Any, None]], plan_id: str, number: int) -> None:
        self._run(part(plan_id, number))

    def _execute(self, plan_id: str, number: int) -> None:
        """Intent, then the effect. Entered a second time, the intent is there already: nothing is asked again."""
        plan = self._begun(plan_id) if number == 0 else self._next(plan_id, number)
        if plan is None:
            return
        try:
            self._run(ACTIONS[plan.action].execute(self._services, plan.part(number)))
        except Rejected as refused:
            what = "nothing more was changed" if number else "nothing was changed"
            self._give_up(plan, PlanState.EXECUTING, f"the target refused: {refused}; {what}")
        except (OutcomeUnknown, Refusal) as unclear:
            log.warning("plan %s: no clear answer, reading back: %s", plan_id, unclear)

    def _begun(self, plan_id: str) -> Plan | None:
        plan = self._state(plan_id)
        if plan.state is not PlanState.LOCKED:
            return None
        kept, baseline = self._run(self._before.taken(plan))

        def begin(tx: SqlTransaction) -> Plan | None:
            return running.begin(plan_id, self._executor, baseline, kept, self._services, tx)

        return self._tx(plan_id, "begin", begin)

    def _next(self, plan_id: str, number: int) -> Plan | None:
        """The step after one that went well, if the target is as that one left it."""
        plan = self._state(plan_id)
        if plan.state is not PlanState.VERIFYING or plan.step != number:
            return None
        action, before = ACTIONS[plan.action], plan.part(number - 1)
        try:
            drifted = not action.shows(before, self._run(action.look(self._services, plan)))
            why = "somebody changed the target meanwhile" if drifted else ""
        except Refusal as refusal:
            why = refusal.message.rstrip(".")
        return self._tx(plan_id, f"step {number + 1}", lambda tx: running.go_on(plan_id, why, self._services, tx))

    # ------------------------------------------------------------ read back

    async def _read_back(self, plan_id: str, number: int) -> None:
        """Until the effect is there, or it is certain that it will not be. Progress is edited into the message."""
        plan = self._state(plan_id)
        if plan.state is not PlanState.EXECUTING or plan.step != number:
            return
        clock, pace = self._services.clock, self._pace
        present, seen = clock.now(), ""
        until = present + timedelta(seconds=pace.effect_within)
        # A target may give itself ever more time, such as a rollout whose pods come and go.
        at_most = present + timedelta(seconds=pace.effect_at_most)
        while True:
            found = await self._observe(plan)
            until = max(until, min(found.until or until, at_most))
            # A request whose answer was lost may still be on its way: its absence must last to be believed.
            present = present if found.state == "absent" else clock.now()
            late = clock.now() - present < timedelta(seconds=pace.absent_for)
            if not (found.state == "absent" and late) and self._settled(plan, found):
                return
            if clock.now() >= until:
                self._end(plan, PlanState.UNKNOWN, f"no clear result in time; last seen: {found.detail}", found)
                return
            if found.detail != seen:
                seen = found.detail
                self._tell(plan, found)
            if plan.rounds and found.state == "running" and not await self._pursued(plan, found):
                return
            await clock.sleep(pace.poll)

    async def _pursued(self, plan: Plan, found: Observation) -> bool:
        """The next round of a change that takes many requests; False: it was stopped, and has ended."""
        stopped = self._state(plan.id).stopped_by
        why = "" if stopped else self._tx(plan.id, "next round", lambda tx: frozen_words(plan, tx))
        if stopped or why:
            to = PlanState.CANCELLED if stopped else PlanState.FAILED
            self._end(plan, to, "; ".join(filter(None, (found.detail, why))), found)
            return False
        try:
            await ACTIONS[plan.action].pursue(self._services, plan.part(plan.step))
        except (Rejected, OutcomeUnknown, Refusal) as unclear:
            log.warning("plan %s: a round was not made, reading back: %s", plan.id, unclear)
        return True

    async def _observe(self, plan: Plan) -> Observation:
        try:
            return await ACTIONS[plan.action].observe(self._services, plan.part(plan.step))
        except Refusal as refusal:
            return Observation("running", refusal.message)

    def _settled(self, plan: Plan, found: Observation) -> bool:
        """Move on when what was found decides it. After a restart, the message says so."""
        restarted = plan.executor != self._executor
        note = " (Tocsin was restarted meanwhile; this is what the read-back found)" if restarted else ""
        match found.state:
            case "done":
                self._tx(plan.id, "verifying", lambda tx: running.verifying(plan.id, found.detail + note, tx))
            case "failed":
                self._end(plan, PlanState.FAILED, found.detail + note, found)
            case "absent":
                again = f"it did not happen: {found.detail}. Ask for it again if it is still wanted"
                self._end(plan, PlanState.INTERRUPTED, again + note, found)
            case "different":
                self._end(plan, PlanState.UNKNOWN, found.detail + note, found)
            case _:
                return False
        return True

    def _tell(self, plan: Plan, found: Observation) -> None:
        words = f"{found.detail} …"
        self._tx(plan.id, "progress", lambda tx: running.progress(plan.id, words, tx))

    def _end(self, plan: Plan, to: PlanState, detail: str, found: Observation) -> None:
        ending = Ending(PlanState.EXECUTING, to, detail, took_effect=found.took_effect, left=found.left)
        self._finish(plan, ending)

    def _finish(self, plan: Plan, ending: Ending) -> None:
        self._tx(plan.id, f"end:{ending.to}", lambda tx: running.finish(plan.id, ending, self._services, tx))

    # ------------------------------------------------------------ verify

    async def _verify(self, plan_id: str, number: int) -> None:
        """Error rate and latency against the baseline, until consecutive readings agree or time is over."""
        plan = self._state(plan_id)
        if plan.state is not PlanState.VERIFYING or plan.baseline is None or (plan.steps and plan.step != number + 1):
            return
        if number + 1 < plan.parts:
            await self._watch(plan, plan.baseline)
            return
        verdict = await self._verdict(plan, plan.baseline)
        to = PlanState.FAILED if verdict.value == "failed" else PlanState.DONE
        detail = f"{plan.detail}; {verdict.words}"
        self._finish(
            plan, Ending(PlanState.VERIFYING, to, detail, took_effect=True, verdict=verdict.value, measured=verdict.now)
        )

    async def _watch(self, plan: Plan, baseline: Reading) -> None:
        """Between two steps the first bad reading ends it, and so does having none; so many not bad let it go on."""
        readings = list[Reading]()
        async for readings in self._readings(plan):
            if worsened(baseline, readings[-1], self._services.objectives):
                self._stop_here(plan, "it got worse", "failed", readings)
                return
            if measured(readings) >= self._pace.readings:
                return
        if not measured(readings):
            self._stop_here(plan, "could not be measured", "inconclusive", readings)

    def _stop_here(self, plan: Plan, why: str, verdict: VerdictValue, readings: list[Reading]) -> None:
        words, last = f"{plan.detail}; {why}, so it was stopped", readings[-1] if readings else None
        self._finish(plan, Ending(PlanState.VERIFYING, PlanState.FAILED, words, verdict=verdict, measured=last))

    async def _verdict(self, plan: Plan, baseline: Reading) -> Verdict:
        objectives, readings = self._services.objectives, list[Reading]()
        async for readings in self._readings(plan):
            verdict = judge(baseline, readings, objectives, needed=self._pace.readings)
            if verdict:
                return verdict
        return undecided(baseline, readings, objectives)

    async def _readings(self, plan: Plan) -> AsyncIterator[list[Reading]]:
        """All that were taken since now, at each new one, until the time to verify is over."""
        clock, began = self._services.clock, self._services.clock.now()
        readings: list[Reading] = []
        while clock.now() < began + timedelta(seconds=self._pace.verify_within):
            await clock.sleep(self._pace.verify_every)
            window = window_since(began, clock.now(), grain=self._services.telemetry.grain)
            if window is not None:
                where = apart(plan.target, self._services)
                readings.append(await self._services.telemetry.reading(plan.target.name, window=window, at=where))
                yield readings
