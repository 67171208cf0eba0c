"""Cards as plain lines: what transcripts, notifications and screen readers are made of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.cards import (
    Button,
    Card,
    Channel,
    Code,
    Fact,
    Link,
    Part,
    Table,
    When,
    Who,
    card,
    fact,
    plain,
    rich,
    strong,
    transcript,
)
from commands.presentation.words import counted, cut, cut_lines, lasting
from tests.fakes import START


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ("as it is", "as it is"),
        (strong("loud"), "loud"),
        (Code(text="/help"), "/help"),
        (Who(person="ana"), "@Ana Ruiz"),
        (Who(person="zoe"), "@zoe"),
        (When(at=START), "12:00 UTC"),
        (When(at=START, style="full"), "2026-03-01 12:00 UTC"),
        (When(at=START, style="relative"), "2026-03-01 12:00 UTC"),
        (Link(url="/x", text="there"), "there (/x)"),
        (Link(url="/x", text="/x"), "/x"),
        (Channel(name="general"), "#general"),
    ],
)
def test_each_span_has_words(span: Part, words: str) -> None:
    assert plain(rich(span), {"ana": "Ana Ruiz"}) == words


def test_a_transcript_shows_all_that_a_card_has() -> None:
    shown = Card(
        title="Title",
        paragraphs=(rich("first"), rich("by ", Who(person="ana"))),
        facts=(fact("Workers", "3"),),
        table=Table(columns=("A", "Bee"), rows=((rich("long cell"), rich("1")), (rich("x"), rich("")))),
        preformatted="one\ntwo",
        buttons=(Button(label="Yes", action="a", subject="s"), Button(label="No", action="b", subject="s")),
        footer=rich("the end"),
    )
    assert transcript(shown).splitlines() == [
        "Title",
        "  first",
        "  by @ana",
        "  Workers: 3",
        "  A          Bee",
        "  long cell  1",
        "  x",
        "  | one",
        "  | two",
        "  [Yes] [No]",
        "  (the end)",
    ]


_TEXT = st.text(max_size=20)
_CARDS = st.builds(
    Card,
    title=_TEXT,
    paragraphs=st.lists(_TEXT.map(rich), max_size=3).map(tuple),
    facts=st.lists(st.builds(Fact, label=_TEXT, value=_TEXT.map(rich)), max_size=3).map(tuple),
    preformatted=_TEXT,
)


@settings(max_examples=40)
@given(_CARDS)
def test_a_card_is_the_same_after_it_was_stored(shown: Card) -> None:
    assert Card.model_validate_json(shown.model_dump_json()) == shown
    assert transcript(shown).startswith(shown.title)


def test_tokens_of_buttons_are_not_made_by_handlers() -> None:
    assert Button(label="Yes", action="a", subject="s").token == ""
    assert card("x", "y").buttons == ()


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(hours=3, minutes=5), "3 h 5 min"),
        (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
        (timedelta(days=2), "2 d"),
    ],
)
def test_how_long_something_lasted(span: timedelta, words: str) -> None:
    assert lasting(span) == words


def test_counts_and_cuts_say_what_they_mean() -> None:
    assert [counted(n, "worker") for n in (0, 1, 2, 1000)] == ["0 workers", "1 worker", "2 workers", "1,000 workers"]
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"


@given(st.lists(st.text(st.characters(exclude_characters="\n\r"), max_size=30), max_size=80), st.integers(1, 60))
def test_lines_that_are_left_out_are_counted(lines: list[str], most: int) -> None:
    shown = cut_lines(lines, most=most, characters=400).split("\n") if lines else []
    left_out = int(shown[0].split()[1]) if shown and shown[0].endswith("left out") and shown[0].startswith("… ") else 0
    kept = shown[1:] if left_out else shown
    assert lines[len(lines) - len(kept) :] == kept or not lines
    assert left_out + len(kept) == len(lines)
