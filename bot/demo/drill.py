"""`make drill`: an incident from detection to postmortem, on real processes, played by a scripted crew.

Exits 0 only if every step had its effect, which is looked up at the gateway itself and not at the bot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from bot.app import App, running
from bot.demo.crew import Crew, DrillError, until
from bot.demo.processes import TARGETS, Stack, stack
from bot.demo.run import PER_SECOND, demo_settings
from bot.outside import outside
from bot.settings import Settings
from commands.domain.incident import Incident, Role, Status
from commands.reading import WINDOW

_WORKERS, _WANTED = 3, 5
# A name of its own: where a bot keeps its record is no place to remove one from.
_DATABASE = "drill.db"
#: What a drill leaves in its directory, the secret aside, which a bot may share.
WRITTEN = (
    "transcript.md",
    "postmortem.md",
    *(f"{_DATABASE}{end}" for end in ("", "-wal", "-shm", ".lock")),
    *(f"{name}.log" for name in (*TARGETS, "gateway", "load")),
    "gateway.yaml",
    "gateway-history.jsonl",
)
#: Errors over 50% (runbook 002, section 2.2).
_SEVERITY = "SEV2"
_FAULT = {
    "route": "*",
    "latency_ms": 350,
    "error_rate": 0.6,
    "status": 503,
    "expires_in_seconds": 600,
    "actor": "drill",
    "reason": "drill: a slow and failing backend",
}


def drill(directory: Path) -> int:
    """Play it; the exit code. Writes `transcript.md` and `postmortem.md`."""
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _clear(directory)
    with stack(directory, workers=_WORKERS, per_second=PER_SECOND) as started:
        settings = demo_settings(
            started,
            directory,
            database=_DATABASE,
            watch={"declare": True, "every_seconds": 1.0, "readings": 3},
            objectives={"error_rate": 0.05, "p95_ms": 250},
            verify={"every_seconds": 1.0, "readings": 3, "within_seconds": 60},
        )
        return asyncio.run(_drill(settings, started, directory))


def _clear(directory: Path) -> None:
    """Remove what an earlier drill wrote, and nothing else: the directory may be anybody's."""
    for name in WRITTEN:
        (directory / name).unlink(missing_ok=True)


async def _drill(settings: Settings, started: Stack, directory: Path) -> int:
    began = time.monotonic()
    async with outside(settings) as found, running(settings, found) as app, _admin(started) as admin:
        crew = Crew(app)
        try:
            await Play(app, crew, admin, directory).all()
        except DrillError as failed:
            crew.write(f"THE DRILL FAILED: {failed}")
            return 1
        finally:
            _write_transcript(directory, crew)
        crew.write(f"The drill succeeded in {time.monotonic() - began:.0f} s: every step had its effect.")
        _write_transcript(directory, crew)
    print(f"\nWritten: {directory / 'transcript.md'} and {directory / 'postmortem.md'}")
    return 0


def _admin(started: Stack) -> httpx.AsyncClient:
    """The gateway's admin API, asked behind the bot's back."""
    headers = {"authorization": f"Bearer {started.admin_token}"}
    return httpx.AsyncClient(base_url=started.admin_url, headers=headers, timeout=5, trust_env=False)


def _write_transcript(directory: Path, crew: Crew) -> None:
    text = (
        "# Transcript of the drill\n\nTimes are UTC.\n\n```text\n"
        + "\n".join(crew.lines).replace("```", "'''")
        + "\n```\n"
    )
    (directory / "transcript.md").write_text(text, encoding="utf-8")


class Play:
    """The script. Each scene raises DrillError when it had no effect."""

    def __init__(self, app: App, crew: Crew, admin: httpx.AsyncClient, directory: Path) -> None:
        self._app = app
        self._crew = crew
        self._admin = admin
        self._directory = directory
        self._channel = ""

    async def all(self) -> None:
        """Scene by scene."""
        scenes: tuple[Callable[[], Awaitable[None]], ...] = (
            self._traffic,
            self._breakage,
            self._roles,
            self._severity,
            self._diagnosis,
            self._scale,
            self._handover,
            self._resolve,
            self._postmortem,
            self._audit,
        )
        for scene in scenes:
            await scene()

    async def _get(self, path: str) -> Any:
        return (await self._admin.get(path)).raise_for_status().json()

    async def _window(self) -> dict[str, Any]:
        return dict((await self._get(f"/admin/metrics/summary?window={WINDOW.seconds}"))["window"])

    async def _incident(self) -> Incident:
        return await self._app.store.look(lambda tx: tx.incidents.get(self._channel))

    async def _traffic(self) -> None:
        self._crew.write(f"The gateway runs with {_WORKERS} workers under a load of {PER_SECOND:.0f} requests/s.")
        await until("healthy traffic", self._healthy, within=30)

    async def _healthy(self) -> bool:
        window = await self._window()
        return bool(window["requests"] > 50 and window["error_rate"] == 0)

    async def _breakage(self) -> None:
        """The fault comes; the bot notices by itself."""
        (await self._admin.post("/admin/faults", json=_FAULT)).raise_for_status()
        self._crew.write(f"FAULT INJECTED: {_FAULT['latency_ms']} ms latency and 60% errors on every route.")

        async def declared() -> Incident | None:
            found = await self._app.store.look(lambda tx: tx.incidents.recent(open_only=True, limit=1))
            return found[0] if found else None

        incident = await until("an incident declared from measurements", declared, within=60)
        assert isinstance(incident, Incident)
        if incident.source != "watch":
            raise DrillError(f"expected an incident from measurements, got {incident}")
        self._channel = incident.channel
        self._crew.write(f"Tocsin declared {incident.id}, {incident.severity}: {incident.title}")

    async def _roles(self) -> None:
        for person, role in (("ana", Role.COMMANDER), ("ben", Role.TECH), ("chloe", Role.COMMS)):
            await self._crew.say(person, self._channel, f"/incident role claim {role.value}")
            if (await self._incident()).holder(role) != person:
                raise DrillError(f"{person} is not {role.full_name}")

    async def _severity(self) -> None:
        """The first bad readings declared it; by now most requests fail, and Tocsin says what that is."""
        if (await self._incident()).severity != _SEVERITY:
            await until(f"Tocsin says that it is a {_SEVERITY}", self._worse, within=30)
            await self._crew.say("ana", self._channel, f"/incident severity {_SEVERITY} most requests fail")
        if (await self._incident()).severity != _SEVERITY:
            raise DrillError(f"it is no {_SEVERITY}")

    async def _worse(self) -> bool:
        shown = await self._app.record.messages(self._channel, "ana")
        return any(one.card and one.card.title == f"The figures are those of {_SEVERITY}" for one in shown)

    async def _diagnosis(self) -> None:
        for text in ("/gw status", "/gw errors --since 5m", "/gw pods", "/gw metrics"):
            await self._crew.say("ben", self._channel, text)
        await self._crew.say(
            "ben", self._channel, "/incident note --as cause the backend is slow and fails on every route"
        )
        await self._crew.say("ana", self._channel, "/incident status identified the backend is slow; adding workers")
        if (await self._incident()).status is not Status.IDENTIFIED:
            raise DrillError("the status is not identified")

    async def _scale(self) -> None:
        """A plan, confirmed by another person; the workers are counted at the gateway, by their processes."""
        plan = await self._crew.say("ben", self._channel, f"/gw scale {_WANTED}")
        await self._crew.press("ana", plan, "Confirm")
        await until(f"{_WANTED} workers at the gateway", self._all_workers, within=60)
        (await self._admin.delete("/admin/faults")).raise_for_status()
        self._crew.write("THE FAULT ENDS: the backend recovers.")
        await self._crew.shown(
            plan, "ben", "a verified result", lambda text: text.startswith("Done:") and "verified" in text, within=90
        )

    async def _all_workers(self) -> bool:
        workers = (await self._get("/admin/workers"))["workers"]
        ready = [worker for worker in workers if worker["state"] == "ready" and psutil.pid_exists(worker["pid"])]
        return len(ready) == _WANTED

    async def _handover(self) -> None:
        await until("healthy traffic again", self._healthy, within=30)
        await self._crew.say("ana", self._channel, "/incident status monitoring error rate is back to normal")
        offer = await self._crew.say("ana", self._channel, "/handover @dev")
        await self._crew.press("dev", offer, "Accept")
        if (await self._incident()).holder(Role.COMMANDER) != "dev":
            raise DrillError("dev is not incident commander")

    async def _resolve(self) -> None:
        await self._crew.say(
            "chloe", self._channel, "/incident note --as action alert on backend latency @ben by 2030-01-31"
        )
        await self._crew.say(
            "dev", self._channel, "/incident note --as lesson the first alert came from the bot, not from customers"
        )
        await self._crew.say("dev", self._channel, f"/incident resolve scaled to {_WANTED} workers, backend recovered")
        window = await self._window()
        if (await self._incident()).status is not Status.RESOLVED or window["error_rate"] > 0:
            raise DrillError(f"not resolved, or still failing: {window}")

    async def _postmortem(self) -> None:
        async def drafted() -> str | None:
            return await self._app.store.look(lambda tx: tx.postmortems.get(self._channel))

        text = str(await until("the postmortem draft", drafted, within=30))
        (self._directory / "postmortem.md").write_text(text, encoding="utf-8")
        missing = [
            word for word in (_SEVERITY, "Dev Patel", f"to {_WANTED} workers", "backend is slow") if word not in text
        ]
        if missing:
            raise DrillError(f"the postmortem lacks {missing}")
        self._crew.write(f"Postmortem drafted: {len(text.splitlines())} lines.")

    async def _audit(self) -> None:
        answer = await self._crew.say("dev", self._channel, "/audit verify")
        if answer.card is None or answer.card.title != "The audit is intact":
            raise DrillError("the audit is not intact")
