"""The upgrade of the process: a newer gateway takes over the sockets, the former drains; no connection is refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.control import ControlChannel
from gateway.supervisor.handover import Given, Giving, HandoverError, Taken
from tests.gateway.loading import Load, start_and_fail
from tests.gateway.running import running, settings_for, wait_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import until
from tests.gateway.upstream import ControlledUpstream


def upgradable(upstream: ControlledUpstream, directory: Path, **sections: Any) -> dict[str, Any]:
    document = settings_for(upstream.url, workers={"count": 2}, **sections)
    document["server"] |= {"handover_path": str(directory / "gateway.sock"), "drain_timeout_secs": 20}
    document["observability"] = {"metrics_port": 0}
    return document


def test_a_newer_process_takes_over_under_load_and_no_connection_is_refused(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    document = upgradable(upstream, tmp_path)
    with running(document, tmp_path / "old") as old, Load(old.url) as load:
        with old.client() as slow, running({**document, "workers": {"count": 3}}, tmp_path / "new") as new:
            assert slow.get("/").status_code == 200, "a connection of before"
            assert (new.url, new.ready["admin"], new.ready["metrics"]) == (
                old.url, old.ready["admin"], old.ready["metrics"],
            )  # fmt: skip
            load.keeps_flowing()
            assert old.process.wait(30) == 0, "it ends by itself, and well"
            load.keeps_flowing()
            load.stop()
            assert (load.failures, set(load.statuses)) == ([], {200})
            assert new.status()["uid"] == new.ready["uid"], "operators talk to the newer one"
            assert new.status()["replicas"] == {"desired": 3, "ready": 3}
            page = httpx.get(f"{new.ready['metrics']}/metrics", trust_env=False)
            assert page.status_code == 200
        kinds = [one["event_type"] for one in old.log_records()]
        assert kinds.index("gateway_handed_over") < kinds.index("gateway_stopped")
        assert "gateway_taken_over" in [one["event_type"] for one in new.log_records()]


def test_fewer_workers_serve_all_sockets_and_the_next_upgrade_works_too(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    document = upgradable(upstream, tmp_path)
    with running(document, tmp_path / "1") as first:
        fewer = {**document, "workers": {"count": 1}}
        with running(fewer, tmp_path / "2") as second:
            assert first.process.wait(30) == 0
            for _ in range(30):  # Connections go to either socket.
                assert httpx.get(second.url, trust_env=False).status_code == 200
            with running(document, tmp_path / "3") as third:
                assert second.process.wait(30) == 0
                for _ in range(30):
                    assert httpx.get(third.url, trust_env=False).status_code == 200
    assert not (tmp_path / "gateway.sock").exists(), "whoever stops takes its socket away"


def test_a_newer_process_that_cannot_start_has_changed_nothing(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = upgradable(upstream, tmp_path)
    with running(document, tmp_path / "old") as old, Load(old.url) as load:
        impossible = {**document, "admin": {**document["admin"], "history_path": "/proc/none/history.jsonl"}}
        assert start_and_fail(impossible, tmp_path).exit_code == 1
        load.keeps_flowing()
        assert old.process.poll() is None
        assert stat.S_IMODE((tmp_path / "gateway.sock").stat().st_mode) == 0o600, "it waits for another one"
        load.stop()
        assert (load.failures, set(load.statuses)) == ([], {200})


def test_what_was_revoked_and_kept_is_known_to_the_newer_one(upstream: ControlledUpstream, tmp_path: Path) -> None:
    section = {"jwt_secret": SECRET, "revocations": {"path": str(tmp_path / "revocations.jsonl")}}
    document = upgradable(upstream, tmp_path, auth=section)
    document["admin"]["versions_path"] = str(tmp_path / "versions")
    document["routes"][0]["auth_required"] = True
    one = token(exp=int(time.time()) + 600)
    headers = {"authorization": f"Bearer {one}"}
    with running(document, tmp_path / "old") as old:
        assert httpx.get(old.url, headers=headers, trust_env=False).status_code == 200
        old.admin.post("/api/token/revoke", json={"token": one, "client_id": "console"}).raise_for_status()
        with running(document, tmp_path / "new") as new:
            assert httpx.get(new.url, headers=headers, trust_env=False).status_code == 401
            assert old.process.wait(30) == 0
            assert new.status()["config"]["number"] == 1


def test_the_path_needs_a_restart(upstream: ControlledUpstream, tmp_path: Path) -> None:
    document = settings_for(upstream.url)
    with running(document, tmp_path) as gateway:
        document["server"]["handover_path"] = str(tmp_path / "gateway.sock")
        gateway.config_path.write_text(yaml.safe_dump(document))
        refused = gateway.admin.post("/admin/config/reload", json={"actor": "ana", "reason": ""})
        assert refused.json()["error"]["code"] == "restart_needed"
        gateway.config_path.write_text(yaml.safe_dump(settings_for(upstream.url)))
        wait_for(lambda: gateway.status()["config"]["number"] == 1, what="the file as it was")


# The two sides by themselves.


@contextlib.asynccontextmanager
async def giving(path: Path, *given: Given) -> AsyncIterator[tuple[Giving, asyncio.Event]]:
    left = asyncio.Event()

    async def leave() -> None:
        left.set()

    one = Giving(str(path), given=lambda: list(given), orders=lambda: {"of": "test"}, leave=leave)
    try:
        yield one, left
    finally:
        one.close()


async def test_sockets_of_other_places_are_not_used_and_nobody_leaves_for_one_who_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with socket.create_server(("127.0.0.1", 0)) as public, socket.create_server(("127.0.0.1", 0)) as admin:
        port = public.getsockname()[1]
        async with giving(path, ("public", 1, public), ("admin", 0, admin)) as (_, left):
            taken = await Taken.at(str(path))
            assert taken.public("127.0.0.1", port + 1) == {}
            assert taken.one("metrics", "127.0.0.1", 0) is None
            found = taken.one("admin", "127.0.0.1", 0)
            assert found is not None
            assert found.getsockname() == admin.getsockname()
            found.close()
            taken.close()
            assert taken._channel is not None
            taken._channel.close()
            again = await Taken.at(str(path))
            ((slot, sock),) = again.public("127.0.0.1", port).items()
            assert (slot, sock.getsockname()[1], left.is_set()) == (1, port, False)
            again.close()
            await again.ready()
            assert left.is_set()
            assert not path.exists()
            sock.close()


async def test_where_nobody_waits_nothing_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    assert not (await Taken.at(None)).former
    assert not (await Taken.at(str(path))).former
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))  # As a process that was killed leaves it.
    taken = await Taken.at(str(path))
    assert not taken.former
    await taken.ready()
    async with giving(path) as (_, _):
        assert (await Taken.at(str(path))).former


async def test_one_who_waits_and_does_not_hand_over_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A patch: nobody waits ten seconds for a test.
    monkeypatch.setattr("gateway.supervisor.handover._PATIENCE_SECS", 0.05)
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen(1)
        with pytest.raises(HandoverError, match="does not hand over"):
            await Taken.at(str(path))
    path.unlink()
    path.mkdir()
    assert not (await Taken.at(str(path))).former, "nobody can wait there"


async def test_a_former_one_that_dies_has_left(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        asking = asyncio.create_task(Taken.at(str(path)))
        sock, _ = await asyncio.to_thread(server.accept)
        heard: list[str] = []
        channel = ControlChannel(sock, lambda message, _: heard.append(message["type"]), lambda: None)
        await until(lambda: heard == ["take"])
        channel.send({"type": "given"})
        taken = await asking
        channel.close()
        await taken.ready()
