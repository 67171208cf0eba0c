"""Whoever tries out tokens of the admin API is slowed down, and nobody else is locked out by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.admin.guesses import AT_ONCE, Guesses
from tests.gateway.admin_stand import TOKENS, AdminStand


def test_guesses_are_answered_429_and_who_was_known_before_goes_on(tmp_path: Path) -> None:
    with AdminStand(tmp_path) as stand, stand.client() as known, stand.client(None) as guessing:
        assert known.get("/admin/status").status_code == 200
        answers = [
            guessing.get("/admin/status", headers={"authorization": f"Bearer guess-{number}"})
            for number in range(AT_ONCE + 60)
        ]
        assert [one.status_code for one in answers[:AT_ONCE]] == [401] * AT_ONCE
        refused = next(one for one in answers if one.status_code == 429)
        assert refused.json()["error"]["code"] == "too_many_guesses"
        assert int(refused.headers["retry-after"]) >= 1
        right_at_last = guessing.get("/admin/status", headers={"authorization": f"Bearer {TOKENS['operator']}"})
        assert right_at_last.status_code in {429, 200}, "200 only where a second has passed meanwhile"
        assert known.get("/admin/status").status_code == 200
        assert guessing.get("/admin/status").status_code == 401, "without a token nothing is guessed"
        assert stand.gateway.refusals.counts["unauthorized"] >= AT_ONCE + 60


class Clocked:
    """Guesses on a clock of their own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.guesses = Guesses(lambda: self.now)

    def tries(self, address: str, first: int, count: int) -> int:
        """How many of so many different wrong tokens are looked at."""
        looked_at = 0
        for number in range(first, first + count):
            if not self.guesses.wait(address, f"{number}"):
                self.guesses.wrong(address, f"{number}")
                looked_at += 1
        return looked_at


@pytest.fixture
def clocked() -> Clocked:
    return Clocked()


def test_one_more_is_looked_at_each_second(clocked: Clocked) -> None:
    assert clocked.tries("192.0.2.1", 0, 100) == AT_ONCE
    assert 0 < clocked.guesses.wait("192.0.2.1", "new") <= 1
    clocked.now += 5
    assert clocked.tries("192.0.2.1", 100, 100) == 5
    clocked.now += 3600
    assert clocked.tries("192.0.2.1", 200, 100) == AT_ONCE


def test_the_same_wrong_token_again_is_a_mistake_and_no_guess(clocked: Clocked) -> None:
    for _ in range(1000):
        assert clocked.guesses.wait("192.0.2.1", "stale") == 0
        clocked.guesses.wrong("192.0.2.1", "stale")
    assert clocked.tries("192.0.2.1", 0, 100) == AT_ONCE - 1


def test_who_was_right_once_is_always_looked_at(clocked: Clocked) -> None:
    clocked.guesses.right("good")
    assert clocked.tries("192.0.2.1", 0, 100) == AT_ONCE
    assert clocked.guesses.wait("192.0.2.1", "good") == 0


@pytest.mark.parametrize(
    ("neighbour", "looked_at"), [("2001:db8::ffff", 0), ("2001:db8:0:1::1", AT_ONCE), ("somewhere", AT_ONCE)]
)
def test_a_network_of_ipv6_is_one(clocked: Clocked, neighbour: str, looked_at: int) -> None:
    assert clocked.tries("2001:db8::1", 0, 100) == AT_ONCE
    assert clocked.tries(neighbour, 100, 30) == looked_at


def test_addresses_are_bounded_and_the_latest_are_kept(clocked: Clocked) -> None:
    for number in range(3000):
        clocked.tries(f"10.0.{number // 256}.{number % 256}", 0, 1)
    assert len(clocked.guesses._by_address) == 2000
    for number in range(3000):
        clocked.guesses.right(f"token-{number}")
    assert len(clocked.guesses._right) <= 2000
