"""Clients that operators keep out for a while, wherever they ask from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from gateway.policies.blocked_clients import BlockedClients
from tests.gateway.admin_stand import AdminStand, document_for
from tests.gateway.one_worker import OneWorker, one_worker
from tests.gateway.running import settings_for, wait_for
from tests.gateway.signing import API_KEY, SECRET, api_key_entry, token
from tests.gateway.upstream import ControlledUpstream

ASKED = {"client": "batch", "expires_in_seconds": 600, "actor": "ana", "reason": "it asks too much"}


def document(base_url: str, **server: Any) -> dict[str, Any]:
    made = settings_for(base_url, auth={"jwt_secret": SECRET, "api_keys": [api_key_entry()]}, server=server)
    made["routes"][0]["auth_required"] = True
    return made


async def statuses(worker: OneWorker) -> list[int]:
    """What a client with an API key, one with a token, and anybody on an open route are answered."""
    async with worker.caller() as caller:
        key = await caller.get("/", x_api_key=API_KEY)
        other = await caller.get("/", authorization=f"Bearer {token()}")
        return [key.status, other.status, (await caller.get("/limited", x_api_key=API_KEY)).status]


async def test_a_blocked_client_is_refused_where_it_is_known_and_nobody_else(
    shared_upstream: ControlledUpstream,
) -> None:
    async with one_worker(document(shared_upstream.url)) as worker:
        assert await statuses(worker) == [200, 200, 200]
        worker.tell("client_blocks", until={"batch": 4e9})
        await worker.report()
        assert await statuses(worker) == [403, 200, 200]
        async with worker.caller() as caller:
            assert (await caller.get("/", x_api_key=API_KEY)).json()["error"] == "client_blocked"
            assert (await caller.get("/", x_api_key="another")).status == 401, "who is nobody is not blocked"
        await worker.reload(document(shared_upstream.url, request_timeout_secs=29))
        assert await statuses(worker) == [403, 200, 200], "a reload keeps it"
        worker.tell("client_blocks", until={"batch": 1.0})
        while (await statuses(worker))[0] != 200:
            continue


def test_a_block_of_a_client_ends_by_itself() -> None:
    now = [1000.0]
    clients = BlockedClients(now=lambda: now[0])
    clients.until = {"batch": 1060.0, "console": 2000.0}
    assert not clients.have_expired()
    now[0] = 1060.0
    assert (clients.have_expired(), clients.have_expired(), clients.until) == (True, False, {"console": 2000.0})


def test_an_operator_blocks_a_client_in_all_workers(tmp_path: Path) -> None:
    made = document_for()
    made["routes"][0]["auth_required"] = True
    made["workers"] |= {"count": 2}
    with AdminStand(tmp_path, made) as stand, stand.client("operator") as operator:
        blocked = operator.post("/admin/blocks/clients", json=ASKED)
        assert (blocked.status_code, blocked.json()["client"]) == (201, "batch")
        again = operator.post("/admin/blocks/clients", json={**ASKED, "expires_in_seconds": 60})
        assert operator.get("/admin/blocks/clients").json() == {"blocks": [again.json()]}, "the newer one holds"
        assert operator.get("/admin/blocks").json() == {"blocks": []}

        def asked() -> set[int]:
            return {
                httpx.get(stand.gateway.listeners.url, headers={"x-api-key": API_KEY}, trust_env=False).status_code
                for _ in range(8)
            }

        wait_for(lambda: asked() == {403}, what="the block in all workers")
        assert operator.delete(f"/admin/blocks/clients/{blocked.json()['id']}").status_code == 404
        assert operator.delete(f"/admin/blocks/clients/{again.json()['id']}").status_code == 204
        wait_for(lambda: 403 not in asked(), what="the end of the block")
