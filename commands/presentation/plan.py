"""The card of a plan: one message, from the question to the result (mitigation.md, rule 15)."""

from __future__ import annotations

from commands.cards import Button, Card, Code, Fact, Rich, Tone, When, Who, fact, rich, strong
from commands.charts import Chart
from commands.domain.lease import STANDING, Lease
from commands.domain.plan import FINAL, Plan, PlanState
from commands.people import SYSTEM
from commands.presentation.lease import lease_words
from commands.presentation.words import counted, lasting

_TITLES = {
    PlanState.PLANNED: "{}?",
    PlanState.APPROVED: "Confirmed: {}",
    PlanState.LOCKED: "Checking: {}",
    PlanState.EXECUTING: "Running: {}",
    PlanState.VERIFYING: "Verifying: {}",
    PlanState.DONE: "Done: {}",
    PlanState.FAILED: "Failed: {}",
    PlanState.UNKNOWN: "Outcome unknown: {}",
    PlanState.INTERRUPTED: "Interrupted: {}",
    PlanState.CANCELLED: "Cancelled: {}",
    PlanState.VETOED: "Vetoed: {}",
    PlanState.EXPIRED: "Not confirmed in time: {}",
    PlanState.UNDONE: "Undone: {}",
}
_TONES = {
    PlanState.PLANNED: Tone.WARNING,
    PlanState.DONE: Tone.GOOD,
    PlanState.FAILED: Tone.CRITICAL,
    PlanState.UNKNOWN: Tone.CRITICAL,
    PlanState.INTERRUPTED: Tone.WARNING,
}


#: Ended so that somebody may look it up in the log and the audit, by its id.
_PUZZLING = frozenset({PlanState.FAILED, PlanState.UNKNOWN, PlanState.INTERRUPTED})
#: Ended before anything was asked of the target.
_UNTOUCHED = frozenset({PlanState.CANCELLED, PlanState.VETOED, PlanState.EXPIRED})


def plan_card_key(plan_id: str) -> str:
    """The message key of a plan's card."""
    return f"{plan_id}:card"


def plan_card(plan: Plan, *, progress: str = "", chart: Chart | None = None, lease: Lease | None = None) -> Card:
    """The plan as it is now. `progress` is the newest word from the target, `chart` what the measurements say of it.

    `lease`: that of a change that was made for a while.
    """
    return Card(
        title=_title(plan),
        tone=_tone(plan),
        paragraphs=_paragraphs(plan, progress),
        facts=(*_facts(plan), *(_temporary(lease) if lease else ())),
        chart=chart,
        preformatted=plan.diff if plan.state is PlanState.PLANNED else "",
        buttons=_buttons(plan),
        footer=_footer(plan),
    )


def _title(plan: Plan) -> str:
    if _unverified(plan) or plan.never_begun:
        return f"{plan.outcome.capitalize()}: {plan.summary}"
    return _TITLES[plan.state].format(plan.summary)


def _tone(plan: Plan) -> Tone:
    if _unverified(plan) or plan.never_begun:
        return Tone.WARNING
    return _TONES.get(plan.state, Tone.NEUTRAL if plan.state in FINAL else Tone.INFO)


def _unverified(plan: Plan) -> bool:
    return plan.state is PlanState.DONE and plan.verdict == "inconclusive"


def _paragraphs(plan: Plan, progress: str) -> tuple[Rich, ...]:
    under_way = plan.steps and plan.state in {PlanState.EXECUTING, PlanState.VERIFYING}
    step = f"step {min(plan.step + (plan.state is PlanState.EXECUTING), len(plan.steps))} of {len(plan.steps)}"
    texts = (step if under_way else "", progress, "" if progress and under_way else plan.detail)
    told = [rich(text[:1].upper(), text[1:]) for text in texts if text]
    if plan.state is not PlanState.PLANNED:
        return (*told, *_waits_for_its_hour(plan), *_what_now(plan))
    found = [rich(strong("Note: "), one.what, f" {one.instead}" if one.instead else "") for one in plan.findings]
    return (*told, *found, *_asked_of_people(plan))


def _waits_for_its_hour(plan: Plan) -> tuple[Rich, ...]:
    waits = plan.state is PlanState.APPROVED and plan.run_at is not None
    return (rich("Runs at ", When(at=plan.run_at), "; until then it can be stopped."),) if waits and plan.run_at else ()


def _what_now(plan: Plan) -> tuple[Rich, ...]:
    if plan.state in _UNTOUCHED and not plan.detail:
        return (rich("Nothing was changed."),)
    if plan.state is PlanState.UNKNOWN:
        return (rich("Look before you try again: ", Code(text="/gw pods"), ", ", Code(text="/gw history")),)
    was_stopped = plan.step < len(plan.steps) or plan.state is PlanState.CANCELLED
    if plan.in_force and was_stopped and plan.state in FINAL and plan.go_on:
        back = rich(". To take it back: ", Code(text="/gw undo")) if "/gw undo" in plan.undo else ()
        return (rich("To go on: ", Code(text=plan.go_on), *back),)
    return ()


def _asked_of_people(plan: Plan) -> tuple[Rich, ...]:
    """What has still to be said, and by whom."""
    asked: list[Rich] = []
    if plan.broke_glass:
        asked.append(rich(strong("Without approval: "), plan.broke_glass, ". It is announced, and reviewed later."))
    if plan.must_be_named:
        line = Code(text=f"/approve {plan.id} {plan.must_type}")
        asked.append(rich(strong("Dangerous. "), "Type the name of the target to confirm it: ", line))
    if plan.needs:
        others = [rich(Who(person=vote.person)) for vote in plan.votes]
        said = [span for one in others for span in (*one, *rich(" "))]
        asked.append(_still_needed(plan) if plan.lacks else rich("Approved by ", *said))
    return tuple(asked)


def _still_needed(plan: Plan) -> Rich:
    who = plan.decision.approver_words() if plan.decision else ""
    needed = f"Needs {counted(plan.lacks, 'more approval')}"
    if plan.requester == SYSTEM.id:
        return rich(f"{needed} by one of: {who}" if who else needed)
    by = f" by one of: {who}; not" if who else " by somebody else than"
    return rich(f"{needed}{by} ", Who(person=plan.requester))


def _facts(plan: Plan) -> tuple[Fact, ...]:
    if plan.state is not PlanState.PLANNED:
        return (*_measured(plan), *((fact("Undo", plan.undo),) if _may_want_undo(plan) else ()))
    return (
        *(fact(label, value) for label, value in plan.facts),
        *((fact("Lasts", f"{lasting(plan.lease)}, then Tocsin takes it back"),) if plan.lease else ()),
        fact("Undo", plan.undo),
        fact("Afterwards", "Tocsin compares errors and p95 with before"),
        *((fact("Runs at", When(at=plan.run_at, style="full")),) if plan.run_at else ()),
        fact("Approve before" if plan.needs else "Confirm before", When(at=plan.approve_by)),
    )


def _temporary(lease: Lease) -> tuple[Fact, ...]:
    """A change that was taken back, or undone, says so by itself."""
    return (Fact(label="Temporary", value=lease_words(lease)),) if lease.state in STANDING else ()


def _measured(plan: Plan) -> tuple[Fact, ...]:
    if plan.baseline is None or plan.measured is None:
        return ()
    return (fact("Before", plan.baseline.words()), fact("After", plan.measured.words()))


def _may_want_undo(plan: Plan) -> bool:
    """The change was made, and it does not look as if it had helped."""
    unhappy = _unverified(plan) or plan.state in {PlanState.FAILED, PlanState.UNKNOWN}
    return unhappy and plan.in_force and plan.step >= len(plan.steps)


def _buttons(plan: Plan) -> tuple[Button, ...]:
    """Yes, for whom it can still help; no, until the plan is dispatched (rule 3)."""
    veto = Button(label="Veto", action="plan.veto", subject=plan.id, style="danger")
    cancel = Button(label="Cancel", action="plan.cancel", subject=plan.id)
    if plan.state in {PlanState.APPROVED, PlanState.LOCKED}:
        return (veto,)
    if plan.can_be_stopped:
        return (Button(label="Stop", action="plan.stop", subject=plan.id, style="danger"),)
    if plan.state is not PlanState.PLANNED:
        return ()
    if plan.must_be_named and not plan.lacks:
        return (veto, cancel)
    yes = "Approve" if plan.needs else "Confirm"
    return (Button(label=yes, action="plan.confirm", subject=plan.id, style="primary"), veto, cancel)


def _footer(plan: Plan) -> Rich:
    asked = rich("asked by ", Who(person=plan.requester))
    said = ", approved by " if plan.needs else ", confirmed by "
    confirmed = rich(said, Who(person=plan.approver)) if plan.approver else ()
    how = plan.state.value if plan.state in FINAL else "stopped after this step" if plan.steps else "stopped"
    came_too_late = plan.state is PlanState.DONE
    stopped = rich(f", {how} by ", Who(person=plan.stopped_by)) if plan.stopped_by and not came_too_late else ()
    return (*asked, *confirmed, *stopped, *(rich(f" · {plan.id}") if _may_be_typed(plan) else ()))


def _may_be_typed(plan: Plan) -> bool:
    """Whether somebody needs the id: to name the plan in a command, or to look it up."""
    others = plan.state in {PlanState.PLANNED, PlanState.APPROVED} and bool(plan.needs or plan.must_be_named)
    return others or plan.run_at is not None or plan.state in _PUZZLING
