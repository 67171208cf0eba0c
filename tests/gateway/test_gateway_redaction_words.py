"""Text without certain words is not searched for secrets: whatever the search would find has one of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.telemetry import redaction


@settings(max_examples=300)
@given(st.from_regex(redaction._SUSPICIOUS))
def test_nothing_that_looks_like_a_secret_is_left_out(text: str) -> None:
    assert redaction._is_suspicious(text)


@settings(max_examples=300)
@given(st.from_regex(redaction._SUSPICIOUS, alphabet=st.characters(codec="ascii")), st.booleans())
def test_nor_in_any_case_of_plain_letters(text: str, upper: bool) -> None:
    assert redaction._is_suspicious(text.upper() if upper else text.swapcase())


def test_what_most_clients_send_is_not_searched() -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    assert not redaction._is_suspicious(agent)
    assert not redaction._is_suspicious("/api/orders/4711")
    assert redaction.clean(b"/\xc5\xbfecret=abc for all") == "/\u017fecret=*** for all", "a long s is an s, too"
