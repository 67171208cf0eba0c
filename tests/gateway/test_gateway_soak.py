"""Two minutes of the soak, and that neither form of it excuses what the gateway could have done better."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.soak.origins import Origin
from tests.gateway.soak.outcomes import Failure, Kill, Outcomes, Trouble
from tests.gateway.soak.plan import short_form
from tests.gateway.soak.run import soak


# It waits for long, where the machine has much else to do.
@pytest.mark.long
@pytest.mark.timeout(900)
async def test_two_minutes_of_soak_find_no_fault(tmp_path: Path) -> None:
    said: list[str] = []
    verdict = await soak(short_form(), tmp_path, said.append)
    assert verdict["faults"] == [], said
    assert verdict["reloads"] >= 5
    assert verdict["kills"] >= 2
    assert verdict["target_troubles"] >= 3
    assert verdict["redis_flaps"] >= 2
    assert "supervisor" in verdict["memory_mb"], said
    assert verdict["failed_without_excuse"] == 0


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    two = [Origin("first"), Origin("second")]
    yield two
    for one in two:
        one.release()


def failure(*, repeatable: bool = True, port: int = 5, status: int = 0, ended: float = 11.0) -> Failure:
    return Failure(1, "small", 8.0, 9.0, ended, port, status, repeatable, "cut")


def judged(outcomes: Outcomes, origins: list[Origin]) -> tuple[list[str], int]:
    excuses, faults = outcomes.judged(origins)
    return list(excuses), len(faults)


@pytest.mark.parametrize(
    ("failed", "excused"),
    [
        (failure(), True),
        (failure(port=6), False),
        (failure(status=502), False),
        (failure(ended=9.5), False),
    ],
    ids=["its connection", "another's", "an answer came", "before the kill"],
)
def test_a_kill_excuses_only_connections_of_that_worker(failed: Failure, excused: bool, origins: list[Origin]) -> None:
    outcomes = Outcomes(kills=[Kill(10.0, frozenset({5}))])
    outcomes.failed(failed)
    assert judged(outcomes, origins) == ((["its worker was killed"], 0) if excused else ([], 1))


def test_what_may_be_repeated_has_no_excuse_in_a_target(origins: list[Origin]) -> None:
    outcomes = Outcomes(troubles=[Trouble("first", "errors", 5.0, 12.0)])
    outcomes.failed(failure(status=500))
    origins[0].failed.add(1)
    assert judged(outcomes, origins) == ([], 1)


def test_what_may_not_be_repeated_is_excused_unless_a_target_served_it(origins: list[Origin]) -> None:
    outcomes = Outcomes(troubles=[Trouble("first", "stopped", 5.0, 12.0)])
    outcomes.failed(failure(status=502, repeatable=False))
    assert judged(outcomes, origins) == (["its target's connection broke, and it may not be sent twice"], 0)
    origins[0].failed.add(1)
    assert judged(outcomes, origins) == (["its target failed, and it may not be sent twice"], 0)
    origins[1].served.add(1)
    assert judged(outcomes, origins) == ([], 1)
    calm = Outcomes()
    calm.failed(failure(status=502, repeatable=False))
    origins[0].failed.clear()
    assert judged(calm, origins) == ([], 1)
