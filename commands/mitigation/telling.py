"""Where a plan is seen: its one message, and the timeline of its incident."""

from __future__ import annotations

from datetime import timedelta

from commands.charts import Chart
from commands.context import Services
from commands.domain.incident import IncidentEvent
from commands.domain.plan import Plan
from commands.locating import is_watched
from commands.ports import Transaction
from commands.presentation.measured import Window, measured_chart
from commands.presentation.plan import plan_card, plan_card_key

#: How much of the time before a change its chart shows.
_LEAD = timedelta(minutes=10)


def show(plan: Plan, tx: Transaction, *, progress: str = "", chart: Chart | None = None) -> None:
    """Bring the plan's message up to date (rule 15)."""
    lease = tx.leases.find(plan.id) if plan.lease else None
    tx.messages.edit(plan_card_key(plan.told_in), plan_card(plan, progress=progress, chart=chart, lease=lease))


def tell_timeline(tx: Transaction, plan: Plan, event: IncidentEvent, actor: str) -> None:
    """Record what happened, where the plan belongs to an incident."""
    if plan.incident:
        tx.incidents.record(plan.incident, event, actor=actor)


def course(plan: Plan, services: Services, tx: Transaction) -> Chart | None:
    """How the service did before a change and since; only where there was one."""
    if plan.baseline is None or not plan.took_effect or not is_watched(plan.target.location, services):
        return None
    window = Window(plan.target.name, plan.baseline.at - _LEAD, tx.now, services.zone)
    readings = tx.samples.between(window.service, window.since, window.until)
    return measured_chart(window, readings, (plan,), services.objectives)
