"""Tokens: what they are good for, how they are got, changed and taken away."""

from __future__ import annotations

from tests.simulators.slack.errors import Refused
from tests.simulators.slack.web.call import Answer, Call, method


@method("api.test")
def api_test(call: Call) -> Answer:
    """Says what it was told."""
    if call.args.get("error"):
        return {"ok": False, "error": call.text("error"), "args": call.args}
    return {"args": call.args}


@method("auth.test")
def auth_test(call: Call) -> Answer:
    """Who the token belongs to."""
    assert call.token
    if call.token.kind == "app":
        return {"app_name": call.core.app_name, "app_id": call.core.app_id}
    return {
        "url": f"https://{call.team.domain}.slack.com/",
        "team": call.team.name,
        "user": call.bot.name,
        "team_id": call.team.id,
        "user_id": call.bot.id,
        "bot_id": call.bot.bot_id,
        "is_enterprise_install": False,
    }


@method("auth.revoke")
def auth_revoke(call: Call) -> Answer:
    """The token is no good from now on."""
    assert call.token
    if not call.flag("test"):
        call.token.revoked = True
    return {"revoked": not call.flag("test")}


@method("apps.uninstall", "bad_client_secret", "invalid_client_id")
def apps_uninstall(call: Call) -> Answer:
    """The app leaves a workspace."""
    _client(call)
    call.core.installs.uninstall(call.team)
    return {}


@method("apps.connections.open")
def connections_open(call: Call) -> Answer:
    """An address to connect a socket to, once."""
    return {"url": call.core.socket_url()}


@method(
    "oauth.v2.access",
    "bad_client_secret",
    "invalid_client_id",
    "invalid_code",
    "invalid_grant_type",
    "invalid_refresh_token",
    "bad_redirect_uri",
)
def oauth_access(call: Call) -> Answer:
    """A code, or a refresh token, for tokens."""
    _client(call)
    grant = call.text("grant_type", "authorization_code")
    if grant == "refresh_token":
        return call.core.installs.refreshed(call.text("refresh_token"))
    if grant != "authorization_code":
        raise Refused("invalid_grant_type")
    return call.core.installs.exchanged(call.text("code"), call.text("redirect_uri"))


def _client(call: Call) -> None:
    if call.text("client_id") != call.core.client_id:
        raise Refused("invalid_client_id")
    if call.text("client_secret") != call.core.client_secret:
        raise Refused("bad_client_secret")
