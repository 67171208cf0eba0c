"""Tokens and clients at the admin API (runbook 000): looked at, revoked and reset, in every worker and for good."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.admin.auth import BearerToken
from gateway.admin.credentials import credential_routes
from gateway.admin.settings import AdminSettings
from gateway.auth.credentials import token_id
from gateway.auth.settings import AuthSettings, RevocationSettings
from gateway.supervisor.callers import Refusals
from gateway.supervisor.credentials import Credentials, UnknownClientError, UnrecordedError
from gateway.supervisor.operations import OutOfLimitsError
from gateway.supervisor.revocation_registry import ClientReset, RevocationRegistry, RevokedToken
from gateway.supervisor.shared_revocations import SharedRevocations
from tests.gateway.running import RunningGateway, kill_worker, running, settings_for, wait_for
from tests.gateway.signing import API_KEY, SECRET, api_key_entry, claims, forged, token
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import valkey


class Desk:
    """Operators' side without workers: what they would be told, and what the history says."""

    def __init__(self, path: Path | None = None, most: int = 100) -> None:
        self.told: list[dict[str, Any]] = []
        self.recorded: list[tuple[Any, ...]] = []
        self.history_is_full = False
        self.registry = RevocationRegistry(path, most, time.time)
        section = {"jwt_secret": SECRET, "api_keys": [api_key_entry()], "revocations": {"max_kept": most}}
        settings = AuthSettings.model_validate(section)
        self.credentials = Credentials(settings, self.registry, record=self._record, ask=self._ask)

    def _record(self, *change: Any) -> None:
        if self.history_is_full:
            raise OSError(28, "No space left on device")
        self.recorded.append(change)

    async def _ask(self, message: dict[str, Any]) -> list[Any]:
        self.told.append(message)
        return [None, None]

    async def revoked(self, one: str, client_id: str = "console") -> dict[str, Any]:
        return await self.credentials.revoke_token(one, client_id, "ana", "leaked")


async def test_a_token_is_revoked_until_its_end_and_only_once() -> None:
    desk, one = Desk(), token()
    done = await desk.revoked(one)
    assert (done["revoked"], done["workers"], done["id"]) == (True, 2, token_id(one.encode()))
    assert list(desk.told[0]["tokens"]) == [done["id"]]
    assert desk.recorded[0][:3] == ("token_revoked", "ana", "leaked")
    assert (await desk.revoked(one))["revoked"]
    assert (await desk.revoked(token(exp=1)))["revoked"], "it is believed by nobody anyway"
    assert len(desk.told) == len(desk.recorded) == 1
    assert one not in str(desk.recorded)
    found = await desk.credentials.inspected(done["id"])
    assert found is not None
    assert (found["active"], found["revoked"], found["client_id"]) == (False, True, "console")
    assert await desk.credentials.inspected("never-seen") is None


NO_TOKENS = [
    "x", "a.b.c", forged({}, ["list"]), forged({}, {}), forged({}, {"exp": float("nan")}), ".." * 50,
    forged({}, claims(client_id="bad\ud800")),
]  # fmt: skip


@pytest.mark.parametrize("wrong", NO_TOKENS)
async def test_what_is_no_token_is_refused(wrong: str) -> None:
    desk = Desk()
    with pytest.raises(OutOfLimitsError, match="no token with an end"):
        await desk.revoked(wrong)
    assert desk.told == []


async def test_a_token_of_another_client_is_not_revoked() -> None:
    desk = Desk()
    with pytest.raises(OutOfLimitsError, match="not of client 'portal'"):
        await desk.revoked(token(), "portal")
    assert (await desk.revoked(token(client_id=None), "ana"))["revoked"], "its subject stands for its client"


async def test_what_is_forged_revokes_nothing_of_anybody() -> None:
    desk, good = Desk(), token(jti="theirs")
    done = await desk.revoked(forged({"alg": "HS256"}, claims(jti="theirs", exp=10**400)))
    assert done["id"] != token_id(good.encode())


async def test_a_key_is_revoked_by_itself_or_with_its_client() -> None:
    desk = Desk()
    done = await desk.revoked(API_KEY, "batch")
    assert (done["id"], done["expires_at"][:4]) == (api_key_entry()["sha256"], "9999")
    inspected = await desk.credentials.inspected("batch-1")
    assert inspected is not None
    assert (inspected["active"], inspected["client_id"], inspected["roles"]) == (False, "batch", ["writer"])

    desk = Desk()
    first = await desk.credentials.reset_secret("batch", "ana", "")
    second = await desk.credentials.reset_secret("batch", "ana", "")
    assert first["api_key"] != second["api_key"]
    assert (first["keys_revoked"], second["keys_revoked"]) == (1, 1)
    assert second["header"] == "x-api-key"
    reset = desk.told[-1]["resets"][0]
    assert (reset["client"], len(reset["void"])) == ("batch", 2), "the first one is void as well"
    assert desk.recorded[1][3] is not None, "what was before is told"
    assert (await desk.revoked(second["api_key"], "batch"))["id"] == reset["sha256"]
    assert not any(done["api_key"] in str(desk.told) + str(desk.recorded) for done in (first, second))
    await desk.credentials.revoke_client("batch", "ana", "")
    assert desk.told[-1]["resets"][0]["sha256"] is None
    with pytest.raises(UnknownClientError, match="no client 'console'"):
        await desk.credentials.reset_secret("console", "ana", "")


async def test_resetting_again_and_again_takes_no_more_room() -> None:
    desk = Desk()
    for _ in range(120):
        await desk.credentials.reset_secret("batch", "ana", "")
    void = desk.told[-1]["resets"][0]["void"]
    assert (len(void), api_key_entry()["sha256"] in void) == (100, True)


async def test_nothing_is_forgotten_to_make_room() -> None:
    desk = Desk(most=2)
    desk.registry.add(RevokedToken("over", "console", 0.0, 1.0))
    await desk.revoked(token(jti="1"))
    await desk.revoked(token(jti="2"))
    for _ in range(2):
        with pytest.raises(OutOfLimitsError, match="2 revocations"):
            await desk.revoked(token(jti="3"))
    with pytest.raises(OutOfLimitsError, match="2 revocations"):
        await desk.credentials.revoke_client("console", "ana", "")


def test_the_file_outlives_the_process_and_whatever_cut_it_off(tmp_path: Path) -> None:
    path, now = tmp_path / "there" / "revocations.jsonl", time.time()
    registry = RevocationRegistry(path, 10, time.time)
    registry.add(RevokedToken("kept", "console", now, now + 100))
    registry.add(RevokedToken("over", "console", now, now - 1))
    registry.add(ClientReset("batch", 1.0, ("a",), "b"))
    registry.add(ClientReset("batch", 2.0, ("a", "b"), None))
    with path.open("ab") as file:
        file.write(b'{"id": "cut o')
    again = RevocationRegistry(path, 10, time.time)
    assert (again.token("kept"), again.token("over")) == (RevokedToken("kept", "console", now, now + 100), None)
    assert again.client("batch") == ClientReset("batch", 2.0, ("a", "b"), None)
    assert len(path.read_text().splitlines()) == 2, "what is over is left out"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.add(RevokedToken("later", "console", now, now + 100))
    assert RevocationRegistry(path, 10, time.time).token("later") is not None
    assert again.for_workers()["clients"] == {"batch": 2.0}


def test_what_is_revoked_while_a_newer_process_starts_is_in_the_file_that_both_have(tmp_path: Path) -> None:
    path, end = tmp_path / "revocations.jsonl", time.time() + 100
    former = RevocationRegistry(path, 10, time.time)
    former.add(RevokedToken("one", "console", 0.0, end))
    with path.open("ab") as being_written:
        newer = RevocationRegistry(path, 10, time.time, shared=True)
        being_written.write(b'{"id": "cut o')
    newer.add(RevokedToken("two", "console", 0.0, end))
    former.add(RevokedToken("three", "console", 0.0, end))
    assert {one.id for one in newer.news() if isinstance(one, RevokedToken)} == {"three"}
    later = RevocationRegistry(path, 10, time.time)
    assert all(later.token(name) for name in ("one", "two", "three"))


def test_what_cannot_be_recorded_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "revocations.jsonl"
    registry = RevocationRegistry(path, 10, time.time)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        registry.add(RevokedToken("one", "console", 0.0, time.time() + 9))
    assert registry.token("one") is None
    path.rmdir()
    path.write_bytes(b'{"id": "one", "cl')
    registry.add(RevokedToken("two", "console", 0.0, time.time() + 9))
    assert RevocationRegistry(path, 10, time.time).token("two") is not None, "what was cut off takes nothing along"


async def test_what_cannot_be_recorded_is_told_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "revocations.jsonl"
    desk = Desk(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match=r"revocations\.jsonl"):
        await desk.revoked(token())
    assert desk.recorded == desk.told == [], "nothing says that it was done"
    path.rmdir()
    desk.history_is_full = True
    with pytest.raises(UnrecordedError, match=r"it is revoked, but the history .* No space left"):
        await desk.revoked(token())
    assert len(desk.told) == 1
    assert "token-1" not in path.read_text()
    assert (await desk.revoked(token()))["revoked"]


async def test_a_client_may_have_a_path_for_its_name() -> None:
    desk, app = Desk(), FastAPI()
    app.include_router(credential_routes(desk.credentials))
    behind = BearerToken(app, lambda: AdminSettings(token=SecretStr(SECRET)), Refusals(lambda *_, **__: None))
    sent = {"authorization": f"Bearer {SECRET}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(behind), base_url="http://admin", headers=sent) as admin:
        for written in ("spiffe://example/ns/a", "spiffe:%2F%2Fexample%2Fns%2Fa"):
            answer = await admin.post(f"/api/clients/{written}/revoke")
            assert (answer.status_code, answer.json()["client_id"]) == (200, "spiffe://example/ns/a")
        with pytest.raises(UnknownClientError, match="no client 'a/b'"):
            await admin.post("/api/clients/a/b/reset-secret")
        key = await admin.get("/api/token/batch-1")
        assert key.json()["client_id"] == "batch"


def statuses(gateway: RunningGateway, times: int = 8, **headers: str) -> set[int]:
    """What clients are answered, each on a connection of its own, so that all workers have their turn."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    found = set()
    for _ in range(times):
        with gateway.connect() as client:
            client.send(f"GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
            found.add(client.head()[0])
    return found


@pytest.fixture
def store() -> Iterator[str]:
    with valkey() as url:
        yield url


async def revoked_elsewhere(store: str, one: str) -> None:
    settings = RevocationSettings.model_validate({"redis_url": store})
    elsewhere = SharedRevocations(settings, RevocationRegistry(None, 10, time.time), lambda *_: None)
    now = time.time()
    assert await elsewhere.publish(RevokedToken(token_id(one.encode()), "console", now, now + 600))
    await elsewhere.close()


def what_makes_no_sense_is_refused(admin: httpx.Client, good: str) -> None:
    wrong = admin.post("/api/token/revoke", json={"token": good, "client_id": "portal"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "out_of_limits")
    assert admin.post("/api/token/revoke", content=b'{"token": "\\ud800", "client_id": "x"}').status_code == 422
    assert admin.post("/api/clients/nobody/reset-secret").status_code == 404
    assert admin.post(f"/api/clients/{'x' * 2000}/revoke").status_code == 422


def test_operators_revoke_in_every_worker_and_over_restarts(
    upstream: ControlledUpstream, store: str, tmp_path: Path
) -> None:
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("revocations", "history")}
    section = {
        "jwt_secret": SECRET,
        "api_keys": [api_key_entry()],
        "revocations": {"path": files["revocations"], "redis_url": store},
    }
    document = settings_for(upstream.url, auth=section, workers={"count": 2}, admin={"history_path": files["history"]})
    document["routes"][0]["auth_required"] = True
    leaked, good = token(jti="leaked", exp=int(time.time()) + 600), token(jti="good", exp=int(time.time()) + 600)
    before, other = token(jti="before"), token(jti="other")
    asyncio.run(revoked_elsewhere(store, other))
    earlier = RevocationRegistry(Path(files["revocations"]), 10, time.time)
    earlier.add(RevokedToken(token_id(before.encode()), "console", time.time(), time.time() + 600))
    with running(document, tmp_path) as gateway:
        admin = gateway.admin
        assert statuses(gateway, authorization=f"Bearer {before}") == {401}, "revoked in an earlier run"
        assert statuses(gateway, authorization=f"Bearer {other}") == {401}, "revoked at another gateway"
        for one in (leaked, good):
            assert statuses(gateway, authorization=f"Bearer {one}") == {200}
        seen = admin.get("/api/token/leaked").json()
        assert (seen["active"], seen["client_id"], seen["id"]) == (True, "console", token_id(leaked.encode()))
        assert admin.get(f"/api/token/{leaked}").json()["active"]
        assert admin.get("/api/token/nobody").status_code == 404
        assert admin.get("/api/token/leaked", headers={"authorization": "Bearer x"}).status_code == 401

        answer = admin.post("/api/token/revoke", json={"token": leaked, "client_id": "console"})
        assert (answer.status_code, answer.json()["workers"], answer.json()["shared"]) == (200, 2, True)
        assert statuses(gateway, authorization=f"Bearer {leaked}") == {401}
        assert statuses(gateway, authorization=f"Bearer {good}") == {200}
        looked = admin.get(f"/api/token/{leaked}").json()
        assert (looked["active"], looked["revoked"]) == (False, True)

        what_makes_no_sense_is_refused(admin, good)

        assert statuses(gateway, 2, x_api_key=API_KEY) == {200}
        fresh = admin.post("/api/clients/batch/reset-secret")
        assert (fresh.status_code, fresh.headers["cache-control"]) == (200, "no-store")
        key = fresh.json()["api_key"]
        assert statuses(gateway, x_api_key=API_KEY) == {401}
        assert statuses(gateway, x_api_key=key) == {200}

        victim = gateway.workers("ready")[0]["pid"]
        kill_worker(victim)
        wait_for(lambda: len([one for one in gateway.workers("ready") if one["pid"] != victim]) == 2, what="another")
        assert statuses(gateway, authorization=f"Bearer {leaked}") == {401}
        changes = [one["kind"] for one in admin.get("/admin/history").json()["changes"]]
        assert changes == ["client_secret_reset", "token_revoked"]
        shown = json.dumps(admin.get("/admin/config").json())
    kept = RevocationRegistry(tmp_path / "revocations.jsonl", 10, time.time)
    assert kept.token(token_id(leaked.encode())) is not None
    assert kept.client("batch") is not None
    written = "".join(one.read_text() for one in (*tmp_path.glob("*.log"), *tmp_path.glob("*.jsonl")))
    for secret in (leaked, good, leaked.split(".")[2], key, API_KEY, SECRET):
        assert secret not in written
        assert secret not in shown
