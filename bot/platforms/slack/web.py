"""Calls to Slack's Web API: paced, with each failure told for what it is.

Busy            Slack has no time now, or cannot be reached: the call had no effect, and may come again
Unclear         no clear answer: the call may have had its effect
Refused         Slack said no, and would again; `code` is its name for why
+-- Barred      it would not, once a human has renewed our token, our scopes, or the installation
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.platforms.slack.installs import Install, Installs
from bot.platforms.slack.methods import METHODS
from bot.platforms.slack.pacing import Pacer
from commands.ports import Clock, NoAccess, Undeliverable, Urgency

log = logging.getLogger(__name__)

_TRIES, _TIMEOUT_SECONDS = 4, 15
_MOMENTARY = {
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "external_channel_migrating",
    "message_limit_exceeded",
    "update_failed",
    "file_update_failed",
}
_KEPT_WAITING = {"ratelimited", "rate_limited", "too_many_requests"}
#: A token that is void, or a workspace that lets this app do nothing.
_SHUT_OUT = {
    "invalid_auth",
    "not_authed",
    "not_allowed_token_type",
    "token_expired",
    "token_revoked",
    "account_inactive",
    "team_access_not_granted",
    "org_login_required",
    "two_factor_setup_required",
    "ekm_access_denied",
}
#: Our own name for a workspace that has not installed the app, or whose token could not be changed in time.
NOT_INSTALLED = "not_installed"


class Busy(Exception):  # noqa: N818 - a state of the other side
    """The call had no effect; it may come again."""


class Unclear(Exception):  # noqa: N818 - a state of knowledge
    """The call may have had its effect."""


class Refused(Exception):  # noqa: N818 - an answer
    """Slack said no. `code` is its name for why."""

    def __init__(self, method: str, code: str, said: str = "") -> None:
        super().__init__(f"{method}: {code}" + (f" ({said})" if said else ""))
        self.method = method
        self.code = code
        self.said = said


class Barred(Refused, NoAccess):
    """Slack said no to this app. `everything`: nothing else would be allowed either."""

    def __init__(self, method: str, code: str, said: str = "", *, everything: bool) -> None:
        super().__init__(method, code, said)
        self.everything = everything


class Doorkeeper(Protocol):
    """Is told what this app may do, and what it may not."""

    async def barred(self, team: str, barred: Barred) -> None:
        """A call was refused for want of access."""

    def let_in(self, team: str, method: str) -> None:
        """A call was answered."""


@dataclass(frozen=True)
class Wire:
    """How Slack is reached."""

    base_url: str
    proxy: str
    session: aiohttp.ClientSession

    def client(self, token: str = "") -> AsyncWebClient:
        """A client that repeats nothing by itself: whether a call may come again is decided here."""
        return AsyncWebClient(
            token=token or None,
            base_url=self.base_url,
            proxy=self.proxy or None,
            session=self.session,
            timeout=_TIMEOUT_SECONDS,
            retry_handlers=[],
        )


class Web:
    """The one way from here to Slack."""

    def __init__(self, wire: Wire, installs: Installs, pacer: Pacer, clock: Clock, doorkeeper: Doorkeeper) -> None:
        self._wire = wire
        self._installs = installs
        self._pacer = pacer
        self._clock = clock
        self._doorkeeper = doorkeeper

    async def call(
        self, team: str, method: str, /, *, urgency: Urgency = Urgency.NORMAL, **arguments: Any
    ) -> dict[str, Any]:
        """Slack's answer. Raises Busy, Unclear, Refused."""
        repeatable = METHODS[method].repeatable
        channel = str(arguments["channel"]) if method == "chat.postMessage" else ""
        for attempt in range(1, _TRIES + 1):
            await self._pacer.turn(team, method, channel=channel, urgency=urgency)
            try:
                said = await self._once(team, method, channel, arguments)
                self._doorkeeper.let_in(team, method)
                return said
            except Barred as barred:
                await self._doorkeeper.barred(team, barred)
                raise
            except Busy:
                if attempt == _TRIES:
                    raise
                await self._clock.sleep(0.2 * 2**attempt)
            except Unclear:
                if not repeatable or attempt == _TRIES:
                    raise
                await self._clock.sleep(0.25 * 2**attempt)
        raise AssertionError("the last try returns or raises")

    async def install(self, team: str) -> Install:
        """Who the bot is in a workspace. Raises Busy, Barred."""
        try:
            return await self._installs.of(team)
        except Undeliverable as gone:
            raise Barred("auth.test", NOT_INSTALLED, str(gone), everything=True) from gone
        except SlackApiError as error:
            meaning = self._meaning(error, team, "auth.test", "")
            raise Busy(str(meaning)) if isinstance(meaning, Unclear) else meaning from error
        except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, ValueError) as error:
            raise Busy(f"auth.test: {named(error)}") from None

    async def send_bytes(self, address: str, content: bytes) -> None:
        """The second step of an upload. Raises Unclear."""
        try:
            async with self._wire.session.post(address, data=content, proxy=self._wire.proxy or None) as answer:
                if answer.status != 200:
                    raise Unclear(f"the upload was answered with {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unclear(f"the upload: {named(error)}") from None

    async def _once(self, team: str, method: str, channel: str, arguments: dict[str, Any]) -> dict[str, Any]:
        client = self._wire.client((await self.install(team)).token)
        try:
            said: AsyncSlackResponse = await getattr(client, method.replace(".", "_"))(**arguments)
        except SlackApiError as error:
            raise self._meaning(error, team, method, channel) from error
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
            if isinstance(error, aiohttp.ClientConnectorError):
                raise Busy(f"{method}: Slack cannot be reached: {named(error)}") from None
            raise Unclear(f"{method}: no answer: {named(error)}") from None
        except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, ValueError) as error:
            raise Unclear(f"{method}: {named(error)}") from None
        return dict(said.data) if isinstance(said.data, dict) else {}

    def _meaning(self, error: SlackApiError, team: str, method: str, channel: str) -> Exception:
        response: Any = error.response
        status = getattr(response, "status_code", 200)
        data = getattr(response, "data", response)
        code = data.get("error", "") if isinstance(data, dict) else ""
        if status == 429 or code in _KEPT_WAITING:
            seconds = _retry_after(getattr(response, "headers", {}))
            self._pacer.block(team, method, seconds, channel=channel)
            log.info("rate limited: Slack wants no %s for %s s", method, seconds)
            return Busy(f"{method}: rate limited for {seconds} s")
        if status >= 500 or code in _MOMENTARY or not code:
            return Unclear(f"{method}: Slack answered {status} {code}")
        details = _details(data)
        if code in _SHUT_OUT:
            return Barred(method, code, details, everything=True)
        if code == "missing_scope" or (code == "no_permission" and data.get("needed")):
            return Barred(method, code, details, everything=False)
        return Refused(method, code, details)


def _retry_after(headers: Any) -> float:
    found = {str(name).lower(): value for name, value in dict(headers).items()}.get("retry-after", 1)
    try:
        return max(float(found[0] if isinstance(found, list) else found), 1.0)
    except (TypeError, ValueError):
        return 1.0


def _details(data: dict[str, Any]) -> str:
    """What Slack adds to an error's name: the scope that is needed, which block is wrong."""
    needed = f"needs the scope {data['needed']}" if data.get("needed") else ""
    messages = data.get("response_metadata", {}).get("messages", []) if data.get("response_metadata") else []
    return "; ".join(part for part in (needed, *map(str, messages[:3])) if part)


def named(error: BaseException) -> str:
    """What went wrong, without the addresses that aiohttp writes out: a proxy's has its password in it."""
    status = getattr(error, "status", "")
    return f"{type(error).__name__} {status}".strip()
