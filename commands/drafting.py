"""What a postmortem is drafted from, and the order to draft it: on resolution, and when what it tells of changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commands.charts import Chart, Mark
from commands.context import Services
from commands.domain.incident import Incident
from commands.domain.moments import MomentSet
from commands.domain.sli import Reading
from commands.domain.timeline import Entry
from commands.ports import Transaction
from commands.postmortem import Report, draft
from commands.presentation.measured import Window, measured_chart

WORKFLOW = "draft-postmortem"
#: How far before the declaration the breach is looked for.
LEAD = timedelta(minutes=30)
#: What of the time before it the chart shows: as much as it lasted, within these bounds.
LEAST_BEFORE, MOST_BEFORE = timedelta(minutes=1), timedelta(minutes=5)
#: How long before the declaration the alerts came that belong to it.
HEARD = timedelta(hours=6)


def order_draft(incident: Incident, tx: Transaction) -> None:
    """Once for each version of the incident; the work itself is durable."""
    tx.work.enqueue(WORKFLOW, key=f"{incident.id}:draft:{incident.version}", payload={"incident": incident.id})


@dataclass(frozen=True)
class Findings:
    """What is known of an incident, and its chart where enough was measured for one."""

    report: Report
    chart: Chart | None


def findings(incident: Incident, services: Services, tx: Transaction) -> Findings:
    """As the record has it now."""
    entries = tx.incidents.timeline(incident.id)
    since, end = _span(incident, entries, tx.now)
    readings = counting(incident, tx.samples.between(incident.service, since, end))
    plans = tx.plans.of_incident(incident.id)
    until = incident.resolved_at or tx.now
    report = draft(
        incident=incident,
        entries=entries,
        plans=plans,
        readings=readings,
        objectives=services.objectives,
        scheme=services.scheme,
        directory=services.directory,
        zone=services.zone,
        now=tx.now,
        heard=tx.alerts.heard(incident.id, since=incident.declared_at - HEARD, until=until),
    )
    before = max(LEAST_BEFORE, min(end - report.impact.since, MOST_BEFORE))
    window = Window(incident.service, report.impact.since - before, end, services.zone)
    marks = [Mark(at=one.at, label=one.name) for one in report.moments if one.at and window.since <= one.at <= end]
    return Findings(report, measured_chart(window, readings, plans, services.objectives, marks))


def counting(incident: Incident, readings: Sequence[Reading]) -> list[Reading]:
    """What was broken for a drill is no impact of anything else."""
    return [one for one in readings if incident.drill or not one.drill]


def _span(incident: Incident, entries: Sequence[Entry], now: datetime) -> tuple[datetime, datetime]:
    """What is to be looked at: some time before the declaration, or since when somebody says that it began."""
    said = [entry.event.at for entry in entries if isinstance(entry.event, MomentSet) and entry.event.at]
    return min([incident.declared_at, *said]) - LEAD, min(max([incident.resolved_at or now, *said]), now)
