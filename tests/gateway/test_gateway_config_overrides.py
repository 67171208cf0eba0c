"""Single keys of the configuration, changed for a while, and how keys are named and compared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_diff import differences, told
from gateway.config_patch import patched
from gateway.sections import FOR_WORKERS
from gateway.settings import Settings
from gateway.supervisor.config_overrides import MAX_OVERRIDES, drafted
from gateway.supervisor.configurations import ConfigRefusedError
from gateway.supervisor.operations import OutOfLimitsError
from tests.gateway.configuring import Stand
from tests.gateway.running import settings_for


def told_of(stand: Stand) -> list[str]:
    return [change[1] for change in stand.recorded]


async def test_keys_are_changed_for_a_while_and_come_back(stand: Stand) -> None:
    soon = drafted({"server.request_timeout_secs": 5}, 600, "ana", "a slow client")
    later = drafted({"routes.limited.rate_limit": {"limit": 9, "window_secs": 60}}, 600, "ben", "a flood")
    done = await stand.all.override(soon)
    assert (done["cause"], done["number"], stand.workers.holding) == ("override", 2, (2, 5))
    await stand.all.override(later)
    stand.write(20)
    await stand.all.reload("ana", "")
    assert stand.workers.holding == (4, 5), "an override stands above the file"
    limits = stand.all.current.settings.routes[1].rate_limit or ()
    assert [one.limit for one in limits] == [9]
    assert stand.all.check() == []
    back = await stand.all.undo(soon, "ana", "it is gone")
    assert (back["cause"], stand.workers.holding) == ("override_undone", (5, 20))
    await stand.all.rollback(1, "ana", "")
    assert stand.workers.holding == (6, 30)
    assert stand.all.current.settings.routes[1].rate_limit, "what is overridden goes on over a rollback, too"
    assert [one.id for one in stand.all.overrides] == [later.id]
    assert told_of(stand) == ["ana", "ben", "ana", "ana", "ana"]


async def test_an_override_expires_by_itself_and_the_newest_goes_first(stand: Stand) -> None:
    await stand.all.override(drafted({"server.request_timeout_secs": 5}, 600, "ana", ""))
    await stand.all.override(drafted({"server.request_timeout_secs": 6}, -1, "ana", ""))
    assert stand.workers.holding == (3, 6)
    stand.workers.problems = ["no file of that name"]
    assert not await stand.all.expire()
    assert stand.workers.holding == (3, 6), "a worker cannot go by it, so it is tried again"
    stand.workers.problems = []
    stand.disk_is_full = True
    assert await stand.all.expire()
    assert "has expired, which cannot be recorded: no space left" in stand.told[-2][1]
    assert (stand.workers.holding, stand.all.current.occasion.cause) == ((4, 5), "override_expired")
    await stand.all.expire()
    assert stand.all.current.number == 4


async def test_what_was_overridden_elsewhere_holds_also_on_a_full_disk(stand: Stand) -> None:
    stand.disk_is_full = True
    made = drafted({"server.request_timeout_secs": 5}, 600, "ana", "")
    await stand.all.take_over([made], "carried over from before the restart")
    assert (stand.all.overrides, stand.workers.holding) == ([made], (2, 5))
    assert ("unrecorded", "carried over from before the restart, which cannot be recorded: no space left") in stand.told
    with pytest.raises(OSError, match="no space left"):
        await stand.all.undo(made, "gateway", "who is called so is no other")


async def test_an_override_of_what_is_gone_is_over(stand: Stand) -> None:
    await stand.all.override(drafted({"routes.limited.enabled": False}, 600, "ana", ""))
    document = yaml.safe_load(stand.path.read_text())
    del document["routes"][1]
    stand.path.write_text(yaml.safe_dump(document))
    await stand.all.reload("ana", "")
    assert stand.all.overrides == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"routes.nowhere.enabled": False}, "no such key; known here: default, limited, stripped"),
        ({"logging.level": "LOUD"}, "the override: logging.level: 'LOUD' is not allowed"),
        ({"logging.lvel": "DEBUG"}, "no such key"),
        ({"logging": {"lvel": "DEBUG"}}, "unknown key"),
        ({"admin.token": "another-token"}, "cannot be overridden"),
        ({"auth": {"jwt_secret": "x"}}, "cannot be overridden"),
        ({"maintenance": {"bypass_token": "x"}}, "cannot be overridden"),
        ({"server.port": 1}, "restart it: server.port"),
    ],
)
async def test_what_cannot_be_overridden_is_refused(stand: Stand, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigRefusedError) as caught:
        await stand.all.override(drafted(changes, 600, "ana", ""))
    assert said in str(caught.value)
    assert (stand.all.overrides, stand.workers.holding, "another-token" in str(caught.value)) == ([], (1, 30), False)


async def test_there_is_an_end_to_overrides(stand: Stand) -> None:
    stand.all.overrides = [drafted({}, 600, "ana", "")] * MAX_OVERRIDES
    with pytest.raises(OutOfLimitsError, match="overrides already"):
        await stand.all.override(drafted({"logging.level": "DEBUG"}, 600, "ana", ""))


def test_ids_with_dots_and_entries_of_lists_are_told_apart(tmp_path: Path) -> None:
    document = settings_for("http://a")
    document["upstreams"][0]["id"] = "back.end"
    for route in document["routes"]:
        route["upstream_id"] = "back.end"
    before = Settings.model_validate(document)
    document["upstreams"][0]["timeout_secs"] = 7
    document["rate_limiting"] = {"default_limit": {"limit": 1, "window_secs": 2}}
    after = Settings.model_validate(document)
    limit = {"limit": 1, "window_secs": 2, "algorithm": "token_bucket", "key_type": "ip"}
    assert [told(one) for one in differences(before, after)] == [
        f"rate_limiting.default_limit: None -> {[limit]}", "upstreams.back.end.timeout_secs: 30.0 -> 7.0",
    ]  # fmt: skip
    back = patched(after, {"upstreams.back.end.timeout_secs": 30, "rate_limiting.default_limit": None})
    assert differences(before, back) == []
    written = before.model_dump(mode="json", context=FOR_WORKERS)
    written["admin"]["token"] = "another-token"
    found = differences(before, Settings.model_validate(written))
    assert [told(one) for one in found] == ["admin.token: another secret"]


async def test_overrides_that_are_made_and_undone_at_once_lose_none(stand: Stand) -> None:
    """While one is prepared by the workers the others wait, and go on from what holds then."""

    async def takes_a_moment() -> None:
        await asyncio.sleep(0)

    stand.workers.before_prepared = takes_a_moment
    keys = ("request_timeout_secs", "header_timeout_secs", "connection_timeout_secs", "drain_timeout_secs")
    made = [drafted({f"server.{key}": 7}, 600, "ana", "") for key in keys]
    await asyncio.gather(*(stand.all.override(one) for one in made), stand.all.reload("ben", ""))
    assert stand.all.overrides == made
    settings = stand.all.current.settings.server
    assert [getattr(settings, key) for key in keys] == [7, 7, 7, 7]
    another = drafted({"server.max_connections": 9}, 600, "ana", "")
    await asyncio.gather(
        stand.all.undo(made[0], "ana", ""), stand.all.override(another), stand.all.undo(made[2], "ana", "")
    )
    assert stand.all.overrides == [made[1], made[3], another]


async def test_there_are_so_many_overrides_and_no_more_also_at_once(stand: Stand) -> None:
    many = [drafted({"server.max_connections": number}, 600, "ana", "") for number in range(1, MAX_OVERRIDES)]
    stand.all.overrides = many
    two = [drafted({"server.max_connections": number}, 600, "ana", "") for number in (7000, 8000)]
    ended = await asyncio.gather(*(stand.all.override(one) for one in two), return_exceptions=True)
    assert [type(one) for one in ended] == [dict, OutOfLimitsError]
