"""The gateway is killed while orders from chat hold, and started anew: they hold still, and end as they would have."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import yaml

from tests.gateway.running import running
from tests.scenario.steering import done, gateway_process, steered


async def test_what_was_ordered_before_a_kill_holds_and_ends_after_it(sqlite_url: str, tmp_path: Path) -> None:
    history: dict[str, Any] = {"history_path": str(tmp_path / "history.jsonl")}
    with gateway_process(tmp_path / "old", admin=history) as process:
        async with steered(process, sqlite_url) as here:
            assert done(await here.agreed("/gw block 203.0.113.0/24 for 30m")).startswith("Done: Block")
            block = await here.bot.plan()
            assert done(await here.runs("/gw drain backend blue for 30m")).startswith("Done: Drain blue")
            document = yaml.safe_load(process.config_path.read_text())
            # The bot knows the gateway by its address.
            document["admin"]["port"] = int(process.ready["admin"].rpartition(":")[2])
            process.process.send_signal(signal.SIGKILL)
            process.process.wait(60)
            with running(document, tmp_path / "new") as newer:
                assert "2 orders above the settings of gateway" in await here.says("/gw overrides")
                shown = done(await here.runs("/gw undo"))
                assert shown.splitlines()[0].startswith("Done: Undo: ")
                assert newer.admin.get("/admin/upstreams/overrides").json()["overrides"] == []
                await here.bot.command("ben", "general", f"/lease revert {block.id}")
                await here.bot.until(here.is_nothing_held)
                assert newer.admin.get("/admin/blocks").json()["blocks"] == []
