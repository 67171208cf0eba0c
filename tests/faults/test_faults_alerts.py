"""Alerts that come in while the bot is killed: what was taken is never lost, and none counts twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.processes import Scene, scene
from tests.simulators.gateway.server import GatewaySimulator
from tests.waiting import eventually

TOKEN = "a-token-of-the-tests"
RULES = """
rules:
  - {name: down, match: {service: checkout}, then: declare, severity: sev1}
"""
#: Deliveries of so many alerts each; the bot is killed after some of them.
DELIVERIES, EACH, KILLED_AFTER = 12, 10, (4,)


def alert(number: int) -> dict[str, Any]:
    """One of many instances that are down."""
    return {
        "status": "firing",
        "labels": {"alertname": "Down", "service": "checkout", "instance": str(number)},
        "annotations": {"summary": "it is down"},
        "startsAt": "2026-03-01T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"down-{number}",
    }


def delivered(acting: Scene, number: int) -> bool:
    """Whether a delivery was acknowledged; a sender tries again until it was."""
    alerts = [alert(number * EACH + n) for n in range(EACH)]
    body = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "tocsin", "alerts": alerts}
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{acting.bot.port}/alerts/prom",
            content=json.dumps(body),
            headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
            timeout=30,
            trust_env=False,
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 202


@pytest.fixture
def acting(tmp_path: Path, database_url: str, gateway: GatewaySimulator) -> Iterator[Scene]:
    rules = tmp_path / "alerts.yaml"
    rules.write_text(RULES)
    receivers = {"prom": {"kind": "alertmanager", "token": TOKEN}}
    alerts = {"receivers": receivers, "rules": str(rules), "tell_every_seconds": 0.2}
    with scene(tmp_path, database_url, gateway, alerts=alerts) as running:
        yield running


def counted(acting: Scene) -> tuple[int, int]:
    """How many alerts there are in the groups, and how many of them fire."""
    tallies = acting.record.look(lambda tx: [tx.alerts.tally(one.id) for one in tx.alerts.open_groups(look=True)])
    return sum(one.alerts for one in tallies), sum(one.firing for one in tallies)


def test_a_kill_while_alerts_come_in_loses_none_and_counts_none_twice(acting: Scene) -> None:
    for number in range(DELIVERIES):
        assert delivered(acting, number)
        if number in KILLED_AFTER:
            acting.bot.restart_after_kill(acting.record)
            assert delivered(acting, number), "who heard of no answer sends it again"
    everything = DELIVERIES * EACH
    eventually(lambda: counted(acting) == (everything, everything), "all alerts are counted")
    [incident] = acting.record.incidents()
    card = next(key for key in acting.record.messages(incident.channel) if key.endswith(":alerts"))
    shown = f"Firing: {everything} of {everything}"
    eventually(lambda: shown in acting.record.text(card), "people read of all of them")
