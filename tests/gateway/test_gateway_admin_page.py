"""The page of the admin API names every endpoint, as the gateway describes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.gateway.admin_page import BEGINNING, PAGE, description, rendered
from tests.gateway.admin_stand import TOKENS, AdminStand


def test_the_page_of_the_admin_api_is_what_the_gateway_describes() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert BEGINNING + written.partition(BEGINNING)[2] == rendered(description()), (
        "run: python -m tests.gateway.admin_page"
    )


def test_every_error_that_is_described_is_explained() -> None:
    written = PAGE.read_text(encoding="utf-8")
    told = [one for methods in description()["paths"].values() for one in methods.values()]
    statuses = {status for one in told for status in one["responses"] if status >= "400"}
    assert statuses - set(re.findall(r"^\| (\d{3}) \|", written, re.MULTILINE)) == set()


def test_the_command_line_prints_the_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AdminStand(tmp_path) as stand:
        monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", TOKENS["viewer"])
        done = CliRunner().invoke(app, ["openapi", "--admin", stand.url])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert found["paths"]["/admin/scale"]["post"]["x-role"] == "operator"
