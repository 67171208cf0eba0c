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


@pytest.mark.parametrize(("network", "words"), [("10.0.0.0/0", "0.0.0.0/0 is a large part"), ("::/8", "at most a /16")])
def test_a_slip_does_not_block_everybody(stand: AdminStand, network: str, words: str) -> None:
    with stand.client("operator") as client:
        refused = client.post("/admin/blocks", json={"network": network, "expires_in_seconds": 60, "actor": "ana"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "out_of_limits")
        assert words in refused.json()["error"]["message"]
        assert client.get("/admin/blocks").json() == {"blocks": []}


def test_a_key_within_one_that_is_changed_as_a_whole_says_so(stand: AdminStand) -> None:
    order = {"changes": {"routes.default.rate_limit.limit": 10}, "expires_in_seconds": 60, "actor": "ana"}
    with stand.client() as client:
        refused = client.post("/admin/config/overrides", json=order).json()["error"]["message"]
    assert (
        refused == "routes.default.rate_limit.limit: there is no such key; change routes.default.rate_limit as a whole"
    )


def test_a_wrong_path_and_a_wrong_method_say_what_there_is(stand: AdminStand) -> None:
    with stand.client() as client:
        nowhere = client.get("/admin/block").json()["error"]["message"]
        assert nowhere == "there is no /admin/block: GET /admin/openapi.json has all that there is"
        wrong = client.patch("/admin/blocks")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert wrong.json()["error"]["message"] == "PATCH is not for this; allowed: GET, POST"
