"""Builds the console's web application from its parts."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot.delivery import Intake
from bot.platforms.console import api, faults, login, pages, papers_pages, reports_pages, stream
from bot.platforms.console.channels import ChannelList
from bot.platforms.console.console import STATIC, Console, TheConsole, assets_path
from bot.platforms.console.fences import BodyLimit, OwnNames, SecurityHeaders
from bot.platforms.console.hub import Hub
from bot.platforms.console.passwords import Doorkeeper
from bot.platforms.console.record import ConsoleRecord, Papers
from bot.platforms.console.rendering import Renderer
from bot.platforms.console.sessions import Sessions
from bot.platforms.console.settings import ConsoleSettings
from commands.people import Directory, Person
from commands.registry import Command


def build(  # noqa: PLR0913 - what the console is made of
    *,
    intake: Intake,
    record: ConsoleRecord,
    papers: Papers,
    commands: Callable[[Person], list[Command]],
    directory: Directory,
    settings: ConsoleSettings,
    hub: Hub,
    secret: bytes,
    version: str,
) -> FastAPI:
    """The console as an ASGI application. `secret` signs the sessions; a new one ends them all."""
    assets = assets_path()
    renderer = Renderer(directory, version=version, assets=assets)
    console = Console(
        intake=intake,
        record=record,
        papers=papers,
        commands=commands,
        directory=directory,
        settings=settings,
        hub=hub,
        sessions=Sessions(secret, settings),
        doorkeeper=Doorkeeper(settings),
        renderer=renderer,
        channels=ChannelList(record, renderer),
    )
    return _application(console, assets)


def _application(console: Console, assets: str) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.mount(assets, KeptFiles(directory=STATIC))
    for router in (pages.routes, papers_pages.routes, reports_pages.routes, login.routes, api.routes, stream.routes):
        # As they are: included, they would all be built once more, while the first request waits and everybody else.
        app.router.routes.extend(router.routes)
    app.add_api_route("/healthz", health, methods=["GET"])
    faults.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimit)
    app.add_middleware(OwnNames, names=console.settings.names())
    app.add_middleware(SecurityHeaders)
    return app


async def health(console: TheConsole) -> Response:
    """Whether the console can read the record; a store that does not answer is a 503."""
    await console.record.cursor()
    return JSONResponse({"status": "ok"})


class KeptFiles(StaticFiles):
    """Files whose path changes with their content: browsers may keep them for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with leave to keep it."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
