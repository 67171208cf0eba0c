"""The sockets: HTTPS on loopback, in a thread of its own, so that any client can be used from any test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterable
from functools import cache

import trustme
from aiohttp import web

from tests.simulators.kubernetes.core import Core
from tests.simulators.kubernetes.faults import Fault, Faults
from tests.simulators.kubernetes.http.api import Api
from tests.simulators.kubernetes.http.calls import Answer, Call

LARGEST = 3 * 2**20
HOST = "127.0.0.1"


@cache
def authority() -> trustme.CA:
    """Who signs the certificates of this run."""
    return trustme.CA()


class Server:
    """Listens until it is stopped."""

    def __init__(self, core: Core, api: Api, faults: Faults) -> None:
        self.core = core
        self.api = api
        self.faults = faults
        self.calls: list[Call] = []
        self.answered: Callable[[Call], None] = lambda _: None
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._serve, name="kubernetes", daemon=True)

    def start(self, port: int = 0) -> None:
        """Listen on a free port, unless one is said."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(port), self.loop).result(30)

    def stop(self) -> None:
        """Be gone."""
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, port: int) -> None:
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority().issue_cert(HOST, "localhost").configure_cert(context)
        await web.TCPSite(self._runner, HOST, port, ssl_context=context).start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        self.api.watching.end()
        if self._runner:
            await self._runner.cleanup()
        others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """A client that hangs up ends its watches, but not what it asked for: that has its effect all the same."""
        answer = await asyncio.shield(asyncio.ensure_future(self._decide(request)))
        return _broken(request) if answer is None else await self._send(request, answer)

    async def _decide(self, request: web.Request) -> Answer | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(request.query.items())
        call = Call(request.method, request.path, query, headers, await request.read(), self.core.now())
        early = self.api.understand(call, request.headers.getall("Impersonate-Group", []))
        self.calls.append(call)
        faults = self.faults.of(call.what, call.name)
        call.faults = [one.kind for one in faults]
        await _wait(faults, after=False)
        if early is None:
            early = self._refused(faults, after=False)
        if any(one.kind == "drop" for one in faults):
            return None
        answer = early or self.api.work(call)
        answer = self._refused(faults, after=True) or answer
        await _wait(faults, after=True)
        call.status = answer.status
        call.reason = answer.body.get("reason", "") if isinstance(answer.body, dict) and answer.status >= 400 else ""
        self.answered(call)
        return None if any(one.kind == "lose_answer" for one in faults) else answer

    def _refused(self, faults: list[Fault], *, after: bool) -> Answer | None:
        found = [one for one in faults if one.kind == "fail" and one.after == after]
        return Answer.failed(found[0].error()) if found else None

    async def _send(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.lines is None:
            raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            headers = {**answer.headers, "Content-Type": answer.content_type, "Cache-Control": "no-cache, private"}
            return web.Response(body=raw, status=answer.status, headers=headers)
        response = web.StreamResponse(headers={"Content-Type": answer.content_type})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            async for line in answer.lines:
                await response.write(line)
            await response.write_eof()
        return response


async def _wait(faults: Iterable[Fault], *, after: bool) -> None:
    for one in faults:
        if one.kind == "slow" and one.after == after:
            await asyncio.sleep(one.seconds)


def _broken(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
