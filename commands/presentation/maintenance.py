"""Maintenance windows as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.cards import Button, Card, Code, Fact, Rich, Tone, When, Who, card, fact, rich, strong
from commands.context import Services
from commands.domain.maintenance import Maintenance, MaintenanceState
from commands.people import SYSTEM
from commands.presentation.words import lasting

_TONES = {MaintenanceState.RUNNING: Tone.WARNING, MaintenanceState.DONE: Tone.GOOD}
#: Runbook 001, before, during and after.
_BEFORE = "Before it begins: back up the configuration, and see that the backup can be read."


def card_key(maintenance: Maintenance, channel: str) -> str:
    """The message that shows it in a channel of announcements."""
    return f"{maintenance.id}:card:{channel}"


def window_card(maintenance: Maintenance, services: Services, *, notice: bool = False) -> Card:
    """What, when, and what the public knows of it. `notice`: it begins within a day."""
    planned = maintenance.state is MaintenanceState.PLANNED
    title = f"Maintenance {maintenance.state.value}: {maintenance.title}"
    shown = card(title, *([_BEFORE] if notice and planned else []), tone=_TONES.get(maintenance.state, Tone.NEUTRAL))
    return shown.model_copy(
        update={
            "facts": _facts(maintenance, services),
            "footer": rich("planned by ", Who(person=maintenance.planned_by), " · ", Code(text=maintenance.id)),
        }
    )


def _facts(one: Maintenance, services: Services) -> tuple[Fact, ...]:
    what = ", ".join([*([one.service] if one.service else []), *services.publicity.named(one.components)])
    silent = one.silent and one.service and one.state is MaintenanceState.RUNNING
    return (
        fact("From", When(at=one.starts_at, style="full")),
        fact("To", When(at=one.ends_at, style="full"), f" ({lasting(one.ends_at - one.starts_at)})"),
        *((fact("Affects", what),) if what else ()),
        *((fact("Details", one.details),) if one.details else ()),
        *((fact("Alerts", f"of {one.service} are silenced until its end"),) if silent else ()),
        fact("The public reads", *_public(one)),
    )


def _public(one: Maintenance) -> Rich:
    if one.internal:
        return rich("nothing: it is internal")
    if one.is_public:
        return rich(one.notices[-1].text)
    return rich("nothing yet; of it a day before, or by ", Code(text=f"/maintenance announce {one.id}"))


def window_line(one: Maintenance) -> Rich:
    """One in a list."""
    public = "internal" if one.internal else "public" if one.is_public else "not announced yet"
    words = rich(strong(one.title), f" · {one.state.value} · ", When(at=one.starts_at, style="full"), " to ")
    return (*words, *rich(When(at=one.ends_at, style="full"), f" · {public} · ", Code(text=one.id)))


def asking(one: Maintenance, now: datetime) -> Card:
    """It is time to begin, or to end."""
    running = one.state is MaintenanceState.RUNNING
    at = one.ends_at if running else one.starts_at
    late = f", {lasting(now - at)} ago" if now - at >= timedelta(minutes=1) else ""
    when = rich(Who(person=one.planned_by), ": it was to be over at " if running else ": it was to begin at ")
    shown = card(
        f"{'End' if running else 'Begin'} the maintenance? {one.title}",
        (*when, *rich(When(at=at), f"{late}.")),
        tone=Tone.WARNING,
    )
    go = ("End", "maintenance.end") if running else ("Begin", "maintenance.start")
    stop = ("30 min more", "maintenance.extend") if running else ("Cancel it", "maintenance.cancel")
    buttons = (
        Button(label=go[0], action=go[1], subject=one.id, style="primary"),
        Button(label=stop[0], action=stop[1], subject=one.id),
    )
    return shown.model_copy(update={"buttons": buttons, "footer": rich(Code(text=one.id))})


def asking_over(one: Maintenance, what: str, by: str) -> Card:
    """The question was answered, or is asked again."""
    who = rich(f"{what[:1].upper()}{what[1:]}", *((" by ", Who(person=by)) if by and by != SYSTEM.id else ()), ".")
    return card(f"Maintenance: {one.title}", who)
