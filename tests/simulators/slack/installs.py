"""How the app gets into a workspace and out of it, and its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Installation, Team, Token, User

if TYPE_CHECKING:
    from tests.simulators.slack.core import Core

LIFETIME = 43_200
CODE_SECONDS = 600

SCOPES = (
    "app_mentions:read",
    "bookmarks:read",
    "bookmarks:write",
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "chat:write.public",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:read",
    "im:write",
    "links:read",
    "links:write",
    "metadata.message:read",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "pins:read",
    "pins:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users.profile:read",
    "users:read",
    "users:read.email",
)


@dataclass
class Code:
    """What a browser brings back after somebody allowed the app."""

    team: str
    user: str
    scopes: tuple[str, ...]
    redirect_uri: str
    born: float
    used: bool = False


class Installs:
    """Installations and their tokens."""

    def __init__(self, core: Core, *, rotation: bool = False) -> None:
        self._core = core
        self.rotation = rotation
        self.codes: dict[str, Code] = {}

    def install(self, team: Team, scopes: Iterable[str] = SCOPES) -> Token:
        """The app is in a workspace, with a bot of its own; again is an update."""
        state = self._core.state
        if team.installation is None:
            bot = state.add_user(team, self._core.bot_name, "bot", self._core.app_name)
            bot.bot_id = state.id("B")
            team.installation = Installation(team.id, bot, ())
        installed = team.installation
        installed.scopes, installed.active = tuple(scopes), True
        installed.bot.deleted = False
        return self._issue(installed)

    def _issue(self, installed: Installation) -> Token:
        number = self._core.state.id("")
        if self.rotation:
            expires = self._core.state.now + LIFETIME
            value, refresh = f"xoxe.xoxb-1-{installed.team}-{number}", f"xoxe-1-{installed.team}-{number}"
            token = Token(value, "bot", installed.team, installed.scopes, expires=expires, refresh=refresh)
        else:
            token = Token(f"xoxb-{installed.team}-{number}", "bot", installed.team, installed.scopes)
        installed.tokens.append(token)
        self._core.state.tokens[token.value] = token
        return token

    def app_token(self, scopes: Iterable[str] = ("connections:write",)) -> Token:
        """A token of the app itself, for sockets."""
        first = next(iter(self._core.state.teams))
        token = Token(f"xapp-1-{self._core.app_id}-{self._core.state.id('')}", "app", first, tuple(scopes))
        self._core.state.tokens[token.value] = token
        return token

    def code(self, team: Team, user: User, scopes: Iterable[str], redirect_uri: str = "") -> str:
        """Somebody pressed Allow."""
        value = f"{team.id}.{self._core.state.id('code')}"
        self.codes[value] = Code(team.id, user.id, tuple(scopes), redirect_uri, self._core.state.now)
        return value

    def exchanged(self, value: str, redirect_uri: str) -> dict[str, Any]:
        """A code for tokens, once and soon."""
        code = self.codes.get(value)
        if code is None or code.used or self._core.state.now - code.born > CODE_SECONDS:
            raise Refused("invalid_code")
        if code.redirect_uri and redirect_uri != code.redirect_uri:
            raise Refused("bad_redirect_uri")
        code.used = True
        team = self._core.state.teams[code.team]
        return self._granted(team, self.install(team, code.scopes), code.user)

    def refreshed(self, value: str) -> dict[str, Any]:
        """A refresh token, once, for a new pair."""
        old = next((one for one in self._core.state.tokens.values() if value and one.refresh == value), None)
        if old is None or old.revoked:
            raise Refused("invalid_refresh_token")
        old.refresh = ""
        team = self._core.state.teams[old.team]
        return self._granted(team, self._issue(self._core.state.installation(team.id)), "")

    def _granted(self, team: Team, token: Token, user: str) -> dict[str, Any]:
        assert team.installation
        body: dict[str, Any] = {
            "access_token": token.value,
            "token_type": "bot",
            "scope": ",".join(token.scopes),
            "bot_user_id": team.installation.bot.id,
            "app_id": self._core.app_id,
            "team": {"id": team.id, "name": team.name},
            "enterprise": None,
            "is_enterprise_install": False,
        }
        if user:
            body["authed_user"] = {"id": user}
        if token.refresh:
            body |= {"refresh_token": token.refresh, "expires_in": LIFETIME}
        return body

    def uninstall(self, team: Team) -> None:
        """The app leaves; it hears so by two last events, and its tokens are dead."""
        installed = self._core.state.installation(team.id)
        for token in installed.tokens:
            token.revoked = True
        self._core.happen.happened(team, "tokens_revoked", tokens={"oauth": [], "bot": [installed.bot.id]})
        self._core.happen.happened(team, "app_uninstalled")
        installed.active = False
        installed.bot.deleted = True
