"""The key moments of an incident follow from the record, and from whoever knows better."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.domain import incident as happened
from commands.domain.alert import Heard
from commands.domain.event import Paged
from commands.domain.incident import Role, Status
from commands.domain.moments import KeyMoment, MomentSet
from commands.domain.severity import SEV1_TO_SEV4
from commands.domain.sli import Objectives, Reading
from commands.impact import budget_of
from commands.postmortem import Report, draft
from templates.render import names, render
from tests.unit.postmortems import PEOPLE, Happened, at, declared, drafted, reading, story

BEGAN, DETECTED, ACKNOWLEDGED = KeyMoment.BEGAN, KeyMoment.DETECTED, KeyMoment.ACKNOWLEDGED


def moments(report: Report) -> dict[str, tuple[datetime | None, str]]:
    return {one.name.lower(): (one.at, one.how) for one in report.moments}


def by_alerts(*events: Happened) -> Report:
    """Alerts began five minutes before they were heard of, and the incident was declared because of them."""
    incident, entries = story(*events, first=declared(source="alerts", declared_by="tocsin"))
    return draft(
        incident=incident, entries=entries, plans=[], readings=[], objectives=Objectives(), scheme=SEV1_TO_SEV4,
        directory=PEOPLE, zone="UTC", now=at(300), heard=Heard(began_at=at(-6), at=at(-1)),
    )  # fmt: skip


def test_alerts_say_when_it_began_and_whoever_acts_first_acknowledges() -> None:
    found = moments(
        by_alerts(
            (2, "ben", happened.RoleAssigned(role=Role.TECH, person="ben")),
            (9, "ben", happened.StatusChanged(before=Status.INVESTIGATING, after=Status.MONITORING)),
            (12, "ana", happened.Resolved()),
        )
    )
    assert found == {
        "began": (at(-6), "the first alert says so"),
        "detected": (at(-1), "the first alert came"),
        "acknowledged": (at(2), "first worked on by Ben"),
        "mitigated": (at(9), "the status became monitoring by Ben"),
        "resolved": (at(12), "resolved by Ana"),
    }


def test_nobody_has_acknowledged_what_only_tocsin_has_worked_on() -> None:
    found = moments(by_alerts((2, "tocsin", happened.Measured(text="bad"))))
    assert [name for name, (moment, _) in found.items() if moment is None] == ["acknowledged", "mitigated", "resolved"]


def test_an_answered_page_acknowledges() -> None:
    called = Paged(page="p", what="called", people=("ben",))
    answered = called.model_copy(update={"what": "answered"})
    found = moments(by_alerts((1, "tocsin", called), (3, "tocsin", answered), (4, "ana", happened.Noted(text="x"))))
    assert found["acknowledged"] == (at(3), "the page was answered by Ben")


def test_what_still_hurts_is_not_mitigated() -> None:
    assert moments(drafted(readings=[reading(60), reading(120, bad=True)]))["mitigated"] == (None, "")
    gone = Reading(at=at(3), up=True)  # no requests: that says nothing
    assert moments(drafted(readings=[reading(120, bad=True), gone]))["mitigated"] == (None, "")


def test_the_newest_word_of_a_person_counts_and_can_be_taken_back() -> None:
    said = [
        (20, "ben", MomentSet(moment=DETECTED, at=at(-9))),
        (21, "ana", MomentSet(moment=DETECTED, at=at(-8))),
        (22, "ana", MomentSet(moment=BEGAN, at=at(-10))),
    ]
    report = drafted(*said)
    assert moments(report)["detected"] == (at(-8), "set by Ana")
    assert [span.took for span in report.spans] == [timedelta(minutes=2), timedelta(minutes=8), None, None]
    back = drafted(*said, (23, "ben", MomentSet(moment=DETECTED)))
    assert moments(back)["detected"] == (at(0), "declared by Ana")


def test_moments_that_contradict_each_other_are_pointed_out_in_each_template() -> None:
    report = drafted((5, "ben", MomentSet(moment=ACKNOWLEDGED, at=at(-3))))
    assert report.disorder == "acknowledged is before detected"
    for template in names():
        assert "Careful: acknowledged is before detected." in render(f"postmortem/{template}.md.j2", report=report)


def test_the_budget_is_spent_in_proportion_and_wholly_while_nothing_answers() -> None:
    failing = [reading(60, bad=True), reading(120, bad=True)]  # one in five for two minutes
    down = [Reading(at=at(3), up=False, window_seconds=60), Reading(at=at(4), up=False, window_seconds=60)]
    report = drafted(readings=[*failing, *down])
    budget = budget_of(report.impact, Objectives(availability=0.999, period_days=1))
    assert budget is not None
    assert budget.spent == timedelta(seconds=24 + 120)
    assert budget.whole == timedelta(seconds=86.4)
    assert round(budget.share, 3) == round(144 / 86.4, 3)
    assert drafted().budget is None
