"""What was there before a change is captured, kept, and known to the audit by its hash."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from bot.store import schema
from commands.domain.location import HERE, Location
from commands.errors import Unavailable
from commands.mitigation.evidence import capture
from commands.ports import LogLine, LogPage, LogQuery
from tests.scenario.stage import Stage, golden, transcript
from tests.world import audited


async def test_logs_beside_a_cluster_are_not_asked_for_its_places(stage: Stage) -> None:
    """Where the logs come from the local gateway, they know of no cluster, though the deployment is in one."""
    await stage.runs("ben", "general", "/gw scale 4")
    plan, gateway = await stage.world.plan(), stage.world.gateway
    there = plan.target.model_copy(update={"cluster": "production", "namespace": "edge"})
    places: list[Location] = []

    async def lines(service: str, query: LogQuery, at: Location = HERE) -> LogPage:
        places.append(at)
        return await original(service, query, at)

    original, gateway.lines = gateway.lines, lines  # type: ignore[method-assign]
    kept = await capture(plan.model_copy(update={"target": there}), stage.world.app.services)
    assert (places, kept.missing) == ([HERE], ())


@transcript("/gw evidence")
async def test_what_was_there_is_shown_and_its_hash_is_in_the_audit(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/gw evidence") == golden("""
        Nothing was changed from this channel lately.
          Try: /gw evidence plan-20260301-…
          (You typed: /gw evidence)
        """)
    incident = await stage.declares()
    at = stage.world.clock.now()
    said = "502 token=abcdef123456 upstream gone \ud83d"
    stage.world.gateway.log_lines = [LogLine(at=at, level="ERROR", message=said)]
    await stage.runs("ben", incident.channel, "/gw scale 4")
    plan = await stage.world.plan()
    kept = await stage.world.app.store.look(lambda tx: tx.evidence.find(plan.id))
    assert kept is not None
    shown = await stage.asks("eve", incident.channel, "/gw evidence")
    workers = [line for line in shown.splitlines() if line.startswith('  | {"name": "gateway-')]
    assert len(workers) == 3
    assert "\n".join(line for line in shown.splitlines() if line not in workers) == golden(f"""
        Before: Scale gateway up from 3 to 4 workers
          Captured: 2026-03-01 12:00 UTC
          SHA-256: {kept.sha256}
          | Scale gateway up from 3 to 4 workers
          | plan-20260301-…, captured 2026-03-01 12:00:00Z
          |
          | == Metrics
          | errors 0.2%, p95 40 ms, 100 req/s
          | users: 600 requests, errors 0.1%, p95 35.0 ms
          | orders: 400 requests, errors 0.4%, p95 48.0 ms
          |
          | == Workers
          |
          | == Changes
          | nothing
          |
          | == Errors
          | nothing
          |
          | == Log
          | 2026-03-01 12:00:00Z ERROR 502 token=[redacted] upstream gone ?
          |
          | == Configuration
          | server:
          |   port: 8080
          | admin:
          |   token: [redacted]
        """)
    intent = next(one for one in await stage.world.app.store.look(audited) if one.kind == "intent")
    assert intent.detail["evidence"] == hashlib.sha256(kept.text.encode()).hexdigest() == kept.sha256
    assert "(/gw evidence plan-20260301-…)" in await stage.asks("eve", incident.channel, "/incident timeline")
    other = await stage.world.declare("sev2 a private matter --private", person="ana")
    await stage.runs("ana", other.channel, "/gw scale 5")
    hidden = (await stage.world.plan()).id
    assert "There is no plan" in await stage.asks("chloe", "general", f"/gw evidence {hidden}")


async def test_what_does_not_answer_is_left_out_and_said(stage: Stage) -> None:
    gateway = stage.world.gateway

    async def gone(*_: Any, **__: Any) -> Any:
        raise Unavailable("The log does not answer.")

    gateway.lines = gone  # type: ignore[method-assign]
    assert (await stage.runs("ben", "general", "/gw scale 4")).splitlines()[0].startswith("Done: ")
    shown = await stage.asks("ben", "general", "/gw evidence")
    assert shown.splitlines()[1] == "  Not captured, since it did not answer in time: log."


async def test_a_long_log_is_cut_and_what_was_left_out_is_said(stage: Stage) -> None:
    at = stage.world.clock.now()
    stage.world.gateway.log_lines = [LogLine(at=at, level="ERROR", message=f"{n} {'x' * 300}") for n in range(150)]
    await stage.runs("ben", "general", "/gw scale 4")
    plan = await stage.world.plan()
    kept = await stage.world.app.store.look(lambda tx: tx.evidence.find(plan.id))
    assert kept is not None
    log = kept.text.partition("== Log\n")[2].partition("\n\n== ")[0]
    assert 10_000 < len(log) < 17_000
    assert re.fullmatch(r"… \d+ earlier lines left out", log.splitlines()[0])
    assert " ERROR 149 x" in log.splitlines()[-1]


async def test_evidence_that_somebody_rewrote_is_not_what_the_audit_knows(stage: Stage) -> None:
    bot = stage.world
    shown = await bot.command("ben", "general", "/gw scale 5")
    await bot.click("ana", shown.reply_key, "Confirm")
    plan = await bot.settled()
    assert "Somebody has changed it" not in await bot.say("ana", "general", f"/gw evidence {plan.id}")
    change = schema.evidence.update().values(text="all was well", sha256="0" * 64)
    await bot.app.store.database.write(lambda connection: connection.execute(change))
    assert "Somebody has changed it" in await bot.say("ana", "general", f"/gw evidence {plan.id}")
