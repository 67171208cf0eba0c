"""A postmortem that people have changed is brought up to date, and nothing of theirs is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commands.domain.paper import Paper, first_paper
from commands.sections import difference, joined, sections

DRAFT = """# Checkout slow

**Date:** 2026-03-01
**Severity:** SEV1

## Timeline

- 12:00 a

## Cause

Not known.
"""
LATER = DRAFT.replace("SEV1", "SEV2").replace("- 12:00 a", "- 12:00 a\n- 12:05 b").replace("Not known.", "The pool.")


def paper(text: str = DRAFT) -> Paper:
    return first_paper("incident-1", text, "002", None)


def redrafted(before: Paper, text: str = LATER) -> Paper:
    return before.redrafted(text, "002", None)


def test_what_nobody_touched_follows_the_record() -> None:
    assert redrafted(paper()).markdown == LATER


def test_what_somebody_wrote_stays_and_the_rest_follows() -> None:
    mine = paper().edited(DRAFT.replace("Not known.", "A deploy, I think."))
    after = redrafted(mine)
    assert after.markdown == LATER.replace("The pool.", "A deploy, I think.")
    assert after.touched == ["Cause"]
    assert after.news() == {"Cause": "## Cause\n\nThe pool."}


def test_what_is_new_in_a_section_of_theirs_is_told_until_they_have_seen_it() -> None:
    after = redrafted(paper().edited(DRAFT.replace("Not known.", "A deploy.")))
    elsewhere = after.edited(after.markdown.replace("12:05 b", "12:05 bee"))
    assert list(elsewhere.news()) == ["Cause"]
    seen = after.edited(after.markdown.replace("A deploy.", "A deploy that filled the pool."))
    assert seen.news() == {}
    assert redrafted(seen).markdown == seen.markdown


def test_a_section_that_is_put_back_as_tocsin_writes_it_follows_again() -> None:
    after = redrafted(paper().edited(DRAFT.replace("Not known.", "A deploy.")))
    back = after.edited(after.markdown.replace("A deploy.", "The pool."))
    assert back.touched == []
    assert redrafted(back, LATER.replace("The pool.", "The pool was full.")).markdown.endswith("The pool was full.\n")


def test_sections_that_people_add_take_out_and_rename_stay_so() -> None:
    mine = paper().edited("# Mine\n\n## Thanks\n\nto all\n\n## Root of it\n\nNot known.\n")
    assert redrafted(mine).markdown == mine.markdown


def test_another_template_brings_its_sections_and_takes_its_own_away() -> None:
    after = (
        paper()
        .edited(DRAFT.replace("Not known.", "Mine."))
        .redrafted("# Checkout slow\n\n## Summary\n\ns\n\n## Timeline\n\nt\n\n## Actions\n\nx\n", "full", None)
    )
    assert list(sections(after.markdown)) == ["", "Summary", "Timeline", "Actions", "Cause"]


def test_a_heading_in_a_block_of_code_begins_no_section() -> None:
    text = "# a\n\n```\n## b\n```\n\n## c\r\n\r\nd\n\n## c\n\ne\n"
    assert list(sections(text)) == ["", "c", "c (2)"]


@given(st.lists(st.sampled_from(["## a", "## b", "x", "", "```", "~~~", "  ", "# t", "##", "## "]), max_size=14))
def test_splitting_and_joining_loses_no_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    once = joined(sections(text))
    assert [line for line in once.splitlines() if line.strip()] == [line for line in lines if line.strip()]
    assert joined(sections(once)) == once


@given(st.permutations(["## a\n\n1", "## b\n\n2", "## c\n\n3", "## d\n\n4"]), st.integers(0, 4))
def test_a_redraft_never_changes_a_text_that_is_all_theirs(parts: list[str], many: int) -> None:
    mine = paper().edited("# mine\n\n" + "\n\n".join(f"{one} by hand" for one in parts[:many]) + "\n")
    assert redrafted(mine).markdown == mine.markdown


def test_a_difference_names_what_went_and_what_came() -> None:
    assert difference("a\nb\nc", "a\nB\nc") == [("@", ""), (" ", "a"), ("-", "b"), ("+", "B"), (" ", "c")]
