"""A token whose role is too low, beside one that is wrong: what whoever operates the bot has to change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from bot.adapters.gateway import GatewayAdmin
from commands.errors import Unavailable
from commands.ports import Rejected
from tests.gateway.admin_stand import TOKENS, AdminStand

_SAID = {"upstream": "backend", "target": "blue"}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminStand]:
    with AdminStand(tmp_path_factory.mktemp("roles")) as stand:
        yield stand


async def test_a_change_says_which_role_its_token_lacks_and_where_that_is_given(stand: AdminStand) -> None:
    viewer = GatewayAdmin(name="gateway", admin_url=stand.url, token=TOKENS["viewer"])
    target = (await viewer.find("gateway")).target
    draft = await viewer.draft("drain", target, _SAID, dry_run=True)
    with pytest.raises(Rejected) as refused:
        await viewer.alter(
            "drain", target, draft.settled, live=draft.live, plan="plan-1", actor="ana", lasts=timedelta(minutes=5)
        )
    await viewer.close()
    assert str(refused.value) == (
        "this needs role operator; this token has viewer. The token of gateway.admin_token needs that role, under "
        "admin.tokens of the gateway's settings"
    )


async def test_a_change_with_a_wrong_token_says_which_setting_is_wrong(stand: AdminStand) -> None:
    stranger = GatewayAdmin(name="gateway", admin_url=stand.url, token="not-the-token")
    with pytest.raises(Rejected, match=r"gateway\.admin_token must be admin\.token of the gateway"):
        await stranger._wire.send("POST", "/admin/faults", {})
    with pytest.raises(Unavailable) as refused:
        await stranger.find("gateway")
    await stranger.close()
    assert refused.value.message == "The admin API of gateway does not accept the token (status 401)."
    assert "one of its admin.tokens" in refused.value.hint


async def test_a_question_that_the_role_does_not_allow_is_no_wrong_token() -> None:
    said = {"error": {"code": "forbidden", "message": "this needs role viewer; this token has none"}}
    adapter = GatewayAdmin(name="gateway", admin_url="http://gateway.test", token="any")
    adapter._wire._http = httpx.AsyncClient(
        base_url="http://gateway.test", transport=httpx.MockTransport(lambda _: httpx.Response(403, json=said))
    )
    with pytest.raises(Unavailable) as refused:
        await adapter.find("gateway")
    await adapter.close()
    assert refused.value.message == (
        "The admin API of gateway refuses this token: this needs role viewer; this token has none."
    )
    assert "admin.tokens of the gateway's settings" in refused.value.hint
