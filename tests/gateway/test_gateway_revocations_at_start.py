"""Revocations beside the history, where the file cannot be written anew, or not be read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.gateway.running import RunningGateway, running, settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.upstream import ControlledUpstream


def document(upstream: ControlledUpstream, directory: Path) -> dict[str, Any]:
    made = settings_for(
        upstream.url, admin={"history_path": str(directory / "history.jsonl")}, auth={"jwt_secret": SECRET}
    )
    made["routes"][0]["auth_required"] = True
    return made


def bearer(name: str) -> str:
    return token(exp=int(time.time()) + 600, jti=name, client_id="thief")


def revoke(gateway: RunningGateway, known: str) -> None:
    said = {"token": known, "client_id": "thief", "actor": "ana", "reason": "a leak"}
    gateway.admin.post("/api/token/revoke", json=said).raise_for_status()


def asked(gateway: RunningGateway, *tokens: str) -> list[int]:
    with gateway.client() as client:
        return [client.get("/", headers={"authorization": f"Bearer {one}"}).status_code for one in tokens]


def said(gateway: RunningGateway, event: str) -> list[str]:
    return [one["message"] for one in gateway.log_records() if one["event_type"] == event]


def test_they_hold_whatever_the_disk_does_and_what_is_not_kept_is_said(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    settings, file = document(upstream, tmp_path), tmp_path / "history.jsonl.revocations"
    first, second, third = bearer("first"), bearer("second"), bearer("third")
    with running(settings, tmp_path / "0") as gateway:
        revoke(gateway, first)
        assert asked(gateway, first, third) == [401, 200]

    # As on a full disk: it cannot be written anew, and what is over stays in it.
    (tmp_path / "history.jsonl.revocations.new").mkdir()
    with running(settings, tmp_path / "1") as gateway:
        assert gateway.status()["orders_kept"]
        revoke(gateway, second)
        assert asked(gateway, first, second, third) == [401, 401, 200]
    assert len(file.read_bytes().split()) == 2

    file.unlink()
    file.mkdir()
    with running(settings, tmp_path / "3") as gateway:
        assert asked(gateway, first, third) == [200, 200]
        assert not gateway.status()["orders_kept"]
        (lost,) = said(gateway, "orders_lost")
        assert "no revocation of before holds" in lost
        assert "revocations end with this process" in said(gateway, "orders_not_kept")[0]
