"""A few seconds of what `make fuzz` does for long, always with the same inputs."""

from __future__ import annotations

from itertools import islice

import pytest

from gateway.proxy import plain_heads
from tests.gateway.fuzzing.judging import Broken
from tests.gateway.fuzzing.seeds import seeds
from tests.gateway.fuzzing.targets import TARGETS, Judge
from tests.gateway.fuzzing.unguided import inputs

#: So many changed inputs of each, beside all of the first ones.
_CHANGED = {"requests": 400, "answers": 250, "http2_frames": 120, "proxy_headers": 800, "words": 1500}


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_understood_in_two_ways_and_nothing_hangs(target: str) -> None:
    with Judge(target) as judge:
        for data in islice(inputs(target, seed=2026), len(seeds(target)) + _CHANGED[target]):
            judge(data)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 304 Not \x1b[2J Modified\r\n\r\n"],
    ids=["a zero", "an escape"],
)
def test_a_reason_with_control_characters_is_not_passed_on(answer: bytes) -> None:
    with Judge("answers") as judge:
        judge(answer)


def test_a_way_of_reading_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no such mistake to be had otherwise: heads with a body would be taken for ones without.
    monkeypatch.setattr(plain_heads, "_STEERING_REQUESTS", frozenset[bytes]())
    with Judge("requests") as judge, pytest.raises(Broken, match="another meaning"):
        judge(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
