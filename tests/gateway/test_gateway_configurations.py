"""The configurations of a run: loaded, refused, rolled back, told apart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

from gateway.supervisor import configurations
from gateway.supervisor.config_versions import KEPT
from gateway.supervisor.configurations import ConfigRefusedError, RestartNeededError, UnknownVersionError
from gateway.supervisor.operations import ConflictError
from tests.gateway.configuring import Stand
from tests.gateway.running import TOKEN


async def test_a_good_one_is_loaded_recorded_and_numbered(stand: Stand) -> None:
    first = stand.all.current
    stand.write(7)
    done = await stand.all.reload("ana", "shorter")
    assert (done["result"], done["number"], done["actor"], done["reason"]) == ("loaded", 2, "ana", "shorter")
    change = {"key": "server.request_timeout_secs", "before": 30.0, "after": 7.0}
    assert done["changes"] == [change]
    assert stand.workers.holding == (2, 7)
    kind, actor, reason, before, after = stand.recorded.pop()
    assert (kind, actor, reason) == ("config_changed", "ana", "shorter")
    assert before == {"number": 1, "version": first.hash}
    assert (after["number"], after["changes"]) == (2, {"server.request_timeout_secs": [30.0, 7.0]})
    again = await stand.all.reload("ana", "once more")
    assert (again["result"], again["number"], stand.recorded) == ("unchanged", 2, [])
    assert stand.all.counts == {"loaded": 1, "unchanged": 1}
    assert stand.told[0][0] == "loaded"
    assert "Configuration 2" in stand.told[0][1]


async def test_a_bad_one_changes_nothing_and_is_told(stand: Stand) -> None:
    stand.write(server={"prot": 1})
    with pytest.raises(ConfigRefusedError, match=r"server\.prot: unknown key"):
        await stand.all.reload("ana", "")
    assert (stand.workers.holding, stand.recorded, stand.all.counts) == ((1, 30), [], {"refused": 1})
    error = stand.all.last_error
    assert error is not None
    assert ("server.prot" in error["message"], error["actor"], error["cause"]) == (True, "ana", "admin")
    assert "number 1 goes on" in stand.told[-1][1]
    stand.write(30)
    await stand.all.noticed("file", "file")
    assert stand.all.last_error is None, "the file is good again"
    assert stand.all.counts["unchanged"] == 1


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"server": {"port": 8081}}, "server.port (0 -> 8081)"),
        ({"server": {"bind_address": "0.0.0.0"}}, "server.bind_address"),
        ({"workers": {"count": 2}}, "workers.count (1 -> 2)"),
        ({"admin": {"port": 1}}, "admin.port"),
        ({"observability": {"metrics_port": 9}}, "observability.metrics_port"),
        ({"auth": {"revocations": {"path": "x"}}}, "auth.revocations.path"),
        ({"reload": {"watch": False}}, "reload.watch"),
    ],
)
async def test_what_needs_a_restart_is_refused_and_says_so(stand: Stand, changed: dict[str, Any], key: str) -> None:
    stand.write(7, **changed)
    with pytest.raises(RestartNeededError, match="restart it") as caught:
        await stand.all.reload("ana", "")
    assert key in str(caught.value)
    assert stand.workers.holding == (1, 30)
    with pytest.raises(RestartNeededError):
        stand.all.check()


async def test_what_a_worker_or_the_disk_refuses_is_not_done(stand: Stand) -> None:
    stand.write(7)
    stand.workers.problems = ["ValueError: no such certificate"]
    with pytest.raises(ConfigRefusedError, match="no such certificate"):
        await stand.all.reload("ana", "")
    stand.workers.problems, stand.disk_is_full = [], True
    with pytest.raises(OSError, match="no space"):
        await stand.all.reload("ana", "")
    assert (stand.workers.holding, stand.workers.discarded, stand.all.current.number) == ((1, 30), 2, 1)
    stand.disk_is_full = False
    await stand.all.reload("ana", "")
    assert stand.workers.holding == (2, 7)


async def test_back_to_any_version_and_what_differs(stand: Stand) -> None:
    for timeout in (7, 8):
        stand.write(timeout)
        await stand.all.reload("ana", f"{timeout} s")
    done = await stand.all.rollback(1, "ben", "too short")
    assert (done["number"], done["rolled_back_to"], done["cause"], stand.workers.holding) == (4, 1, "rollback", (4, 30))
    assert done["version"] == stand.all.version(1).hash
    found = [(one.before, one.after) for one in stand.all.differences(2, 3)]
    assert found == [(7.0, 8.0)]
    assert stand.all.differences(1, 4) == []
    assert [one.number for one in stand.all.versions()] == [4, 3, 2, 1]
    with pytest.raises(UnknownVersionError, match="kept are 1 to 4"):
        await stand.all.rollback(9, "ben", "")
    with pytest.raises(ConflictError, match="expected configuration 3, found 4"):
        await stand.all.rollback(2, "ben", "", expected=3)
    [back] = stand.all.check()
    assert (back.before, back.after) == (30.0, 8.0), "the file is as it was"
    await stand.all.reload("ben", "")
    assert stand.workers.holding == (5, 8)


async def test_the_last_ones_are_kept(stand: Stand) -> None:
    stand.write(7)
    await stand.all.reload("ana", "")
    for number in range(1, KEPT):
        await stand.all.rollback(number, "ana", "")
    assert len(stand.all.versions()) == KEPT
    with pytest.raises(UnknownVersionError):
        stand.all.version(1)


async def test_another_secret_is_a_change_that_is_not_shown(stand: Stand) -> None:
    stand.write(30, admin={"token": "another-token"})
    done = await stand.all.reload("ana", "rotation")
    assert done["changes"] == [{"key": "admin.token", "before": "********", "after": "********"}]
    assert stand.all.current.settings.admin.token.get_secret_value() == "another-token"
    assert not [text for text in (repr(done), repr(stand.recorded), repr(stand.told)) if "another-token" in text]
    assert TOKEN not in repr(stand.recorded)


async def test_routes_in_another_order_are_another_configuration(stand: Stand) -> None:
    document = yaml.safe_load(stand.path.read_text())
    document["routes"].reverse()
    stand.path.write_text(yaml.safe_dump(document))
    done = await stand.all.reload("ana", "")
    assert (done["result"], done["changes"]) == ("loaded", [])


async def test_of_several_at_a_time_the_others_wait(stand: Stand) -> None:
    under_way, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        under_way.set()
        await gate.wait()

    stand.workers.before_prepared = wait
    stand.write(7)
    first = asyncio.create_task(stand.all.reload("ana", ""))
    await under_way.wait()
    second = asyncio.create_task(stand.all.rollback(1, "ben", ""))
    stand.write(8)
    await stand.all.noticed("signal", "signal")
    gate.set()
    assert (await first)["number"] == 2
    assert (await second)["rolled_back_to"] == 1
    assert {one.occasion.cause for one in stand.all.versions()} == {"start", "admin", "signal", "rollback"}


async def test_one_that_hangs_holds_up_the_others_for_a_while_only(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configurations, "_WAIT_SECS", 0.01)  # A test need not wait for as long as an operator may.
    under_way = asyncio.Event()

    async def hang() -> None:
        under_way.set()
        await asyncio.Event().wait()

    stand.workers.before_prepared = hang
    stand.write(7)
    first = asyncio.create_task(stand.all.reload("ana", ""))
    await under_way.wait()
    with pytest.raises(ConflictError, match="being loaded"):
        await stand.all.reload("ben", "")
    first.cancel()
