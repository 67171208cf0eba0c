"""Plans and the locks on their targets. A plan moves by compare-and-swap, so two clicks decide once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from bot.store import schema
from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from commands.domain.plan import Plan, PlanState
from commands.errors import Conflict, NotFound, Unavailable
from commands.ports import Held

T = TypeVar("T")
#: How many deliveries are looked through for the last of one person.
_FURTHEST = 500
#: The longest time from a plan to its execution.
_MOST_WAIT = timedelta(days=7)


class SqlPlans:
    """See the Plans port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(self, plan: Plan) -> None:
        """Store a new plan."""
        self._connection.execute(
            schema.plans.insert().values(
                id=plan.id,
                state=plan.state.value,
                target=plan.target.key,
                incident=plan.incident,
                created_at=plan.created_at,
                body=plan.model_dump_json(),
            )
        )

    def get(self, plan_id: str) -> Plan:
        """Raises NotFound."""
        query = sa.select(schema.plans.c.body).where(schema.plans.c.id == plan_id).with_for_update()
        body = self._connection.execute(query).scalar_one_or_none()
        if body is None:
            raise NotFound(f"There is no plan {plan_id[:60]}.", example="/gw history")
        return Plan.model_validate_json(body)

    def move(self, plan_id: str, source: PlanState, to: PlanState, **changes: Any) -> Plan:
        """Compare and swap; raises Conflict, naming the state that the plan has instead."""
        plan = self.get(plan_id)
        step = f"{self._now:%Y-%m-%dT%H:%M:%S.%f}Z {to.value}"
        history = (*plan.history, step) if to is not source else plan.history
        moved = plan.model_copy(update=changes | {"state": to, "history": history})
        table = schema.plans
        swap = table.update().where(table.c.id == plan_id, table.c.state == source.value)
        done = self._connection.execute(swap.values(state=to.value, body=moved.model_dump_json()))
        if done.rowcount != 1:
            raise Conflict(f"This plan is {plan.state.value} already.")
        return moved

    def recent(self, *, target: str | None, limit: int) -> list[Plan]:
        """Newest first."""
        return _recent(self._connection, target, limit)

    def acted_since(self, since: datetime) -> list[Plan]:
        """Those that were confirmed, and may have acted since then; a plan waits for a time before it acts."""
        table = schema.plans
        idle = [PlanState.PLANNED.value, PlanState.VETOED.value, PlanState.EXPIRED.value]
        query = sa.select(table.c.body).where(table.c.created_at >= since - _MOST_WAIT, table.c.state.not_in(idle))
        return [Plan.model_validate_json(body) for body in self._connection.execute(query).scalars()]

    def of_incident(self, incident_id: str) -> list[Plan]:
        """Oldest first."""
        table = schema.plans
        query = sa.select(table.c.body).where(table.c.incident == incident_id).order_by(table.c.created_at, table.c.id)
        return [Plan.model_validate_json(body) for body in self._connection.execute(query).scalars()]

    def lock(self, target: str, plan_id: str) -> str | None:
        """Take the lock, or say which plan has it. Taking it again for the same plan is no conflict."""
        table = schema.locks
        holder = self._connection.execute(sa.select(table.c.plan).where(table.c.target == target)).scalar_one_or_none()
        if holder is None:
            self._connection.execute(table.insert().values(target=target, plan=plan_id, taken_at=self._now))
        return None if holder in {None, plan_id} else holder

    def one_at_a_time(self, service: str) -> None:
        """See Plans. On SQLite there is one writer anyway."""
        if self._connection.dialect.name == "postgresql":
            name = sa.func.hashtextextended(f"tocsin:service:{service}", 0)
            self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))

    def unlock(self, target: str, plan_id: str) -> None:
        """Let go, if it is this plan's."""
        table = schema.locks
        self._connection.execute(table.delete().where(table.c.target == target, table.c.plan == plan_id))

    def held(self) -> list[Held]:
        """See Plans."""
        table = schema.locks
        rows = self._connection.execute(sa.select(table).order_by(table.c.taken_at, table.c.target))
        return [Held.model_validate(dict(row._mapping)) for row in rows]

    def waiting(self, *, channel: str | None = None) -> list[Plan]:
        """See Plans."""
        table = schema.plans
        states = [PlanState.PLANNED.value, PlanState.APPROVED.value]
        query = sa.select(table.c.body).where(table.c.state.in_(states)).order_by(table.c.created_at.desc(), table.c.id)
        plans = [Plan.model_validate_json(body) for body in self._connection.execute(query).scalars()]
        return [plan for plan in plans if channel is None or plan.channel == channel]


def _recent(connection: sa.Connection, target: str | None, limit: int) -> list[Plan]:
    table = schema.plans
    query = sa.select(table.c.body).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
    if target:
        query = query.where(table.c.target == target)
    return [Plan.model_validate_json(body) for body in connection.execute(query).scalars()]


def _asked(connection: sa.Connection, channel: str, person: str, limit: int) -> list[str]:
    """Of a channel's newest commands those of one person: few enough to be read one by one."""
    table = schema.inbox
    query = sa.select(table.c.payload).where(table.c.kind == "command", table.c.state == "done")
    newest = connection.execute(query.order_by(table.c.received_at.desc(), table.c.id).limit(_FURTHEST)).scalars()
    typed = (json.loads(payload) for payload in newest)
    return [one["text"] for one in typed if (one["channel"], one["person"]) == (channel, person)][:limit]


class StoreLedger:
    """Provides the core's Ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, *, target: str | None, limit: int) -> list[Plan]:
        """See Ledger."""
        return await self._look(lambda connection: _recent(connection, target, limit))

    async def asked(self, *, channel: str, person: str, limit: int) -> list[str]:
        """See Ledger."""
        return await self._look(lambda connection: _asked(connection, channel, person, limit))

    async def _look(self, work: Callable[[sa.Connection], list[T]]) -> list[T]:
        try:
            return await self._database.read(work)
        except StoreUnavailable as gone:
            raise Unavailable(str(gone), hint="Try again in a moment.") from gone
