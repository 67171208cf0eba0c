"""The gateway's admin API on a real port, as the bot meets it, with faults on demand."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.simulators.gateway.bodies import Restart, Scale
from tests.simulators.gateway.faults import Fault, Faults
from tests.simulators.gateway.state import GatewayState, Refused

TOKEN = "a-token-for-the-simulator"


class GatewaySimulator:
    """Runs in a thread of the test. `state` is the gateway, `faults` what happens to requests, `seen` what came."""

    def __init__(self) -> None:
        self.state = GatewayState()
        self.faults = Faults()
        self.seen: list[str] = []
        self.port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._app = Starlette(routes=_routes(self))

    @property
    def url(self) -> str:
        """The address of the admin API."""
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """A new gateway with three workers, and no faults."""
        self.faults.clear()
        self.state = GatewayState()
        self.seen.clear()

    def start(self) -> None:
        """Listen; after a stop, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()  # at once: whoever connects before the server runs waits for it
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._asgi,
            interface="asgi3",
            http="h11",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Be gone: connections are refused until it is started again."""
        self.faults.clear()
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(10)
            self._thread = None

    def come_back(self) -> None:
        """Listen again, if it was stopped."""
        if self._thread is None:
            self.start()

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = f"{scope['method']} {scope['path']}"
        self.seen.append(request)
        if dict(scope["headers"]).get(b"authorization") != f"Bearer {TOKEN}".encode():
            await _error(401, "unauthorized", "a valid bearer token is required")(scope, receive, send)
            return
        fault = self.faults.take(request)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._faulty(fault, scope, receive, send)

    async def _faulty(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.hold and fault.hold.when == "before" and not await _held(fault):
            return _break(receive)
        if fault.drop == "before":
            return _break(receive)
        if fault.status:
            return await _error(fault.status, "internal", "told to fail")(scope, receive, send)
        if fault.body is not None:
            return await Response(fault.body, 200)(scope, receive, send)
        after = fault.drop == "after" or (fault.hold is not None and fault.hold.when == "after")
        if not after:
            return await self._app(scope, receive, send)
        await self._app(scope, receive, _nowhere)
        if fault.hold:
            await _held(fault)
        return _break(receive)


async def _held(fault: Fault) -> bool:
    """Whether the request goes on, once it is let go."""
    assert fault.hold
    fault.hold.arrived.set()
    while not fault.hold.released.is_set():  # noqa: ASYNC110 - a test's thread sets it, not this loop
        await asyncio.sleep(0.01)
    return not fault.hold.abandoned


async def _nowhere(_message: Any) -> None:
    """An answer that is lost."""


def _break(receive: Receive) -> None:
    """Cut the connection without a word: ASGI has no way to say so, uvicorn's own cycle has."""
    receive.__self__.transport.abort()  # type: ignore[attr-defined]


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def _routes(simulator: GatewaySimulator) -> list[Route]:
    async def status(_: Request) -> JSONResponse:
        return JSONResponse(simulator.state.status())

    async def workers(_: Request) -> JSONResponse:
        return JSONResponse({"workers": simulator.state.workers()})

    async def operation(request: Request) -> JSONResponse:
        found = simulator.state.operations.get(request.path_params["operation_id"])
        return (
            JSONResponse(found) if found else _error(404, "not_found", "no such operation in this run of the gateway")
        )

    async def summary(request: Request) -> JSONResponse:
        return JSONResponse(simulator.state.summary(int(request.query_params.get("window", "30"))))

    async def changes(_: Request) -> JSONResponse:
        kept = [one | {"at": one["started_at"], "outcome": one["state"]} for one in simulator.state.operations.values()]
        return JSONResponse({"changes": kept})

    async def change(request: Request) -> JSONResponse:
        kind = request.url.path.rsplit("/", 1)[1]
        try:
            raw = await request.body()
            body = (Scale if kind == "scale" else Restart).model_validate_json(raw).model_dump()
            code, found = simulator.state.change(kind, body)
        except (ValidationError, json.JSONDecodeError) as error:
            return _error(422, "invalid", str(error).splitlines()[0])
        except Refused as refused:
            return _error(refused.status, refused.code, refused.message)
        return JSONResponse(found, code)

    async def nothing(_: Request) -> JSONResponse:
        raise HTTPException(404)

    return [
        Route("/admin/status", status),
        Route("/admin/workers", workers),
        Route("/admin/operations/{operation_id}", operation),
        Route("/admin/metrics/summary", summary),
        Route("/admin/history", changes),
        Route("/admin/scale", change, methods=["POST"]),
        Route("/admin/restart", change, methods=["POST"]),
        Route("/{path:path}", nothing),
    ]


@contextmanager
def gateway_simulator() -> Iterator[GatewaySimulator]:
    """A simulator that listens; gone on the way out."""
    simulator = GatewaySimulator()
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()
