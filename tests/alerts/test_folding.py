"""What is known of an alert after it was heard of again; rules; the words of senders."""

from __future__ import annotations

from datetime import timedelta

import pytest

from commands.alerts.grouping import Folding, fold, group_for, is_flapping
from commands.alerts.rules import Rules, level_of
from commands.domain.alert import Alert, AlertState, Group, Known, Silence, Then
from commands.domain.severity import P1_TO_P3, SEV1_TO_SEV4
from tests.fakes import START

FOLDING = Folding(timedelta(minutes=10), flaps=4, most_groups=2)


def alert(*, firing: bool = True, began: int | None = None, **more: object) -> Alert:
    """One that began so many minutes after the start, if its sender says so."""
    starts = None if began is None else START + timedelta(minutes=began)
    state = AlertState.FIRING if firing else AlertState.RESOLVED
    values = {"receiver": "r", "fingerprint": "f", "title": "Down", "service": "checkout", "starts_at": starts}
    return Alert.model_validate(values | {"state": state} | more)


def heard(*alerts: Alert) -> tuple[Known, list[str]]:
    """One after the other, a minute apart."""
    known, turns = None, []
    for minute, one in enumerate(alerts):
        known, turn = fold(known, one, START + timedelta(minutes=minute), FOLDING)
        turns.append(turn)
    assert known is not None
    return known, turns


ON, OFF = alert(began=0), alert(firing=False, began=0)


@pytest.mark.parametrize(
    ("alerts", "turns", "count"),
    [
        ((ON, ON, ON), ["began", "same", "same"], 1),
        ((ON, OFF, OFF), ["began", "ended", "same"], 1),
        ((ON, OFF, ON), ["began", "ended", "late"], 1),  # a delivery was overtaken
        ((ON, alert(began=5), OFF), ["began", "began", "late"], 2),
        ((ON, OFF, alert(began=3)), ["began", "ended", "began"], 2),
        ((alert(), alert(firing=False), alert()), ["began", "ended", "began"], 2),
    ],
)
def test_only_a_turn_is_news(alerts: tuple[Alert, ...], turns: list[str], count: int) -> None:
    known, said = heard(*alerts)
    assert (said, known.count) == (turns, count)


def test_one_that_turns_often_is_damped_until_it_was_quiet() -> None:
    known, _ = heard(*(alert(firing=minute % 2 == 0) for minute in range(4)))
    assert not known.firing
    assert is_flapping(known, START + timedelta(minutes=12))
    assert not is_flapping(known, START + timedelta(minutes=14))
    calm, _ = heard(alert(), alert(firing=False), alert())
    assert not is_flapping(calm, START + timedelta(minutes=3))


def test_the_end_keeps_what_the_beginning_said() -> None:
    known, _ = heard(
        alert(description="it is down", severity="critical", link="https://a.example"), alert(firing=False)
    )
    assert (known.alert.description, known.alert.severity, known.alert.link) == (
        "it is down",
        "critical",
        "https://a.example",
    )


def group(number: int, service: str, *, minute: int = 0, incident: str = "") -> Group:
    at = START + timedelta(minutes=minute)
    return Group(
        id=f"alerts-{number}", service=service, then=Then.SUGGEST, title="t", worst="SEV2",
        opened_at=at, last_at=at, incident=incident,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "minute", "joined"),
    [
        ([], 0, None),
        ([group(1, "checkout")], 9, "alerts-1"),
        ([group(1, "checkout")], 11, None),
        ([group(1, "checkout", incident="incident-1")], 300, "alerts-1"),
        ([group(1, "search")], 0, None),
        ([group(1, "search"), group(2, "mail")], 0, "alerts-2"),  # a storm
        ([group(1, "search"), group(2, "mail", minute=1)], 11, None),
    ],
)
def test_alerts_of_one_service_and_time_are_one_group(groups: list[Group], minute: int, joined: str | None) -> None:
    found = group_for(alert(), groups, START + timedelta(minutes=minute), FOLDING)
    assert (found.id if found else None) == joined


def test_the_first_rule_that_fits_decides() -> None:
    rules = Rules.model_validate({"rules": [
        {"name": "one", "match": {"labels": {"team": ["pay*", "web"]}, "severity": "CRITICAL"}, "then": "declare"},
        {"name": "two", "match": {"service": "checkout"}, "then": "suggest", "severity": "sev3"},
        {"name": "three", "match": {"receiver": "x"}, "then": "ignore"},
    ]})  # fmt: skip
    said = [
        rules.verdict(one, SEV1_TO_SEV4)
        for one in (
            alert(labels={"team": "payments"}, severity="critical"),
            alert(labels={"team": "payments"}),
            alert(service="search"),
        )
    ]
    assert [(one.rule, one.then, one.severity) for one in said] == [
        ("one", "declare", "SEV1"),
        ("two", "suggest", "SEV3"),
        ("(no rule matches)", "suggest", "SEV2"),
    ]


@pytest.mark.parametrize(
    ("word", "level"),
    [("critical", "SEV1"), ("Error", "SEV2"), ("warning", "SEV3"), ("info", "SEV4"), ("sev3", "SEV3"), ("", "SEV2")],
)
def test_the_words_of_senders_mean_levels(word: str, level: str) -> None:
    assert level_of(word, SEV1_TO_SEV4).id == level


def test_a_scheme_with_fewer_levels_has_one_for_each_word() -> None:
    assert level_of("info", P1_TO_P3).id == "P3"


@pytest.mark.parametrize(
    ("scope", "covered"),
    [("checkout", True), ("search", False), ("team=web", True), ("team=pay", False), ("x=", False)],
)
def test_a_silence_is_of_a_service_or_a_label(scope: str, covered: bool) -> None:
    silence = Silence(id="s", scope=scope, until=START, by="ana", why="w", at=START)
    assert silence.covers(alert(labels={"team": "web"})) is covered
