"""The gateway is upgraded while orders from chat hold: they are still there, and are taken back as before."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.gateway.running import running
from tests.scenario.steering import done, gateway_process, steered


async def test_what_was_ordered_before_an_upgrade_holds_and_is_undone_after_it(sqlite_url: str, tmp_path: Path) -> None:
    handover = {"handover_path": str(tmp_path / "gateway.sock")}
    with gateway_process(tmp_path / "old", server=handover) as process:
        async with steered(process, sqlite_url) as here:
            assert done(await here.runs("/gw drain backend blue for 30m")).startswith("Done: Drain blue")
            with running(yaml.safe_load(process.config_path.read_text()), tmp_path / "new") as newer:
                assert process.process.wait(60) == 0
                assert newer.ready["admin"] == process.ready["admin"]
                assert "1 order above the settings of gateway" in await here.says("/gw overrides")
                shown = done(await here.runs("/gw undo"))
                assert shown.splitlines()[0].startswith("Done: Undo: ")
                assert newer.admin.get("/admin/upstreams/overrides").json()["overrides"] == []
