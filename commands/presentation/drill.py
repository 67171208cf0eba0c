"""Drills as people read them: what can be practised, what is about to begin, its rules, and how it went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from commands.cards import Button, Card, Channel, Code, Rich, Table, Tone, When, card, fact, rich, strong
from commands.domain.drill import DrillReviewed, Fault, Scenario
from commands.domain.incident import Incident
from commands.presentation.words import lasting


def scenarios_card(scenarios: Mapping[str, Scenario], *, breakable: bool) -> Card:
    """What can be practised, with what is broken for it and what is expected."""
    lines = [line for name, one in scenarios.items() for line in _lines(name, one)]
    cannot = rich("No fault can be injected here, so they are talked through only: add --tabletop.")
    shown = card("Drills", *(lines or [rich("None is configured.")]), *(() if breakable else (cannot,)))
    first = next(iter(scenarios), "NAME")
    how = f"/drill start {first}" + ("" if breakable else " --tabletop")
    return shown.model_copy(update={"footer": rich("To start one: ", Code(text=how))})


def _lines(name: str, scenario: Scenario) -> tuple[Rich, Rich]:
    broken = scenario.fault.words() if scenario.fault else "nothing is broken, it is talked through"
    return rich(strong(name), f": {broken}."), rich(f"Expected: {scenario.expects}")


def question_card(
    name: str, scenario: Scenario, fault: Fault | None, lasts: timedelta, service: str, buttons: tuple[Button, ...]
) -> Card:
    """Nothing has happened yet."""
    if fault:
        what = rich(f"{service} is really broken: {fault.words()}. Whoever uses it notices.")
        until = rich(f"It ends with the drill, after {lasting(lasts)} at the latest.")
    else:
        what, until = (
            rich("Table-top: nothing is broken; it is talked through."),
            rich(f"Planned for {lasting(lasts)}."),
        )
    nobody = "Nobody is rung, and no status page, stakeholder or ticket is told."
    shown = card(f"Start the drill {name}?", what, until, nobody, tone=Tone.WARNING if fault else Tone.INFO)
    facts = (fact("The crew reads", scenario.title), fact("Expected", scenario.expects))
    return shown.model_copy(update={"facts": facts, "buttons": buttons})


def begun_card(incident: Incident) -> Card:
    """Where it is."""
    return card(incident.title, rich("Work on it in ", Channel(name=incident.channel), "."), tone=Tone.INFO)


def rules_card(incident: Incident) -> Card:
    """What is real in a drill, and what is not."""
    assert incident.drill is not None
    broken = rich(f"{incident.service} is really broken, until ", When(at=incident.drill.until), " at the latest.")
    talked = rich("Nothing is broken: say what you would do, and do here what can be done.")
    return card(
        "This is a DRILL",
        broken if incident.drill.fault else talked,
        "Work as you would in earnest. Nobody is rung; no status page, stakeholder or ticket is told.",
        "What they would be told is shown here.",
        rich("Something is really wrong? ", Code(text="/incident declare"), " ends the fault."),
        rich("To end the drill: ", Code(text="/incident resolve"), " or ", Code(text="/drill stop"), "."),
        tone=Tone.INFO,
    )


def real_card(real: Incident) -> Card:
    """A drill gives way."""
    words = rich(Channel(name=real.channel), " is open, and is real. The drill's fault is ended.")
    return card(
        "Something is really wrong", words, rich("End the drill: ", Code(text="/drill stop")), tone=Tone.CRITICAL
    )


def ended_card(incident: Incident) -> Card:
    """The time is over."""
    said = "The fault has ended by itself." if incident.drill and incident.drill.fault else "The planned time is over."
    how = rich("To end the drill: ", Code(text="/incident resolve"), " or ", Code(text="/drill stop"), ".")
    return card("The drill's time is over", said, how, tone=Tone.WARNING)


def review_card(incident: Incident, review: DrillReviewed, *, so_far: bool = False) -> Card:
    """The points, each with its reason."""
    assert incident.drill is not None
    rows = tuple((rich(one.what), rich(f"{one.points} of {one.of}"), rich(one.why)) for one in review.marks)
    drill = incident.drill
    was = drill.fault.words() if drill.fault else "nothing, it was talked through"
    shown = card(
        f"DRILL review{', so far' if so_far else ''}: {review.points} of {review.of} points",
        *([] if so_far else [rich(f"Broken was: {was}."), rich(f"Expected: {drill.expects}")]),
        tone=Tone.GOOD if review.points * 4 >= review.of * 3 else Tone.WARNING,
    )
    return shown.model_copy(update={"table": Table(columns=("What", "Points", "Why"), rows=rows)})
