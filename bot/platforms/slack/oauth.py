"""Installing by OAuth: where installations are kept, and the pages that a browser is led through.

Slack's own stores do the work, on our database: they are synchronous, so they run in the threads of the store. Only
what is needed to speak is kept: the bot of a workspace, not who installed it.
"""

from __future__ import annotations

import asyncio
import copy
import html
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urljoin

import aiohttp
from slack_bolt.error import BoltError
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from bot.platforms.slack.sealing import Seal
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.subscriptions import scopes
from bot.store import sealed
from bot.store.database import Lender
from bot.store.errors import StoreUnavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

_STATE_SECONDS = 600
#: The columns that let one speak as Tocsin.
_SECRET = ("bot_token", "bot_refresh_token")
_CODE = re.compile(r"(code: )\S+")


class _Threaded:
    """A store of the SDK on our database; its tables are made before its first use."""

    def __init__(self, lender: Lender, tables: Any, prepare: Callable[[Any], None] | None = None) -> None:
        self._lender = lender
        self._tables = tables
        self._prepare = prepare
        self._made = False
        self._making = asyncio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """In a thread of the store. Raises StoreUnavailable."""
        async with self._making:
            if not self._made:
                await self._lender.lend(self._make)
                self._made = True
        return await self._lender.lend(work)

    def _make(self) -> None:
        """What `create_tables` of the SDK does; processes that start together take turns."""
        with self._lender.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(84717302)")
            self._tables.metadata.create_all(connection)
            if self._prepare is not None:
                self._prepare(connection)


class Installations(AsyncInstallationStore):
    """The bots of all workspaces, in our database. A workspace of an organisation is one like any other.

    Their tokens are sealed where the settings have a key; those that were kept before are sealed at the first use.
    """

    def __init__(self, lender: Lender, client_id: str, seal: Seal) -> None:
        self._lender = lender
        self._seal = seal
        self._tables = SQLAlchemyInstallationStore(client_id, lender.engine, logger=log)
        self._threaded = _Threaded(lender, self._tables, self._seal_all if seal.is_there else None)

    def _seal_all(self, connection: Any) -> None:
        sealed.widen(connection, self._tables.bots, _SECRET)
        sealed.rewrite(connection, self._tables.bots, _SECRET, self._seal.renewed)

    async def async_save(self, installation: Installation) -> None:
        """See AsyncInstallationStore."""
        await self.async_save_bot(installation.to_bot())

    async def async_save_bot(self, bot: Bot) -> None:
        """See AsyncInstallationStore."""
        kept = copy.copy(bot)
        kept.enterprise_id = None
        kept.bot_token, kept.bot_refresh_token = _sealed(self._seal, bot)
        await self._threaded.run(lambda: self._tables.save_bot(kept))

    async def async_find_bot(
        self,
        *,
        enterprise_id: str | None,  # noqa: ARG002 - workspaces are kept by their own ids
        team_id: str | None,
        is_enterprise_install: bool | None = False,  # noqa: ARG002
    ) -> Bot | None:
        """See AsyncInstallationStore. Raises Locked."""
        found = await self._threaded.run(lambda: self._tables.find_bot(enterprise_id=None, team_id=team_id))
        return self._opened(found) if found else None

    def _opened(self, bot: Bot) -> Bot:
        bot.bot_token = self._seal.open(bot.bot_token) or ""
        bot.bot_refresh_token = self._seal.open(bot.bot_refresh_token)
        return bot

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:  # noqa: ARG002
        """See AsyncInstallationStore."""
        await self._threaded.run(lambda: self._tables.delete_bot(enterprise_id=None, team_id=team_id))

    async def teams(self) -> list[str]:
        """The workspaces that have installed the app."""
        return sorted(str(bot.team_id) for bot in await self._lender.lend(self._read))

    async def bots(self) -> list[Bot]:
        """The bot of each workspace. To look is to change nothing: no table is made for it. Raises Locked."""
        return [self._opened(bot) for bot in await self._lender.lend(self._read)]

    def _read(self) -> list[Bot]:
        table = self._tables.bots
        with self._lender.engine.connect() as connection:
            if not connection.dialect.has_table(connection, table.name):
                return []
            query = table.select().where(table.c.client_id == self._tables.client_id).order_by(table.c.installed_at)
            found = [self._tables.build_bot_entity(row) for row in connection.execute(query).mappings()]
        return list({bot.team_id: bot for bot in found}.values())


def _sealed(seal: Seal, bot: Bot) -> tuple[str, str | None]:
    return seal.close(bot.bot_token) or "", seal.close(bot.bot_refresh_token)


class States(AsyncOAuthStateStore):
    """The states of installations that are under way, in our database: a replica may finish what another began."""

    def __init__(self, lender: Lender) -> None:
        self._tables = SQLAlchemyOAuthStateStore(_STATE_SECONDS, lender.engine, logger=log)
        self._threaded = _Threaded(lender, self._tables)

    async def async_issue(self, *_args: Any, **_kwargs: Any) -> str:
        """See AsyncOAuthStateStore."""
        return await self._threaded.run(self._tables.issue)

    async def async_consume(self, state: str) -> bool:
        """See AsyncOAuthStateStore."""
        return await self._threaded.run(lambda: self._tables.consume(state))


class NotKeptError(BoltError):
    """An installation that is not kept; the words are for whoever installs."""

    def __init__(self, words: str, status: int = 403) -> None:
        super().__init__(words)
        self.status = status


class Flow(AsyncOAuthFlow):
    """Bolt's flow; it takes the workspaces of the settings only, and gives back a token that it does not keep."""

    def __init__(
        self, settings: SlackSettings, lender: Lender, client: AsyncWebClient, arrived: Callable[[str], None]
    ) -> None:
        self._ours = settings
        self._arrived = arrived
        super().__init__(client=client, logger=_quiet(), settings=oauth_settings(settings, lender))

    async def run_installation(self, code: str) -> Installation | None:
        """See AsyncOAuthFlow. Slack that does not answer is told like a code that it does not take."""
        try:
            return await super().run_installation(code)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("an installation failed: %s", type(error).__name__)
            return None

    async def store_installation(self, request: AsyncBoltRequest, installation: Installation) -> None:
        """See AsyncOAuthFlow."""
        team = installation.team_id or ""
        why = self._objection(installation)
        if why:
            await self._give_back(installation)
            log.warning("the workspace %s tried to install Tocsin: %s", team or "(none)", why)
            raise NotKeptError(why)
        try:
            await super().store_installation(request, installation)
        except StoreUnavailable as gone:
            raise NotKeptError("Tocsin could not keep the installation. Try again in a moment.", 503) from gone
        log.info(
            "the workspace %s (%s) has installed Tocsin, by %s", team, installation.team_name, installation.user_id
        )
        self._arrived(team)

    def _objection(self, installation: Installation) -> str:
        if installation.is_enterprise_install or not installation.team_id:
            return "Install Tocsin in single workspaces, not in the whole organisation."
        if not self._ours.admits(installation.team_id):
            return (
                f"The workspace {installation.team_id} may not install this Tocsin. "
                "Its administrator can add it to platforms.slack.workspaces."
            )
        return ""

    async def _give_back(self, installation: Installation) -> None:
        try:
            await self.client.auth_revoke(token=installation.bot_token)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("a token that is not wanted could not be revoked: %s", type(error).__name__)


def oauth_settings(settings: SlackSettings, lender: Lender) -> AsyncOAuthSettings:
    """Bolt's settings. A GovSlack has its pages beside its API."""
    return AsyncOAuthSettings(
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scopes=list(scopes()),
        user_scopes=[],
        redirect_uri=f"{settings.public_url}/slack/oauth_redirect",
        authorization_url=urljoin(settings.api_base_url, "../oauth/v2/authorize"),
        installation_store=Installations(lender, settings.client_id, settings.seal),
        installation_store_bot_only=True,
        state_store=States(lender),
        state_expiration_seconds=_STATE_SECONDS,
        callback_options=AsyncCallbackOptions(success=_installed, failure=_failed),
        logger=_quiet(),
    )


def _quiet() -> logging.Logger:
    """Bolt writes the code of an installation into the log, which is good for a token until it is used."""
    quiet = logging.getLogger("slack_bolt.oauth")
    if not quiet.filters:
        quiet.setLevel(logging.INFO)
        quiet.addFilter(_without_code)
    return quiet


def _without_code(record: logging.LogRecord) -> bool:
    record.msg, record.args = _CODE.sub(r"\1…", record.getMessage()), ()
    return True


_REASONS = {
    "access_denied": "Nothing was installed: the request was declined in Slack.",
    "invalid_browser": "This page was not opened from here. Begin again, in one browser and with cookies allowed.",
    "invalid_state": "That took too long, or was used already. Begin again.",
    "missing_code": "Slack sent no code along. Begin again.",
    "invalid_code": "Slack did not take the code. Begin again; `tocsin slack doctor` on the server may know more.",
}


async def _installed(args: AsyncSuccessArgs) -> BoltResponse:
    name = args.installation.team_name or args.installation.team_id or "your workspace"
    words = f"Tocsin is in {name}. Go back to Slack and type /tocsin help."
    return _page(200, "Installed", words, args.settings)


async def _failed(args: AsyncFailureArgs) -> BoltResponse:
    words, status = _REASONS.get(args.reason, _REASONS["missing_code"]), args.suggested_status_code
    if isinstance(args.error, NotKeptError):
        words, status = str(args.error), args.error.status
    again = f' <a href="{args.settings.install_path}">Begin again</a>'
    return _page(status, "Not installed", words, args.settings, after=again)


def _page(status: int, title: str, words: str, settings: AsyncOAuthSettings, *, after: str = "") -> BoltResponse:
    """The state's cookie has served."""
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} · Tocsin</title>'
        f'<body style="font-family:sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem">'
        f"<h1>{title}</h1><p>{html.escape(words)}{after}</p></body></html>"
    )
    headers: dict[str, str | Sequence[str]] = {
        "Content-Type": "text/html; charset=utf-8",
        "Set-Cookie": settings.state_utils.build_set_cookie_for_deletion(),
        "Cache-Control": "no-store",
    }
    return BoltResponse(status=status, body=body, headers=headers)
