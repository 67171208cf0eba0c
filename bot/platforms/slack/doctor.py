"""`tocsin slack doctor`: what is right with an installation, what is wrong, and what to do about it.

It asks and changes nothing, and it may run beside the bot. No finding carries a secret.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import ValidationError
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.oauth.installation_store import Bot

from bot.explaining import explain
from bot.findings import Finding, bad, good, note
from bot.platforms.slack.checkup import Answer, AskedInVain, Workspace, of_workspace
from bot.platforms.slack.oauth import Installations
from bot.platforms.slack.sealing import Locked
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.web import Wire
from bot.settings import Settings
from bot.store.database import Glance, Lender
from bot.store.errors import StoreUnavailable
from commands.redaction import redact

_SKEW_SECONDS = 300
_SIGNING_SECRET = re.compile(r"[0-9a-f]{32}")
_APP_PAGE = "https://api.slack.com/apps"
_DEAD_TOKEN = {
    "invalid_auth": "Slack does not know it: copy it again, whole, from OAuth & Permissions",
    "not_authed": "it is empty",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "it was revoked: install the app again, and take the new token",
    "token_expired": "it ran out: with token rotation, workspaces install by OAuth (client_id)",
}


async def examine(settings: Settings, now: Callable[[], float] = time.time) -> AsyncIterator[Finding]:
    """Everything, in the order in which it is best put right."""
    given = settings.platforms.get("slack")
    if given is None:
        yield bad("settings: there is no section platforms.slack", "docs/slack.md shows one")
        return
    try:
        section = SlackSettings.model_validate(given)
    except ValidationError as error:
        yield bad(
            explain(error, None, SlackSettings, at=("platforms", "slack")), "config/tocsin.yaml explains every key"
        )
        return
    async with aiohttp.ClientSession() as session:
        doctor = Doctor(settings, section, Wire(section.api_base_url, section.proxy, session), now)
        async for finding in doctor.findings():
            yield finding


class Doctor:
    """One examination."""

    def __init__(self, settings: Settings, section: SlackSettings, wire: Wire, now: Callable[[], float]) -> None:
        self._settings = settings
        self._section = section
        self._wire = wire
        self._now = now

    async def findings(self) -> AsyncIterator[Finding]:
        """One after the other; what depends on something that failed is left out."""
        for finding in self._of_settings():
            yield finding
        tokens, found = await self._of_database()
        for finding in found:
            yield finding
        try:
            answer = await self._ask("api.test")
        except AskedInVain as error:
            yield bad(f"Slack is not reached at {self._section.api_base_url}: {error}", self._way())
            return
        yield self._of_clock(answer)
        if self._section.mode == "socket":
            yield await self._of_app_token()
        for token in tokens:
            async for finding in self._of_token(token):
                yield finding

    def _of_settings(self) -> list[Finding]:
        section = self._section
        way = "Socket Mode" if section.mode == "socket" else f"signed HTTP at {section.host}:{section.port}"
        found = [good(f"settings: {way}, {'workspaces install by OAuth' if section.has_oauth else 'one workspace'}")]
        if section.mode == "http":
            found.append(_of_signing_secret(section.signing_secret.get_secret_value()))
        if section.has_oauth and not section.seal.is_there:
            found.append(
                note(
                    "token_key: there is none, so whoever reads the database can speak as Tocsin in Slack",
                    "set TOCSIN_PLATFORMS__SLACK__TOKEN_KEY to what `openssl rand -base64 32` says",
                )
            )
        if section.has_oauth and "*" in section.workspaces:
            found.append(
                note(
                    "workspaces: any may install Tocsin, and its members get the roles of `members`; "
                    "addresses and groups count in those that are named",
                    "name the workspaces in platforms.slack.workspaces",
                )
            )
        return found

    async def _of_database(self) -> tuple[list[str], list[Finding]]:
        """The bot tokens too: of the settings, or of the workspaces that have installed the app."""
        own = self._section.bot_token.get_secret_value()
        if not Glance.is_there(self._settings.database_url):
            return [own] if own else [], [note("database: there is none yet; `tocsin serve` makes it")]
        try:
            async with _glance(self._settings) as database:
                kept = await self._installed(database)
        except StoreUnavailable as gone:
            return [own] if own else [], [bad(f"database: {redact(str(gone))}", "look at database_url in the settings")]
        except Locked:
            what = "database: the tokens of workspaces are sealed with another key"
            return [], [bad(what, "set platforms.slack.token_key to the key that sealed them, or install again")]
        found = [good("database: it answers")]
        if self._section.has_oauth and not kept:
            page = f"{self._section.public_url}/slack/install"
            found.append(note("no workspace has installed Tocsin yet", f"open {page} in a browser"))
        return [own] if own else [bot.bot_token for bot in kept], found

    async def _installed(self, database: Lender) -> list[Bot]:
        """The bots of the workspaces that have installed the app. Raises Locked."""
        section = self._section
        return await Installations(database, section.client_id, section.seal).bots() if section.has_oauth else []

    def _of_clock(self, answer: Answer) -> Finding:
        said = answer.headers.get("date", "")
        if not said:
            return note("clock: Slack did not say what time it is")
        skew = self._now() - parsedate_to_datetime(said).timestamp()
        if abs(skew) < _SKEW_SECONDS:
            return good("Slack is reached, and the clocks agree")
        return bad(
            f"clock: this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}; from 300 s on, signed "
            "requests of Slack are refused",
            "set the clock, for example by NTP",
        )

    async def _of_app_token(self) -> Finding:
        token = self._section.app_token.get_secret_value()
        where = f"Basic Information → App-Level Tokens, at {_APP_PAGE}"
        if not token.startswith("xapp-"):
            return bad("app_token: it does not begin with xapp-", f"make one with the scope connections:write: {where}")
        try:
            await self._ask("apps.connections.open", token)
        except AskedInVain as error:
            if str(error) == "missing_scope":
                return bad("app_token: it lacks the scope connections:write", f"make a new one: {where}")
            return bad(f"app_token: Slack opens no socket ({error})", f"switch Socket Mode on; the token: {where}")
        return good("app_token: Socket Mode opens")

    async def _of_token(self, token: str) -> AsyncIterator[Finding]:
        try:
            answer = await self._ask("auth.test", token)
        except AskedInVain as error:
            what = _DEAD_TOKEN.get(str(error), "look at OAuth & Permissions in the app's settings")
            kind = "" if token.startswith(("xoxb-", "xoxe.")) else ", and it does not begin with xoxb-"
            yield bad(f"bot token: Slack refuses it ({error}){kind}", what)
            return
        workspace = Workspace(str(answer.body["team_id"]), str(answer.body.get("team", "")), token)
        yield good(f"{workspace}: Tocsin is there as @{answer.body.get('user', '')}")
        async for finding in of_workspace(self._ask, workspace, answer, self._settings, self._section):
            yield finding

    async def _ask(self, method: str, token: str = "", **arguments: Any) -> Answer:
        """One call. Raises AskedInVain."""
        client = self._wire.client(token)
        try:
            if method == "apps.connections.open":
                said = await client.apps_connections_open(app_token=token)
            else:
                said = await getattr(client, method.replace(".", "_"))(**arguments)
        except SlackApiError as error:
            response: Any = error.response
            raise AskedInVain(str(response.get("error") or f"HTTP status {response.status_code}")) from None
        except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError, ValueError) as error:
            raise AskedInVain(_network(error)) from None
        body = said.data if isinstance(said.data, dict) else {}
        return Answer(body, {name.lower(): str(value) for name, value in said.headers.items()})

    def _way(self) -> str:
        proxy = urlsplit(self._section.proxy)
        via = f"the proxy {proxy.hostname}:{proxy.port}" if proxy.hostname else "the network; a proxy is set as `proxy`"
        return f"look at {via}; Slack's address is platforms.slack.api_base_url"


@asynccontextmanager
async def _glance(settings: Settings) -> AsyncIterator[Glance]:
    database = Glance(settings.database_url, busy_timeout=settings.store.busy_timeout_seconds)
    with contextlib.closing(database):
        await database.answers()
        yield database


def _of_signing_secret(secret: str) -> Finding:
    if _SIGNING_SECRET.fullmatch(secret):
        return good("signing_secret: it looks like one")
    return bad(
        "signing_secret: it does not look like one (32 digits and letters a to f), so every request will be refused",
        f"copy it from Basic Information → App Credentials, at {_APP_PAGE}",
    )


def _network(error: Exception) -> str:
    """What kind of trouble; an error's own words may carry the proxy's password."""
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        status = getattr(error, "status", "")
        return f"the proxy does not let it through{f' (status {status})' if status else ''}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not trusted"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return type(error).__name__
