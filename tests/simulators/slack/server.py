"""The doors of the simulator: Web API, uploads, files, sockets, response URLs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from tests.simulators.slack.core import Core
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import ApiCall, File
from tests.simulators.slack.responses import Responses
from tests.simulators.slack.web import auth, chat, conversations, files, marks, people, views
from tests.simulators.slack.web.gate import Gate

METHODS = (auth, chat, conversations, files, marks, people, views)
LARGEST = 64 * 2**20
TICK = 0.1


class Server:
    """Listens on loopback."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.gate = Gate(core)
        self.responses = Responses(core)
        self.app = web.Application(client_max_size=LARGEST)
        self.app.add_routes(
            [
                web.route("*", "/api/{method}", self.gate.answer),
                web.post("/upload/v1/{team}/{file}", self._upload),
                web.get("/files-pri/{file}/{name}", self._download),
                web.get("/link/", core.sockets.accept),
                web.post("/commands/{url}", self._respond),
                web.post("/actions/{url}", self._respond),
            ]
        )
        self._runner: web.AppRunner | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> None:
        """Listen; on a free port, unless one is said."""
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self.core.base_url = f"http://127.0.0.1:{bound}"

    def tick(self) -> None:
        """Run what is due by the wall's clock, from now on."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.core.deliveries.due()
            self.core.write_scheduled()

    async def stop(self) -> None:
        """Be gone."""
        if self._ticking:
            self._ticking.cancel()
        await self.core.deliveries.stop()
        await self.core.sockets.close()
        await self.core.http.close()
        if self._runner:
            await self._runner.cleanup()

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        faults = self.core.faults.call("upload")
        call = ApiCall("upload", {"file": request.match_info["file"]}, request.match_info["team"], self.core.state.now)
        early = await self.gate.before(request, faults, call)
        if early is not None:
            return early
        team = self.core.state.teams.get(request.match_info["team"])
        file = team.files.get(request.match_info["file"]) if team else None
        if file is None or file.complete:
            return web.Response(status=404, text="no such upload")
        content = await _bytes(request)
        if len(content) != file.length:
            self.core.violation(f"upload: {len(content)} bytes were sent, and {file.length} announced")
            return web.Response(status=400, text="Bad Request - length mismatch")
        file.content = content
        answer = web.Response(text=f"OK - {len(content)}")
        return self.gate.lost(request, faults) or answer

    async def _download(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = self.core.state.tokens.get(token)
        team, _, file_id = request.match_info["file"].partition("-")
        if known is None or known.revoked or known.team != team or "files:read" not in known.scopes:
            return web.Response(text="<html>sign in</html>", content_type="text/html")
        file: File | None = self.core.state.teams[team].files.get(file_id)
        if file is None or file.content is None:
            return web.Response(status=404)
        return web.Response(body=file.content)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        faults = self.core.faults.call("response_url")
        call = ApiCall("response_url", {}, "", self.core.state.now)
        self.core.calls.append(call)
        early = await self.gate.before(request, faults, call)
        if early is not None:
            return early
        try:
            call.args = json.loads(await request.text())
            self.responses.post(request.match_info["url"], call.args)
            call.status, call.answer = 200, {"ok": True}
        except ValueError:
            call.status, call.answer = 400, {"ok": False, "error": "invalid_payload"}
        except Refused as refused:
            call.status, call.answer = _status(refused.error), refused.answer()
        body: dict[str, Any] = call.answer
        answer = web.Response(text="ok") if call.status == 200 else web.json_response(body, status=call.status)
        return self.gate.lost(request, faults) or answer


def _status(error: str) -> int:
    return 404 if error in {"used_url", "expired_url", "no_such_url"} else 400


async def _bytes(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    form = await request.post()
    part = next(iter(form.values()), b"")
    return part.file.read() if isinstance(part, web.FileField) else str(part).encode()


assert METHODS
