"""The admin API is what its description says: schemathesis asks every endpoint, and finds nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.app import described_app
from tests.gateway.admin_fuzz import fuzzed
from tests.gateway.admin_stand import AdminStand


def described(stand: AdminStand) -> list[dict[str, Any]]:
    paths = described_app(stand.gateway).openapi()["paths"]
    return [operation for methods in paths.values() for operation in methods.values()]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    with AdminStand(tmp_path) as stand:
        code, told = fuzzed(stand, examples=3, seed=1, directory=tmp_path)
        assert code == 0, told
        # All but the description itself, where it was told to look.
        assert re.search(rf"Tested:\s+{len(described(stand)) - 1}\b", told), told
        assert {change["outcome"] for change in stand.history()} <= {"done", "running"}
        ask: dict[str, Any] = {"limit": 10, "level": "ERROR", "grep": "task_failed", "since": 0}
        assert stand.gateway.ledger.recent.found(**ask)["records"] == []


def test_what_is_made_leads_to_how_it_is_undone(tmp_path: Path) -> None:
    with AdminStand(tmp_path) as stand:
        known = described(stand)
    ids = {operation["operationId"] for operation in known}
    assert len(ids) == len(known)
    links = [link for one in known for answer in one["responses"].values() for link in answer.get("links", {}).values()]
    assert {link["operationId"] for link in links} <= ids
    made = {one["operationId"]: "links" in one["responses"]["201"] for one in known if "201" in one["responses"]}
    assert made.pop("maintenance.order") is False, "there is one at a time, which needs no name"
    assert all(made.values()), "what has an id can be undone by it"
