"""A rule of Prometheus fires on the real gateway, Alertmanager tells Tocsin, and people do nothing but confirm."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from bot.app import App, running
from bot.demo.crew import Crew, until
from bot.demo.processes import Stack, stack
from bot.demo.run import demo_settings
from bot.outside import outside
from bot.platforms.console.server import ConsoleServer
from bot.store.views import MessageView
from commands.cards import transcript
from commands.domain.incident import Incident, Status
from commands.domain.plan import Plan, PlanState
from tests.faults.processes import free_port
from tests.prometheus import alertmanager, prometheus

TOKEN = "a-token-of-the-tests"
WANTED = 3
#: A busy machine takes its time.
LONG = 90.0
RULES = f"""
rules:
  - name: too many errors
    match: {{labels: {{alertname: HighErrorRate}}}}
    then: declare
    severity: sev2
    run: [/gw errors, /gw scale {WANTED}]
"""
#: Runbook 002, section 5: errors over 5%, in a hurry.
ALERT = {
    "alert": "HighErrorRate",
    "expr": 'sum(rate(http_requests_total{status=~"5.."}[5s])) / sum(rate(http_requests_total[5s])) > 0.05',
    "labels": {"severity": "critical", "service": "gateway"},
    "annotations": {"summary": "High error rate detected"},
}
FAULT = {"error_rate": 0.8, "status": 503, "expires_in_seconds": 600, "actor": "test", "reason": "a failing backend"}


@contextlib.contextmanager
def watching(folder: Path, gateway: str, console: str) -> Any:
    """Prometheus, which scrapes the gateway, and Alertmanager, which tells Tocsin."""
    hook = {"url": f"{console}/alerts/prom", "send_resolved": True}
    hook["http_config"] = {"authorization": {"credentials": TOKEN}}  # type: ignore[assignment]
    routes = {"receiver": "tocsin", "group_wait": "0s", "group_interval": "1s", "group_by": ["service"]}
    settings = {"route": routes, "receivers": [{"name": "tocsin", "webhook_configs": [hook]}]}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "gateway", "rules": [ALERT]}]}))
    with alertmanager(folder, settings) as manager:
        scraped = {"job_name": "gateway", "static_configs": [{"targets": [gateway.removeprefix("http://")]}]}
        told = {"alertmanagers": [{"static_configs": [{"targets": [manager.removeprefix("http://")]}]}]}
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        files = [str(folder / "rules.yml")]
        with prometheus(folder, {"global": every, "scrape_configs": [scraped], "alerting": told, "rule_files": files}):
            yield


@contextlib.asynccontextmanager
async def tocsin(started: Stack, folder: Path, port: int) -> AsyncIterator[App]:
    """The bot with its web server, as `tocsin serve` runs it."""
    (folder / "alerts.yaml").write_text(RULES)
    settings = demo_settings(
        started,
        folder,
        console={"port": port},
        alerts={
            "receivers": {"prom": {"kind": "alertmanager", "token": TOKEN}},
            "rules": str(folder / "alerts.yaml"),
            "tell_every_seconds": 1,
        },
        watch={"every_seconds": 1.0, "readings": 3},
        verify={"every_seconds": 1.0, "readings": 3, "within_seconds": 60},
    )
    async with outside(settings) as found, running(settings, found) as app:
        server = ConsoleServer(app.console, settings.console, app.hub)
        serving = asyncio.create_task(server.serve())
        try:
            yield app
        finally:
            server.should_exit = True
            await serving


class People:
    """They look at the incident's channel, and press what it shows."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._crew = Crew(app, tell=lambda _: None)
        self.incident = ""

    async def declared(self) -> Incident:
        async def first() -> Incident | None:
            found = await self._app.store.look(lambda tx: tx.incidents.recent(open_only=True, limit=2))
            return found[0] if found else None

        incident = await until("an incident", first, within=LONG)
        assert isinstance(incident, Incident)
        self.incident = incident.id
        return incident

    async def presses(self, person: str, label: str) -> None:
        """The newest button with this label, once there is one."""

        async def message() -> MessageView | None:
            shown = await self._app.record.messages(self.incident, person)
            return next((m for m in reversed(shown) if m.card and any(b.label == label for b in m.card.buttons)), None)

        found = await until(f"a button {label}", message, within=LONG)
        assert isinstance(found, MessageView)
        await self._crew.press(person, found, label)

    async def plan(self) -> Plan:
        """The plan that was proposed, once it has ended."""

        async def ended() -> Plan | None:
            plans = await self._app.store.look(lambda tx: tx.plans.recent(target=None, limit=1))
            return (
                plans[0] if plans and plans[0].state in {PlanState.DONE, PlanState.FAILED, PlanState.UNKNOWN} else None
            )

        found = await until("the plan's end", ended, within=LONG)
        assert isinstance(found, Plan)
        return found

    async def drafted(self) -> str:
        draft = lambda: self._app.store.look(lambda tx: tx.postmortems.get(self.incident))  # noqa: E731
        return str(await until("the postmortem", draft, within=LONG))

    async def reads(self, words: str) -> None:
        """Until that stands in the channel."""

        async def there() -> bool:
            return words in await self.read()

        await until(words, there, within=LONG)

    async def read(self) -> str:
        """Everything in the incident's channel."""
        names = self._app.services.directory.names()
        shown = await self._app.record.messages(self.incident, "ana")
        return "\n".join(transcript(one.card, names) for one in shown if one.card)


async def workers_at(admin: httpx.AsyncClient) -> int:
    workers = (await admin.get("/admin/workers")).raise_for_status().json()["workers"]
    return sum(one["state"] == "ready" and psutil.pid_exists(one["pid"]) for one in workers)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_an_alert_becomes_an_incident_that_people_only_confirm(tmp_path: Path) -> None:
    port = free_port()
    with (
        stack(tmp_path, workers=2, per_second=20) as started,
        watching(tmp_path, started.gateway_url, f"http://127.0.0.1:{port}"),
    ):
        headers = {"authorization": f"Bearer {started.admin_token}"}
        async with (
            tocsin(started, tmp_path, port) as app,
            httpx.AsyncClient(base_url=started.admin_url, headers=headers, trust_env=False) as admin,
        ):
            people = People(app)
            (await admin.post("/admin/faults", json=FAULT)).raise_for_status()
            incident = await people.declared()
            assert (incident.severity, incident.source, incident.service) == ("SEV2", "alerts", "gateway")
            await people.presses("ana", "Be incident commander")
            await people.presses("ben", "Approve")

            async def scaled() -> bool:
                return await workers_at(admin) == WANTED

            await until("the workers", scaled, within=LONG)
            (await admin.delete("/admin/faults")).raise_for_status()
            plan = await people.plan()
            assert (plan.state, plan.requester) == (PlanState.DONE, "tocsin")
            await people.presses("ana", "Set monitoring")
            await people.reads("Within the objectives again")
            await people.presses("ana", "Resolve")
            text = await people.drafted()
            assert (await app.store.look(lambda tx: tx.incidents.get(incident.id))).status is Status.RESOLVED
            assert "verified" in await people.read()
    assert "HighErrorRate" in text
    assert f"to {WANTED} workers" in text
