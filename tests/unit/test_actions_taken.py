"""Action items are read from the text of a postmortem as people and the templates write them."""

from __future__ import annotations

from datetime import date

import pytest

from commands.actions_taken import Item, items_of, new_items
from templates.render import names, render
from tests.unit.postmortems import NoteKind, drafted, note, story


@pytest.mark.parametrize(
    ("line", "item"),
    [
        ("1. [ ] add an alert - Assigned to: Ana - Due: 2026-11-01", Item("add an alert", "Ana", date(2026, 11, 1))),
        ("- [ ] add an alert - Assigned to: nobody yet - Due: not set", Item("add an alert", "", None)),
        ("  - tidy - up -- Due: 2026-02-30", Item("tidy - up", "", None)),
        ("* [ ] plain words", Item("plain words", "", None)),
        (r"1. [ ] set \`a\_b\` &lt; 3 &amp; \[x\] - Assigned to: @ben", Item("set `a_b` < 3 & [x]", "ben", None)),
    ],
)
def test_an_item_has_an_owner_and_a_date_where_it_says_so(line: str, item: Item) -> None:
    assert items_of(f"# x\n\n## Action Items\n\n{line}\n") == [item]


def test_what_is_ticked_off_or_belongs_to_another_list_is_none() -> None:
    text = "## Action items\n\n1. [x] done - Assigned to: Ana\n- no box\n\n## Follow-up\n\n- [ ] Update runbook\n"
    assert items_of(text) == []


@pytest.mark.parametrize("template", names())
def test_each_template_writes_them_so_that_they_are_found(template: str) -> None:
    report = drafted((1, "ana", note(NoteKind.ACTION, "@ana watch `a_b` & co by 2026-11-01")))
    found = items_of(render(f"postmortem/{template}.md.j2", report=report))
    assert found == [Item("watch `a_b` & co", "Ana", date(2026, 11, 1))]


def test_one_that_stands_there_twice_is_one() -> None:
    incident, _ = story()
    text = "## Action items\n\n- [ ] a\n- [ ]  A \n- [ ] b\n"
    assert [one.text for one in new_items(incident, text)] == ["a", "b"]
