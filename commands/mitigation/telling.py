"""Where a plan is seen: its one message, and the timeline of its incident."""

from __future__ import annotations

from commands.charts import Chart
from commands.domain.incident import IncidentEvent
from commands.domain.plan import Plan
from commands.ports import Transaction
from commands.presentation.plan import plan_card, plan_card_key


def show(plan: Plan, tx: Transaction, *, progress: str = "", chart: Chart | None = None) -> None:
    """Bring the plan's message up to date (rule 15)."""
    tx.messages.edit(plan_card_key(plan.id), plan_card(plan, progress=progress, chart=chart))


def tell_timeline(tx: Transaction, plan: Plan, event: IncidentEvent, actor: str) -> None:
    """Record what happened, where the plan belongs to an incident."""
    if plan.incident:
        tx.incidents.record(plan.incident, event, actor=actor)
