"""What the gateway remembers of the last day: true numbers, however much there was, and since when they are true."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from gateway.settings import LoggingSettings
from gateway.telemetry.error_groups import ErrorGroups
from gateway.telemetry.journal import Journal
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.recent_records import RecentRecords
from gateway.telemetry.records import as_json, iso
from gateway.telemetry.tally import Tally
from tests.gateway.reports import report_of

NOON = 1_800_000_000.0


def group(at: float, **changes: Any) -> dict[str, Any]:
    times = {"first_seen": iso(at), "last_seen": iso(at), "example": {"path": f"/{at}"}}
    return {"route": "orders", "status": 502, "error_type": "connect", "count": 1, **times, **changes}


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_errors_of_many_workers_over_a_quarter_of_an_hour_are_all_counted() -> None:
    groups = ErrorGroups()
    for half_second in range(1800):
        at = NOON + half_second / 2
        for status in range(500, 505):
            one = group(at, status=status)
            for _worker in range(10):
                groups.add(at, dict(one))
    answer = groups.answer(NOON)
    assert answer["total"] == 90_000
    assert [one["count"] for one in answer["groups"]] == [18_000] * 5
    assert answer["groups"][0]["first_seen"] == iso(NOON)
    assert answer["groups"][0]["last_seen"] == iso(NOON + 899.5)
    assert answer["groups"][0]["example"] == {"path": f"/{NOON + 899.5}"}


def test_errors_are_counted_from_when_the_answer_says() -> None:
    groups = ErrorGroups()
    for second in range(0, 600, 5):
        groups.add(NOON + second, group(NOON + second))
    answer = groups.answer(NOON + 303)
    assert answer["since"] == iso(NOON + 300)
    assert answer["total"] == 60


def test_a_day_of_errors_is_kept_and_no_more() -> None:
    groups = ErrorGroups()
    for hour in range(49):
        groups.add(NOON + hour * 3600, group(NOON + hour * 3600))
    answer = groups.answer(NOON)
    assert answer["total"] == 25
    assert answer["since"] == answer["kept_since"] > iso(NOON)


def test_very_many_kinds_are_forgotten_from_the_oldest_on_and_it_is_said() -> None:
    groups = ErrorGroups()
    for second in range(0, 600, 10):
        one = group(NOON + second)
        for number in range(1000):
            groups.add(NOON + second, one | {"route": f"r{number}"})
    answer = groups.answer(NOON)
    assert answer["since"] == answer["kept_since"] == iso(NOON + 100)
    assert answer["total"] == 50_000
    assert len(answer["groups"]) == 1000


def test_no_report_is_too_many_for_the_count_of_errors() -> None:
    ledger = Ledger(100)
    report = report_of(Tally().take())
    for _ in range(6000):
        ledger.absorb(report | {"groups": [group(time.time())]}, at=1.0)
    assert ledger.groups.answer(time.time() - 900)["total"] == 6000


def found(recent: RecentRecords, **ask: Any) -> dict[str, Any]:
    return recent.found(**{"limit": 5, "level": None, "grep": None, "since": NOON, **ask})


def test_a_flood_of_good_lines_pushes_no_error_out() -> None:
    recent = RecentRecords(100)
    recent.add(NOON, "ERROR", as_json({"message": "broken"}))
    for number in range(1, 1001):
        recent.add(NOON + number, "INFO", as_json({"message": f"good {number}"}))
    errors = found(recent, level="WARNING")
    assert ([one["message"] for one in errors["records"]], errors["total_matched"]) == (["broken"], 1)
    everything = found(recent, limit=40)
    assert (len(everything["records"]), everything["total_matched"], everything["truncated"]) == (40, 101, True)
    assert everything["records"][-1]["message"] == "good 1000"


def test_since_when_lines_are_all_there_is_told_for_what_was_asked() -> None:
    began = time.time()
    recent = RecentRecords(100)
    for number in range(150):
        recent.add(began + number, "INFO", "{}")
    assert epoch(found(recent, level="ERROR")["kept_since"]) < began + 1
    assert found(recent)["kept_since"] == iso(began + 49)


def test_lines_that_came_too_fast_are_counted() -> None:
    journal = Journal(LoggingSettings(), worker="gateway-1", writer=LogWriter(None))
    for number in range(1000):
        journal.event("INFO", "proxy", "request", f"good {number}")
    journal.event("ERROR", "proxy", "request", "broken")
    taken, missed = journal.take_recent(), journal.take_missed()
    assert sorted(level for _, level, _ in taken) == ["ERROR"] + ["INFO"] * 300
    assert missed == {"INFO": 700}
    assert journal.take_missed() == {}
    recent = RecentRecords(5000)
    recent.miss(NOON, missed)
    assert found(recent)["missed"] == 700
    assert found(recent, level="ERROR")["missed"] == 0
    assert found(recent, since=NOON + 60)["missed"] == 0
    recent.miss(NOON + 100_000, {"ERROR": 1})
    assert found(recent)["missed"] == 1


def test_text_is_found_in_any_script() -> None:
    recent = RecentRecords(10)
    recent.add(NOON, "INFO", as_json({"message": 'Zoë said "straße" \N{SNOWMAN}', "path": "/a\\b"}))
    for grep in ("zoë", "ZOË", 'said "STRASSE"', "\N{SNOWMAN}", "/a\\b", '"message":"zoë'):
        assert found(recent, grep=grep)["total_matched"] == 1
    assert found(recent, grep="zoe")["total_matched"] == 0
