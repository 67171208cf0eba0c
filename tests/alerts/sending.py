"""What senders do, in tests: requests at the bot's web server, and the work that follows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.alerts.working import AlertWork
from tests.world import World

TOKEN = "a-token-of-the-tests"
#: The receivers of the tests.
RECEIVERS: dict[str, Any] = {
    "prom": {"kind": "alertmanager", "token": TOKEN},
    "own": {"kind": "generic", "token": TOKEN},
}


def alert(
    name: str, *, service: str = "checkout", state: str = "firing", minute: int = 0, **labels: str
) -> dict[str, Any]:
    """One alert as Alertmanager sends it, that began so many minutes after the start of the tests."""
    return {
        "status": state,
        "labels": {"alertname": name, "service": service, **labels},
        "annotations": {"summary": f"seen on {service}"},
        "startsAt": f"2026-03-01T12:{minute:02}:00.123456789Z",
        "endsAt": "2026-03-01T12:59:00Z" if state == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example/graph",
        "fingerprint": f"{name}-{labels.get('instance', '0')}".lower(),
    }


def group_of(*alerts: dict[str, Any]) -> dict[str, Any]:
    """A delivery of Alertmanager."""
    return {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "tocsin", "alerts": list(alerts)}


async def post(world: World, path: str, content: Any, **headers: str) -> httpx.Response:
    """Send a body to a receiver, by a name that is none of the console's."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"} | headers
    transport = httpx.ASGITransport(app=world.app.console)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks.example") as client:
        return await client.post(f"/alerts/{path}", content=body, headers=sent)


async def sends(world: World, *alerts: dict[str, Any], receiver: str = "prom") -> None:
    """Deliver alerts, and have them worked off."""
    answer = await post(world, receiver, group_of(*alerts))
    assert answer.status_code == 202, answer.text
    await works(world)


async def works(world: World) -> None:
    """Work off what has come, and do what is due."""
    assert world.app.alerts is not None
    await world.app.alerts.once()


def by_hand(patch: pytest.MonkeyPatch) -> None:
    """Alerts are worked off by `works` alone: the loop beside a test would do it between any two of its lines."""

    async def stand_still(_: AlertWork) -> None:
        await asyncio.Event().wait()

    patch.setattr(AlertWork, "run", stand_still)


def ruled(rules: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of alerts: the senders above, and these rules; what they cause is done `by_hand`."""
    by_hand(monkeypatch)
    file = directory / "alerts.yaml"
    file.write_text(rules)
    return {"receivers": RECEIVERS, "rules": str(file)}
