"""The audit's chain: any single change of it is found."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.store.audit import GENESIS, digest, verify_chain

FIELDS = ("sequence", "at", "actor", "kind", "subject", "detail", "previous", "digest")


def chain(details: list[str]) -> list[dict[str, Any]]:
    """An audit as it is written."""
    entries: list[dict[str, Any]] = []
    for number, detail in enumerate(details, start=1):
        entry: dict[str, Any] = {
            "sequence": number, "at": "2026-03-01T12:00:00+00:00", "actor": "ana", "kind": "command", "subject": "x",
            "detail": detail, "previous": entries[-1]["digest"] if entries else GENESIS,
        }  # fmt: skip
        entries.append(entry | {"digest": digest(entry)})
    return entries


CHAINS = st.lists(st.text(), min_size=1, max_size=8).map(chain)


def head(entries: list[dict[str, Any]]) -> tuple[int, str]:
    return len(entries), entries[-1]["digest"] if entries else GENESIS


@given(st.lists(st.text(), max_size=8).map(chain))
def test_a_chain_that_nobody_touched_is_intact(entries: list[dict[str, Any]]) -> None:
    assert verify_chain(entries, *head(entries)).broken_at is None


@given(CHAINS, st.data())
def test_a_changed_field_is_found_at_its_entry_or_the_next(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    last = head(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(FIELDS))
    before = entries[at][field]
    after = data.draw(st.integers() if field == "sequence" else st.text())
    entries[at][field] = after
    found = verify_chain(entries, *last).broken_at
    assert (found is None) == (before == after)
    assert found in {None, at + 1}


@given(CHAINS, st.data())
def test_an_entry_that_was_changed_together_with_its_digest_is_found_at_the_next(
    entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    last = head(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    forged = entries[at] | {"actor": "mallory"}
    entries[at] = forged | {"digest": digest(forged)}
    assert verify_chain(entries, *last).broken_at == at + 2


@given(CHAINS, st.data())
def test_a_removed_entry_is_found(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    last = head(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    del entries[at]
    assert verify_chain(entries, *last).broken_at == at + 1


@given(CHAINS, st.data())
def test_an_added_or_moved_entry_is_found(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    last = head(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    assert verify_chain([*entries[:at], entries[at], *entries[at:]], *last).broken_at == at + 2
    if len(entries) > 1:
        assert verify_chain(list(reversed(entries)), *last).broken_at == 1


@given(CHAINS, st.text(min_size=1))
def test_a_changed_head_is_found(entries: list[dict[str, Any]], wrong: str) -> None:
    count, last = head(entries)
    assert verify_chain(entries, count, last[:-1] + wrong).broken_at == count + 1 or wrong == last[-1]
    assert verify_chain(entries, count + 1, last).broken_at == count + 1


@given(st.lists(st.text(), min_size=2, max_size=8).map(chain), st.data())
def test_an_entry_that_was_rewritten_and_linked_to_the_next_one_is_found_there(
    entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    """What is before an entry is in its own digest, so who rewrites one must rewrite all that follow, and the head."""
    last = head(entries)
    at = data.draw(st.integers(0, len(entries) - 2))
    forged = entries[at] | {"actor": "mallory"}
    entries[at] = forged | {"digest": digest(forged)}
    entries[at + 1] |= {"previous": entries[at]["digest"]}
    assert verify_chain(entries, *last).broken_at == at + 2
