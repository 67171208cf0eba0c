"""Configurations of a real gateway: which one holds, what differs, and the way back."""

from __future__ import annotations

import yaml

from tests.scenario.stage import golden, transcript
from tests.scenario.steering import Steered, timeless


def slow_log(here: Steered, milliseconds: int) -> None:
    """Somebody changes the file, and has it loaded."""
    document = yaml.safe_load(here.process.config_path.read_text())
    document["logging"] = {"slow_request_ms": milliseconds}
    here.process.config_path.write_text(yaml.safe_dump(document))
    reload = {"actor": "zoe", "reason": f"slow is {milliseconds} ms"}
    here.process.admin.post("/admin/config/reload", json=reload).raise_for_status()


@transcript("/gw config versions", "/gw config diff", "/gw config rollback")
async def test_an_earlier_configuration_holds_again(here: Steered) -> None:
    first = here.ask("/admin/config")["number"]
    slow_log(here, 50)
    slow = here.ask("/admin/config")["number"]
    versions = timeless(await here.says("/gw config versions --limit 2"))
    assert versions.splitlines()[0] == f"Configuration {slow} of gateway holds"
    assert "slow is 50 ms" in versions
    assert f"What is new: /gw config diff {first} · to go back: /gw config rollback {first}" in versions
    assert await here.says(f"/gw config diff {first}") == golden(f"""
        Configuration {slow} of gateway against {first}
          | -logging.slow_request_ms: 1000.0
          | +logging.slow_request_ms: 50.0
          (To go back to it: /gw config rollback {first})
        """)
    said = timeless(await here.says(f"/gw config rollback {first}"))
    assert said.splitlines()[0] == f"Have configuration {first} of gateway hold again, in place of {slow}?"
    assert f"Now: {slow}, admin by zoe … ago: slow is 50 ms" in said
    assert "| -logging.slow_request_ms: 50.0" in said
    await here.says("/deny")
    shown = await here.runs(f"/gw config rollback {first}")
    assert f"Configuration {slow + 1} holds in 1 of 1 worker; " in shown
    assert here.ask("/admin/config")["config"]["logging"]["slow_request_ms"] == 1000
    assert f"Configuration {slow + 2} holds in 1 of 1 worker; " in await here.runs("/gw undo")
    assert here.ask("/admin/config")["config"]["logging"]["slow_request_ms"] == 50


async def test_what_is_no_way_back_is_refused(here: Steered) -> None:
    now = here.ask("/admin/config")["number"]
    assert (await here.says(f"/gw config rollback {now}")).startswith(f"Configuration {now} holds already.")
    assert (await here.says("/gw config rollback 999")).startswith(
        "There is no configuration 999 of gateway any more, or not yet."
    )
    assert (await here.says("/gw config rollback 0")).startswith("There is no configuration 0.")
    assert (await here.says("/gw config diff 998 999")).startswith(
        "There is no configuration 998 of gateway any more, or not yet."
    )
    here.order("/admin/config/overrides", changes={"logging.level": "DEBUG"})
    said = await here.says(f"/gw config rollback {now}")
    assert said.startswith(f"Configuration {now} does not differ from {now + 1}, but for what is overridden.")
    slow_log(here, 70)
    for override in here.ask("/admin/config/overrides")["overrides"]:
        here.process.admin.delete(f"/admin/config/overrides/{override['id']}").raise_for_status()
    said = await here.says(f"/gw config rollback {now + 1}")
    assert f"Configuration {now + 1} is " in said
    assert " with single keys overridden for a while." in said


async def test_a_configuration_that_was_refused_is_told(here: Steered) -> None:
    kept = here.process.config_path.read_text()
    here.process.config_path.write_text(f"{kept}nonsense: 1\n")
    here.process.admin.post("/admin/config/reload", json={"actor": "zoe", "reason": "a slip"})
    said = timeless(await here.says("/gw config versions"))
    shown = timeless(await here.says("/gw config"))
    here.process.config_path.write_text(kept)
    here.process.admin.post("/admin/config/reload", json={"actor": "zoe"}).raise_for_status()
    assert "The last one was refused at " in said
    assert "asked for by zoe: " in said
    assert "nonsense" in said
    assert "  Number: " in shown
    assert "  Refused: " in shown
    assert "Those before it: /gw config versions" in shown


async def test_a_plan_is_void_where_another_configuration_has_come(here: Steered) -> None:
    slow_log(here, 90)
    now = here.ask("/admin/config")["number"]
    receipt = await here.bot.command("ben", "general", f"/gw config rollback {now - 1}")
    slow_log(here, 95)
    await here.bot.press("ben", receipt.reply_key, "Confirm")
    assert (await here.bot.settled()).detail.startswith(
        f"the target changed since it was planned (configuration {now} → {now + 1})"
    )


async def test_who_would_be_let_in_again_is_said_before(here: Steered) -> None:
    first = here.ask("/admin/config")["number"]
    document = yaml.safe_load(here.process.config_path.read_text())
    document["ip_filter"] = {"deny": ["192.0.2.0/24"]}
    here.process.config_path.write_text(yaml.safe_dump(document))
    here.process.admin.post("/admin/config/reload", json={"actor": "zoe"}).raise_for_status()
    said = await here.says(f"/gw config rollback {first}")
    assert "Careful: it changes who is let in: ip_filter.deny" in said
    await here.says("/deny")
    slow_log(here, 60)
    assert "Careful" not in await here.says(f"/gw config rollback {first + 1}")
