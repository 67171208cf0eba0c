"""Drills outside of the core: their settings, the errands that break the gateway and mend it, and their timer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import Field

from bot.engine.durable import Steps
from bot.errands import Runner, Settle
from bot.sections import Section
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.drill import Fault, FaultChanged, Scenario
from commands.domain.errand import Errand, Integration
from commands.domain.severity import Scheme
from commands.drilling import FAULTS, follow, tell_time_is_over
from commands.errors import Malformed
from commands.people import SYSTEM
from commands.ports import Faults, Rejected

#: The shortest that the gateway takes a fault for.
_LEAST = timedelta(seconds=1)


class DrillSettings(Section):
    """Whether drills may break the gateway, and the organisation's own scenarios."""

    inject: bool = True
    scenarios: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")], Scenario] = Field(default_factory=dict)

    def known(self, scheme: Scheme) -> dict[str, Scenario]:
        """With those that Tocsin comes with, which an own one of that name replaces. Raises ValueError."""
        shipped = {name: _fitting(one, scheme) for name, one in packaged().items()}
        for name, one in self.scenarios.items():
            try:
                scheme.parse(one.severity or scheme.worst.id)
            except Malformed as refused:
                raise ValueError(f"drills.scenarios.{name}.severity: {refused.words()}") from None
        return {**shipped, **self.scenarios}


@cache
def packaged() -> dict[str, Scenario]:
    """Those that Tocsin comes with."""
    text = (files("commands.drills") / "default.yaml").read_text(encoding="utf-8")
    return {name: Scenario.model_validate(one) for name, one in yaml.safe_load(text).items()}


def _fitting(scenario: Scenario, scheme: Scheme) -> Scenario:
    """In another scheme of severities, the second level."""
    try:
        scheme.parse(scenario.severity)
    except Malformed:
        return scenario.model_copy(update={"severity": ""})
    return scenario


class Breaking:
    """See Runner: injects the fault of a drill, and ends it."""

    def __init__(self, store: Store, faults: Faults, now: Callable[[], Any]) -> None:
        self._store = store
        self._faults = faults
        self._now = now

    async def run(self, errand: Errand) -> Settle | None:
        """See Runner. The fault that comes too late is not injected, and that of a drill that is over neither."""
        if not errand.body:
            await self._faults.mend(drill=errand.incident)
            return None
        incident = await self._store.look(lambda tx: tx.incidents.get(errand.incident))
        if not incident.status.is_open or incident.drill is None:
            return None
        lasts = incident.drill.until - self._now()
        if lasts < _LEAST:
            raise Rejected("the drill's time was over before the gateway took the fault; nothing was broken")
        fault = Fault.model_validate(errand.body["fault"])
        await self._faults.inject(fault, drill=errand.incident, actor=errand.body["actor"], lasts=lasts)

        def injected(tx: SqlTransaction) -> None:
            tx.incidents.record(errand.incident, FaultChanged(what="injected"), actor=SYSTEM.id)

        return injected


def runners(store: Store, deployments: object, now: Callable[[], Any], *, inject: bool) -> dict[Integration, Runner]:
    """One, where the gateway can be broken on purpose and the settings let drills do it."""
    return {FAULTS: Breaking(store, deployments, now)} if inject and isinstance(deployments, Faults) else {}


def notice(store: Store, services: Services) -> None:
    """What follows from an event for a drill is done in the transaction of the event."""

    def followed(tx: SqlTransaction) -> None:
        for incident_id, events in list(tx.incidents.happened.items()):
            follow(tx.incidents.get(incident_id), tuple(events), services, tx)

    store.before_commit(followed)


class DrillTimer:
    """A workflow of one step: the crew reads that the time of their drill is over."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, steps: Steps, payload: dict[str, Any]) -> None:
        """Tell them, if it still goes on."""
        incident = payload["incident"]
        steps.run(
            "time",
            lambda: self._store.transact_now(f"{incident}:drill-time", lambda tx: tell_time_is_over(incident, tx)),
        )
