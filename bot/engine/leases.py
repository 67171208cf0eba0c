"""The timers of leases: people are told that a temporary change will end, and then it is taken back.

The decisions are transactions of `commands.mitigation.leasing`; here is the look at the target between them. A step
that is run again after a crash finds the lease moved on, and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from bot.engine.durable import Steps
from bot.store.transaction import SqlTransaction, Store
from commands.actions.action import Proposal
from commands.context import Services
from commands.errors import Refusal, Unavailable
from commands.mitigation import leasing
from commands.ports import OutcomeUnknown, Rejected


class Leases:
    """The three workflows. Runs in the engine's threads."""

    def __init__(self, store: Store, services: Services, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._store = store
        self._services = services
        self._run = run

    def notice(self, steps: Steps, payload: dict[str, Any]) -> None:
        """The end is near."""
        steps.run("notice", lambda: self._tx(payload, lambda tx: leasing.notice(payload["plan"], payload["term"], tx)))

    def prolong(self, steps: Steps, payload: dict[str, Any]) -> None:
        """It was renewed. Asked twice, the target does the same again."""
        steps.run("prolong", lambda: self._prolong(payload), otherwise=lambda error: self._unheard(payload, error))

    def _prolong(self, payload: dict[str, Any]) -> None:
        plan, lease = self._store.look_now(lambda tx: (tx.plans.get(payload["plan"]), tx.leases.find(payload["plan"])))
        try:
            self._run(leasing.prolong(plan, payload["term"], lease, self._services))
        except Refusal as refused:
            self._tell_unheard(payload, refused.words())
        except (Rejected, OutcomeUnknown) as refused:
            self._tell_unheard(payload, f"{refused}.")

    def _unheard(self, payload: dict[str, Any], error: Exception) -> None:
        self._tell_unheard(payload, f"something went wrong in Tocsin ({type(error).__name__}; its log says more).")

    def _tell_unheard(self, payload: dict[str, Any], why: str) -> None:
        self._tx(payload, lambda tx: leasing.not_prolonged(payload["plan"], payload["term"], why, tx))

    def end(self, steps: Steps, payload: dict[str, Any]) -> None:
        """The time is up. A fault of ours is told as well: nothing temporary stays without a word."""
        steps.run("end", lambda: self._end(payload), otherwise=lambda error: self._stumbled(payload, error))

    def _end(self, payload: dict[str, Any]) -> None:
        plan_id, term = payload["plan"], payload["term"]
        plan = self._store.database.read_now(lambda c: self._store.open(c, "look").plans.get(plan_id))
        try:
            found: Proposal = self._run(leasing.way_back(plan, self._services))
        except Unavailable as gone:
            why = gone.message
            self._tx(payload, lambda tx: leasing.put_off(payload, why, self._services, tx))
        except Refusal as refused:
            words = refused.words()
            self._tx(payload, lambda tx: leasing.left(plan_id, term, words, self._services, tx))
        else:
            self._tx(payload, lambda tx: leasing.end(plan_id, term, found, self._services, tx))

    def _stumbled(self, payload: dict[str, Any], error: Exception) -> None:
        why = f"Something went wrong in Tocsin ({type(error).__name__}; its log says more)."
        self._tx(payload, lambda tx: leasing.left(payload["plan"], payload["term"], why, self._services, tx))

    def _tx(self, payload: dict[str, Any], work: Callable[[SqlTransaction], None]) -> None:
        self._store.transact_now(f"{payload['plan']}:lease:{payload['term']}:{payload.get('try', 0)}", work)
