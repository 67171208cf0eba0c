"""The file of the standing orders: what is wrong with it is told, it is put aside, and no gateway fails to start."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.supervisor.kept_orders import KeptOrders
from gateway.supervisor.order_form import StandingOrders
from gateway.supervisor.orders_file import OrdersFile
from gateway.supervisor.standing_orders import held_by
from tests.gateway.admin_stand import AdminStand
from tests.gateway.running import running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream

_WHO = {"actor": "ana", "reason": "an attack", "expires_in_seconds": 600}


class Restarted:
    """A gateway in this process, without its start, and a file of orders beside its history."""

    def __init__(self, stand: AdminStand, history: Path) -> None:
        self.stand, self.history = stand, history
        self.file = OrdersFile(history)
        assert self.file.claim()
        self.kept = KeptOrders(stand.gateway, self.file)

    def on_loop(self, work: Callable[[], Awaitable[Any]]) -> None:
        async def done() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(done(), self.stand.loop).result(60)

    def block(self, network: str) -> None:
        with self.stand.client() as operator:
            operator.post("/admin/blocks", json={**_WHO, "network": network}).raise_for_status()
        self.on_loop(self.kept.settle)

    def orders(self) -> StandingOrders:
        return held_by(self.stand.gateway, [])

    def said(self, event_type: str) -> list[str]:
        with self.stand.client() as viewer:
            records = viewer.get("/admin/logs", params={"grep": event_type}).json()["records"]
        return [one["message"] for one in records if one["event_type"] == event_type]


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Restarted]:
    with AdminStand(tmp_path) as stand:
        yield Restarted(stand, tmp_path / "history.jsonl")


def test_each_damage_is_told_and_put_aside_and_the_next_orders_are_kept(restarted: Restarted) -> None:
    restarted.block("203.0.113.0/24")
    file, good = restarted.file, restarted.file.path.read_bytes()
    aside, newer = file.path.with_name("history.jsonl.orders.aside"), good.replace(b'"version":1', b'"version":2')
    damages: list[tuple[bytes, str]] = [
        (b"", "no file of this gateway"),
        (b"\0" * 4096, "no file of this gateway"),
        (b"{}\n{}\n", "no file of this gateway"),
        (b"[" * 100_000, "no file of this gateway"),
        (good[: len(good) // 2], "damaged, or was changed by hand"),
        (good.replace(b"203.0.113.0", b"203.0.112.0"), "damaged, or was changed by hand"),
        (newer, "damaged, or was changed by hand"),
    ]
    for number, (content, words) in enumerate(damages, 1):
        file.path.write_bytes(content)
        restarted.on_loop(restarted.kept.begin)
        told = restarted.said("orders_lost")
        assert len(told) == number
        assert any(words in one for one in told), (words, told)
        assert aside.read_bytes() == content
        assert not file.path.exists()
    restarted.block("198.51.100.0/24")
    assert [one.name for one in file.read().networks] == ["203.0.113.0/24", "198.51.100.0/24"]  # type: ignore[union-attr]


def test_what_is_no_file_at_all_is_put_aside_or_told(restarted: Restarted) -> None:
    path, aside = restarted.file.path, restarted.file.path.with_name("history.jsonl.orders.aside")
    os.mkfifo(path)
    restarted.on_loop(restarted.kept.begin)
    assert aside.is_fifo()
    path.mkdir()
    restarted.on_loop(restarted.kept.begin)
    assert any("it cannot be put aside" in one for one in restarted.said("orders_lost"))
    aside.unlink()
    restarted.on_loop(restarted.kept.begin)
    assert aside.is_dir()
    restarted.block("203.0.113.0/24")
    assert restarted.kept.kept


def test_a_form_of_a_later_version_is_put_aside_with_the_reason(restarted: Restarted) -> None:
    later = restarted.orders().model_copy(update={"version": 2})
    restarted.file.write(later)
    restarted.on_loop(restarted.kept.begin)
    assert "version: Input should be 1" in restarted.said("orders_lost")[0]


def test_what_has_expired_while_it_was_down_is_over_and_in_the_history(restarted: Restarted) -> None:
    restarted.block("203.0.113.0/24")
    restarted.block("198.51.100.0/24")
    orders = restarted.orders()
    over, holds = orders.networks
    orders.networks[0] = replace(over, expires_at=time.time() - 1)
    restarted.file.write(orders)
    restarted.on_loop(restarted.kept.begin)
    assert restarted.stand.gateway.blocks.active() == [holds]
    change = restarted.stand.history()[0]
    assert change["after"] == {"networks": [holds.id], "expired": [over.id]}
    assert (change["kind"], change["actor"]) == ("orders_carried_over", "gateway")


def test_they_hold_also_where_the_history_cannot_be_written(restarted: Restarted, tmp_path: Path) -> None:
    restarted.block("203.0.113.0/24")
    gateway = restarted.stand.gateway
    with restarted.stand.client() as operator:
        said = {**_WHO, "changes": {"logging.level": "DEBUG"}}
        made = operator.post("/admin/config/overrides", json=said).raise_for_status().json()
        restarted.file.write(restarted.orders())
        operator.delete(f"/admin/config/overrides/{made['id']}").raise_for_status()
    gateway.history._path = tmp_path  # A directory is no file to write into.
    restarted.on_loop(restarted.kept.begin)
    assert len(gateway.blocks.active()) == 1
    assert [one.id for one in gateway.configurations.overrides] == [made["id"]]
    assert len(restarted.said("not_recorded")) == 1


def test_more_workers_than_configured_are_not_tried_for_ever(restarted: Restarted) -> None:
    """They may be what the machine has no room for: then whoever started them is killed each time."""
    orders = restarted.orders()
    orders.workers.desired = 3
    restarted.file.write(orders)
    gateway, workers = restarted.stand.gateway, []
    for _ in range(4):
        gateway.fleet.desired = 0  # As before its workers are started.
        restarted.on_loop(KeptOrders(gateway, restarted.file).begin)
        workers.append(gateway.workers_at_start)
    assert workers == [3, 3, 3, 1]
    assert "3 starts with 3 workers in a row did not last a minute" in restarted.said("orders_lost")[0]
    gateway.fleet.desired = 3
    restarted.on_loop(restarted.kept.release)
    again = OrdersFile(restarted.history)
    assert again.read() is not None
    assert again.starts == 0, "it has ended well"


def test_a_half_written_file_beside_it_is_of_no_matter(restarted: Restarted) -> None:
    restarted.block("203.0.113.0/24")
    restarted.file.path.with_name("history.jsonl.orders.new").write_bytes(b'{"form":')
    restarted.on_loop(restarted.kept.begin)
    assert restarted.said("orders_lost") == []
    restarted.block("198.51.100.0/24")
    found = restarted.file.read()
    assert found is not None
    assert len(found.networks) == 2


def test_a_disk_that_takes_nothing_is_told_once_and_what_is_ordered_meanwhile_is_written_later(
    restarted: Restarted,
) -> None:
    in_the_way = restarted.file.path.with_name("history.jsonl.orders.new")
    in_the_way.mkdir()
    restarted.block("203.0.113.0/24")
    restarted.block("198.51.100.0/24")
    (told,) = restarted.said("orders_not_kept")
    assert "does not outlive the gateway: IsADirectoryError" in told
    assert not restarted.kept.kept
    in_the_way.rmdir()
    restarted.on_loop(restarted.kept.settle)
    assert restarted.kept.kept
    assert len(restarted.said("orders_kept")) == 1
    found = restarted.file.read()
    assert found is not None
    assert len(found.networks) == 2


def test_orders_at_once_are_in_the_file_when_each_is_answered(restarted: Restarted) -> None:
    blocks = restarted.stand.gateway.blocks

    async def one(number: int) -> None:
        name = f"10.0.0.{number}/32"
        blocks.block(name, expires_in_seconds=600, actor="ana", reason="")
        await restarted.kept.settle()
        found = await asyncio.to_thread(restarted.file.read)
        assert found is not None
        assert name in [block.name for block in found.networks]

    restarted.on_loop(lambda: asyncio.gather(*(one(number) for number in range(30))))


def test_a_newer_process_catches_up_with_what_is_newer_than_what_it_was_told(restarted: Restarted) -> None:
    told = restarted.orders()
    restarted.block("203.0.113.0/24")
    newer = restarted.orders()
    for revision, held in ((told.revision - 1, []), (newer.revision, newer.networks)):
        restarted.stand.gateway.blocks.restore([])
        restarted.file.write(newer.model_copy(update={"revision": revision}))
        restarted.on_loop(lambda: restarted.kept.catch_up(told.model_dump(mode="json")))
        assert restarted.stand.gateway.blocks.active() == held
    restarted.file.path.write_bytes(b"")
    restarted.on_loop(lambda: restarted.kept.catch_up(told.model_dump(mode="json")))
    assert restarted.stand.gateway.blocks.active() == newer.networks
    assert "what the former gateway was ordered at last is not known" in restarted.said("orders_lost")[0]


def test_where_no_file_can_be_the_gateway_runs_and_says_so(restarted: Restarted, tmp_path: Path) -> None:
    elsewhere = OrdersFile(tmp_path / "elsewhere.jsonl")
    (tmp_path / "elsewhere.jsonl.orders.lock").mkdir()
    assert not elsewhere.claim()
    kept = KeptOrders(restarted.stand.gateway, elsewhere)
    restarted.on_loop(kept.begin)
    restarted.on_loop(kept.settle)
    (told,) = restarted.said("orders_not_kept")
    assert "elsewhere.jsonl.orders cannot be written: [Errno 21] Is a directory" in told


def test_nothing_is_written_once_it_is_the_next_ones(restarted: Restarted) -> None:
    restarted.block("203.0.113.0/24")
    restarted.on_loop(restarted.kept.release)
    before = restarted.file.path.read_bytes()
    next_one = OrdersFile(restarted.history)
    assert next_one.claim()
    restarted.block("198.51.100.0/24")
    assert restarted.file.path.read_bytes() == before
    assert not restarted.kept.kept
    next_one.release()


def test_a_second_gateway_beside_the_same_history_leaves_the_file_alone_and_says_so(
    upstream: ControlledUpstream, restarted: Restarted
) -> None:
    restarted.block("203.0.113.0/24")
    before = restarted.file.path.read_bytes()
    document = settings_for(upstream.url, admin={"history_path": str(restarted.history)}, auth={"jwt_secret": "s" * 64})
    with running(document, restarted.history.parent / "second") as second:
        assert second.admin.get("/admin/blocks").json() == {"blocks": []}
        second.admin.post("/admin/blocks", json={**_WHO, "network": "198.51.100.0/24"}).raise_for_status()
        assert not second.status()["orders_kept"]
        (told,) = [one["message"] for one in second.log_records() if one["event_type"] == "orders_not_kept"]
        assert "another gateway has its orders in" in told
        with second.client() as client:
            assert client.get("/").status_code == 200
    assert restarted.file.path.read_bytes() == before
    assert not restarted.history.with_name("history.jsonl.revocations").exists()


def test_where_there_is_no_history_nothing_is_kept_and_that_is_said_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stand = stack.enter_context(AdminStand(tmp_path))
        kept = KeptOrders(stand.gateway, None)
        asyncio.run_coroutine_threadsafe(kept.begin(), stand.loop).result(60)
        viewer = stack.enter_context(stand.client())
        wait_for(lambda: "orders_not_kept" in viewer.get("/admin/logs").text, what="the word")
        assert viewer.get("/admin/status").json()["orders_kept"] is False
        assert [path.name for path in tmp_path.iterdir()] == ["gateway.yaml"]
