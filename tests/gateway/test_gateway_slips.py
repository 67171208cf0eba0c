"""What somebody in a hurry does wrong with the admin API and the command line, and what they read then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.gateway.admin_stand import TOKENS, AdminStand

_BLOCK = '{"network": "192.0.2.9", "expires_in_seconds": 60, "actor": "ana"}'


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminStand]:
    with AdminStand(tmp_path_factory.mktemp("slips")) as stand:
        yield stand


def typed(stand: AdminStand, token: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*words, "--admin", stand.url], env={"GATEWAY_ADMIN_TOKEN": token})
    return done.exit_code, done.output


def test_json_that_curl_calls_a_form_is_told_how_to_send_it(stand: AdminStand) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    with stand.client() as client:
        refused = client.post("/admin/blocks", content=_BLOCK, headers=form)
        assert refused.status_code == 422
        assert "content-type: application/json, as curl --json sends it" in refused.json()["error"]["message"]
        wrong = client.post("/admin/blocks", json=["a list"])
        assert "content-type" not in wrong.json()["error"]["message"]
        assert client.get("/admin/blocks").json() == {"blocks": []}


def test_the_command_line_says_where_its_token_comes_from(stand: AdminStand) -> None:
    status, said = typed(stand, "not-the-token", "history")
    assert status == 1
    assert "does not know the token in GATEWAY_ADMIN_TOKEN" in said


def test_a_way_back_that_changes_nothing_says_why(stand: AdminStand) -> None:
    order = {"changes": {"logging.level": "DEBUG"}, "expires_in_seconds": 60, "actor": "ana"}
    with stand.client() as client:
        client.post("/admin/config/overrides", json=order).raise_for_status()
    status, said = typed(stand, TOKENS["admin"], "rollback", "1")
    assert status == 0
    assert said.startswith("unchanged: number 2")
    assert "1 is no different, but for keys that are overridden for a while" in said
