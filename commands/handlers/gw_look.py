"""`/gw status`, `health`, `pods`, `metrics`, `config`: the gateway as it is now. They read, and run at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from commands.cards import Card, Code, Fact, Rich, Table, Tone, When, fact, rich, strong
from commands.context import Call
from commands.domain.plan import Plan
from commands.domain.sli import Objectives, Reading
from commands.errors import Unavailable
from commands.grammar.arguments import Option
from commands.handlers.common import at_most_a_day, may_be_told_here, show_gathered
from commands.locating import Somewhere, called, is_watched, location_of, named, workload_of
from commands.ports import Configurations, Pod, RouteReading, Transaction, Workload
from commands.presentation.measured import Window, measured_chart
from commands.presentation.whose import actor
from commands.presentation.words import counted, cut, first_lines, lasting
from commands.reading import WINDOW, service_of
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Command, Decide, Gather, Reply

_OF_A_POD = ("Worker", "State", "Since", "Restarts")


@dataclass(frozen=True)
class MetricsArgs(Somewhere):
    """Arguments of `/gw metrics`."""

    window: Annotated[timedelta, Option("--window", "what the figures count, e.g. 30s or 5m")] = timedelta(seconds=30)
    since: Annotated[timedelta, Option("--since", "how far back the chart goes, e.g. 2h")] = timedelta(minutes=30)


async def status(args: Somewhere, call: Call) -> Card:
    """Workers, error rate, latency, in one look."""
    service, where = service_of(call), location_of(args, call)
    reading = await call.services.telemetry.reading(service, window=WINDOW, at=where)
    try:
        workload = await call.services.deployments.find(service, where)
    except Unavailable as gone:
        return _gone(called(args, call), gone, reading)
    state, tone = _state(workload, reading, call.services.objectives)
    closer = rich("Look closer: ", Code(text="/gw errors"), ", ", Code(text="/gw logs --level ERROR"))
    return Card(
        title=f"{named(workload, call)}: {state}",
        tone=tone,
        paragraphs=(closer,) if tone is Tone.CRITICAL else (),
        facts=(
            fact("Workers", f"{workload.ready} of {workload.desired} ready"),
            *_sli_facts(reading),
            *_identity(workload),
        ),
    )


def _gone(service: str, gone: Unavailable, reading: Reading) -> Card:
    """What does not answer is in trouble, and everybody has to read it."""
    return Card(
        title=f"{service}: in trouble (no answer)",
        tone=Tone.CRITICAL,
        paragraphs=tuple(rich(text) for text in (gone.message, gone.hint) if text),
        facts=_sli_facts(reading) if reading.up else (),
    )


def _state(workload: Workload, reading: Reading, objectives: Objectives) -> tuple[str, Tone]:
    """Whether all is well; without a request nobody can tell."""
    wrong = list(_wrong(workload, reading, objectives))
    if wrong:
        return f"in trouble ({', '.join(wrong)})", Tone.CRITICAL
    if not reading.requests:
        return "no traffic, so its health is not known", Tone.WARNING
    return "healthy", Tone.GOOD


def _wrong(workload: Workload, reading: Reading, objectives: Objectives) -> Iterator[str]:
    """What is not as it should be, for the headline."""
    if workload.ready != workload.desired:
        yield f"{workload.ready} of {counted(workload.desired, 'worker')} ready"
    if not reading.up:
        yield "no answer"
    elif reading.requests and reading.error_rate > objectives.error_rate:
        yield f"errors {reading.error_rate:.1%}"
    if reading.p95_ms is not None and reading.p95_ms > objectives.p95_ms:
        yield f"p95 {_ms(reading.p95_ms)}"


def _sli_facts(reading: Reading) -> tuple[Fact, ...]:
    if not reading.up or not reading.requests:
        return (fact("Traffic", reading.words()),)
    return (
        fact("Errors", strong(f"{reading.error_rate:.1%}"), f" of {counted(reading.requests, 'request')}"),
        fact("Latency", f"p50 {_ms(reading.p50_ms)}, p95 {_ms(reading.p95_ms)}, p99 {_ms(reading.p99_ms)}"),
        fact("Traffic", f"{reading.rps:,.0f} req/s over {reading.window_seconds:.0f} s"),
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _identity(workload: Workload) -> tuple[Fact, ...]:
    busy = (fact("Changing", workload.busy_with),) if workload.busy_with else ()
    return (
        *busy,
        fact("Version", f"{workload.version}, revision {workload.revision}"),
        fact("Running since", When(at=workload.started_at, style="full")),
    )


async def health(args: Somewhere, call: Call) -> Card:
    """The health endpoints, as runbooks 002 and 003 ask for them."""
    checks = await call.services.telemetry.health(service_of(call), location_of(args, call))
    good = all(answer.startswith("ok") for answer in checks.values())
    return Card(
        title=f"{called(args, call)}: {'all health checks pass' if good else 'a health check fails'}",
        tone=Tone.GOOD if good else Tone.CRITICAL,
        facts=tuple(fact(path, answer) for path, answer in checks.items()),
    )


async def pods(args: Somewhere, call: Call) -> Card:
    """`kubectl get pods` for whatever runs the gateway."""
    workload = await workload_of(args, call)
    found = await call.services.deployments.pods(workload.target)
    ready = workload.ready == workload.desired
    title = f"{named(workload, call)}: {workload.ready} of {counted(workload.desired, 'worker')} ready"
    tone = Tone.GOOD if ready else Tone.CRITICAL
    if any(pod.node or pod.image for pod in found):
        placed = tuple((*_pod(pod), rich(pod.node or "-"), rich(pod.image or "-")) for pod in found)
        shown = Table(columns=(*_OF_A_POD, "Node", "Image"), rows=placed, numeric=(3,))
        return Card(title=title, tone=tone, table=shown)
    rows = tuple((*_pod(pod), *_served(pod)) for pod in found)
    columns = (*_OF_A_POD, "Requests", "Errors", "Memory")
    return Card(title=title, tone=tone, table=Table(columns=columns, rows=rows, numeric=(3, 4, 5, 6)))


def _pod(pod: Pod) -> tuple[Rich, ...]:
    restarts = f"{pod.restarts}{f' ({pod.ended})' if pod.ended else ''}"
    return (rich(pod.name), rich(pod.state), rich(When(at=pod.started_at)), rich(restarts))


def _served(pod: Pod) -> tuple[Rich, ...]:
    """What a worker process counts; a pod of a cluster is seen from outside."""
    memory = "-" if pod.memory_bytes is None else f"{pod.memory_bytes / 2**20:,.0f} MB"
    return (_count(pod.requests), _count(pod.errors), rich(memory))


def _count(number: int | None) -> Rich:
    return rich("-" if number is None else f"{number:,}")


async def metrics(args: MetricsArgs, call: Call) -> Card:
    """The SLIs, whole and by route (runbook 002: "Identify affected routes"). What is down has no routes to ask for."""
    at_most_a_day(args.since, "/gw metrics --since 24h")
    service, where = service_of(call), location_of(args, call)
    window = min(max(args.window, timedelta(seconds=1)), timedelta(minutes=15))
    reading = await call.services.telemetry.reading(service, window=window, at=where)
    routes = await call.services.telemetry.routes(service, window=window, at=where) if reading.up else ()
    columns = ("Route", "Requests", "Errors", "p95")
    return Card(
        title=f"{called(args, call)}: {reading.words()}",
        tone=_tone(reading, call.services.objectives),
        facts=tuple(_sli_facts(reading)),
        table=Table(columns=columns, rows=tuple(map(_route, routes)), numeric=(1, 2, 3)) if routes else None,
    )


def with_chart(args: MetricsArgs, call: Call, tx: Transaction, shown: Card) -> Reply:
    """How it came to be so: what was measured since, and what was changed meanwhile."""
    services, service = call.services, service_of(call)
    if not is_watched(location_of(args, call), services):
        missing = rich(f"No chart: only {services.home.words} is measured all the time.")
        return Reply(shown.model_copy(update={"paragraphs": (missing,)}))
    window = Window(service, tx.now - max(args.since, timedelta(minutes=1)), tx.now, services.zone)
    readings = tx.samples.between(service, window.since, window.until)
    plans = [plan for plan in tx.plans.recent(target=None, limit=50) if _is_here(plan, call)]
    told = [plan for plan in plans if may_be_told_here(plan, call, tx)]
    chart = measured_chart(window, readings, told, services.objectives)
    if chart is None:
        missing = rich(f"No chart: too little was measured in the last {lasting(window.until - window.since)}.")
        return Reply(shown.model_copy(update={"paragraphs": (missing,)}))
    return Reply(shown.model_copy(update={"chart": chart}))


def _is_here(plan: Plan, call: Call) -> bool:
    return plan.target.name == service_of(call) and is_watched(plan.target.location, call.services)


def _tone(reading: Reading, objectives: Objectives) -> Tone:
    if objectives.breached(reading):
        return Tone.CRITICAL
    return Tone.GOOD if reading.requests else Tone.NEUTRAL


def _route(route: RouteReading) -> tuple[Rich, ...]:
    return (
        rich(route.route),
        rich(f"{route.requests:,}"),
        rich(f"{route.error_rate:.1%}"),
        rich(_ms(route.p95_ms)),
    )


async def config(args: Somewhere, call: Call) -> Card:
    """The running configuration, secrets masked; where it has a number, who loaded it and what was refused since."""
    workload = await workload_of(args, call)
    text = redact(await call.services.deployments.config(workload.target))
    steering = call.services.steering
    found = await steering.configurations(workload.target) if steering else None
    return Card(
        title=f"Configuration of {named(workload, call)}",
        tone=Tone.WARNING if found and found.refused else Tone.NEUTRAL,
        facts=_version(found, call) if found else (),
        preformatted=first_lines(text.splitlines(), most=200),
        footer=rich("Those before it: ", Code(text="/gw config versions")) if found else (),
    )


def _version(found: Configurations, call: Call) -> tuple[Fact, ...]:
    now, refused = found.current, found.refused
    held = fact(
        "Number", f"{now.number}, {now.cause.replace('_', ' ')} by ", actor(now.by, call), " since ", _full(now.at)
    )
    why = (fact("Why", cut(redact(now.reason), 200)),) if now.reason else ()
    if refused is None:
        return (held, *why)
    return (held, *why, fact("Refused", _full(refused.at), f": {cut(redact(refused.message), 400)}"))


def _full(at: datetime) -> When:
    return When(at=at, style="full")


def _look(name: str, args: type, gather: Gather, summary: str, decide: Decide = show_gathered) -> Command:
    return Command(
        path=("gw", name),
        args=args,
        summary=summary,
        example=f"/gw {name}",
        gather=gather,
        decide=decide,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    )


COMMANDS = (
    _look("status", Somewhere, status, "Show workers, error rate and latency."),
    _look("health", Somewhere, health, "Ask the health endpoints."),
    _look("pods", Somewhere, pods, "List the workers."),
    _look("metrics", MetricsArgs, metrics, "Show error rate and latency by route, and a chart.", with_chart),
    _look("config", Somewhere, config, "Show the running configuration, secrets masked."),
)
