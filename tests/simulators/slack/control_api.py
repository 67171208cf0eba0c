"""A door for tests that run the bot in other processes: everything that the simulator can do, over JSON."""

from __future__ import annotations

import base64
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.simulators.slack.errors import NotPossible

if TYPE_CHECKING:
    from tests.simulators.slack.simulator import Slack


class ControlApi:
    """`POST /control/do` with a name such as `slash` or `faults.slow`; `POST /control/set` for switches."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    def add_to(self, app: web.Application) -> None:
        """Open the door."""
        app.add_routes([web.post("/control/do", self._do), web.post("/control/set", self._set)])

    async def _do(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        try:
            value = self._find(body["name"])
            if callable(value):
                value = value(*body.get("args", []), **_decoded(body.get("kwargs", {})))
            if inspect.isawaitable(value):
                value = await value
        except (NotPossible, TimeoutError, TypeError, AttributeError, ValueError) as error:
            return web.json_response({"error": type(error).__name__, "message": str(error)}, status=400)
        return web.json_response({"value": plain(value)})

    async def _set(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        owner, _, name = body["name"].rpartition(".")
        setattr(self._find(owner), name, body["value"])
        return web.json_response({"value": None})

    def _find(self, path: str) -> Any:
        value: Any = self._slack
        for name in path.split("."):
            if name.startswith("_"):
                raise AttributeError(path)
            value = getattr(value, name)
        return value


def _decoded(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Files come with their bytes in base64."""
    if "files" in kwargs:
        kwargs["files"] = [(name, base64.b64decode(content)) for name, content in kwargs["files"]]
    return kwargs


def plain(value: Any) -> Any:
    """As JSON can carry it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value) if _shown(one.name)}
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _shown(name: str) -> bool:
    return not name.startswith("_") and name not in {"socket", "request", "waiting", "installation"}
