"""What a pager calls our pages, and what it calls others."""

from __future__ import annotations

import pytest

from commands.domain.page import page_of


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("page-0123456789ab", "page-0123456789ab"),
        ("page-0123456789ab.2", "page-0123456789ab"),
        ("page-load-slow", ""),
        ("page-0123456789ab-again", ""),
        ("", ""),
    ],
)
def test_only_our_own_keys_are_ours(key: str, page: str) -> None:
    assert page_of(key) == page
