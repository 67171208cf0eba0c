"""What every Web API call passes: faults, token, scopes, arguments, rate limits; and the record of it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.simulators.slack import contract
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.faults import Fault
from tests.simulators.slack.model import ApiCall, Token
from tests.simulators.slack.web import arguments
from tests.simulators.slack.web.call import ERRORS, HANDLERS, Call, missing

if TYPE_CHECKING:
    from tests.simulators.slack.core import Core

WITHOUT_TOKEN = {"api.test", "oauth.v2.access"}
WITH_APP_TOKEN = {"apps.connections.open": "connections:write"}


class Gate:
    """Answers `/api/<method>`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.under_way = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One call, from its bytes to its answer."""
        self.under_way += 1
        try:
            return await self._answer(request)
        finally:
            self.under_way -= 1
            self._core.changed()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        try:
            args, as_json = await arguments.read(request)
        except arguments.Unreadable as error:
            self._core.violation(f"{name}: {error}")
            return web.json_response({"ok": False, "error": str(error)})
        args |= _basic(request)
        token = _token(request, args)
        known = self._core.state.tokens.get(token)
        call = ApiCall(name, arguments.typed(name, args), known.team if known else "", self._core.state.now)
        self._core.calls.append(call)
        faults = self._core.faults.call(name)
        early = await self.before(request, faults, call)
        if early is not None:
            return early
        self.decide(call, args, token, as_json=as_json)
        return self.after(request, faults, call)

    async def before(self, request: web.Request, faults: list[Fault], call: ApiCall) -> web.StreamResponse | None:
        """The faults that strike before there is an effect."""
        for fault in faults:
            call.fault = fault.kind
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "hold":
                await fault.free.wait()
            elif fault.kind == "drop":
                return broken(request)
            elif fault.kind == "ratelimit":
                return _later(call, fault.retry_after)
            elif fault.kind == "fail":
                call.status = fault.status
                return web.Response(status=fault.status, text="upstream error", content_type="text/html")
            elif fault.kind == "garble":
                call.status = 200
                kind = "application/json" if fault.body.startswith(b"{") else "text/html"
                return web.Response(body=fault.body, content_type=kind)
        return None

    def after(self, request: web.Request, faults: list[Fault], call: ApiCall) -> web.StreamResponse:
        """The answer, unless it is lost."""
        lost = self.lost(request, faults)
        if lost is not None:
            return lost
        headers = {"x-oauth-scopes": ",".join(self._scopes(call))}
        if call.status == 429:
            headers["retry-after"] = str(call.answer["retry_after"])
            body = {name: value for name, value in call.answer.items() if name != "retry_after"}
            return web.json_response(body, status=429, headers=headers)
        return web.json_response(call.answer, headers=headers)

    def lost(self, request: web.Request, faults: list[Fault]) -> web.StreamResponse | None:
        """The connection breaks after the effect."""
        return broken(request) if any(fault.kind == "lose_answer" for fault in faults) else None

    def _scopes(self, call: ApiCall) -> tuple[str, ...]:
        team = self._core.state.teams.get(call.team)
        return team.installation.scopes if team and team.installation else ()

    def decide(self, call: ApiCall, args: dict[str, Any], token: str, *, as_json: bool) -> None:
        """Put the answer into the record of the call."""
        call.status = 200
        try:
            known = self._authorised(call.method, token)
            wait = self._core.limits.wait(call.method, call.team, str(args.get("channel", "")), self._core.state.now)
            if wait:
                self._core.rate_limited.append(call)
                call.status = 429
                call.answer = {"ok": False, "error": "ratelimited", "retry_after": wait}
                return
            self._check(call.method, args, as_json=as_json)
            done = HANDLERS[call.method](Call(self._core, call.method, call.args, known))
            call.answer = {"ok": True} | json.loads(json.dumps(done))
        except Refused as refused:
            call.answer = refused.answer()
            self._known_error(call.method, refused.error)
        except Exception as error:
            self._core.violation(f"{call.method}: the simulator itself failed: {error!r}")
            call.answer = {"ok": False, "error": "internal_error"}

    def _authorised(self, name: str, value: str) -> Token | None:
        if name in WITHOUT_TOKEN:
            return None
        if name not in HANDLERS:
            return None
        if not value:
            raise Refused("not_authed")
        token = self._core.state.tokens.get(value)
        if token is None:
            raise Refused("invalid_auth")
        if token.revoked:
            raise Refused("token_revoked")
        if token.expires is not None and token.expires <= self._core.state.now:
            raise Refused("token_expired")
        self._right_kind(name, token)
        return token

    def _right_kind(self, name: str, token: Token) -> None:
        wanted = "app" if name in WITH_APP_TOKEN else "bot"
        if token.kind != wanted and name not in {"auth.test", "auth.revoke"}:
            raise Refused("not_allowed_token_type")
        page = contract.methods().get(name)
        scopes = (WITH_APP_TOKEN[name],) if wanted == "app" else (page.scopes if page else ())
        if scopes and not set(scopes) & set(token.scopes):
            raise missing(scopes, token)

    def _check(self, name: str, args: dict[str, Any], *, as_json: bool) -> None:
        if name not in HANDLERS:
            known = name in contract.methods()
            self._core.violation(f"{name}: {'the simulator has no such method yet' if known else 'unknown method'}")
            raise Refused("unknown_method", req_method=name)
        wrong = arguments.problems(name, args, as_json=as_json)
        if wrong:
            self._core.violation(f"{name}: {'; '.join(wrong)}")
            raise Refused("invalid_arguments", wrong)

    def _known_error(self, name: str, error: str) -> None:
        known = ERRORS.get(name, frozenset()) | contract.COMMON_ERRORS
        if error not in known:
            self._core.violation(f"{name}: the simulator answered {error}, which it does not declare")


def _token(request: web.Request, args: dict[str, Any]) -> str:
    header = request.headers.get("authorization", "")
    if header.startswith("Bearer "):
        args.pop("token", None)
        return header.removeprefix("Bearer ").strip()
    return str(args.pop("token", ""))


def _basic(request: web.Request) -> dict[str, str]:
    """The app's own id and secret, which some clients send in a header."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return {}
    client_id, _, secret = base64.b64decode(value).decode().partition(":")
    return {"client_id": client_id, "client_secret": secret}


def _later(call: ApiCall, seconds: int) -> web.StreamResponse:
    call.status, call.answer = 429, {"ok": False, "error": "ratelimited"}
    return web.json_response(call.answer, status=429, headers={"retry-after": str(seconds)})


def broken(request: web.Request) -> web.StreamResponse:
    """Cut the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
