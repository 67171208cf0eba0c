"""What bots and gateways import at their start; the process that they are forked from imports this, and that is all."""

from __future__ import annotations

import gc
from importlib import import_module

import bot.cli
import bot.serve
import gateway.cli
import gateway.supervisor.serving
from bot.adapters import discover as discover_adapters
from bot.platforms import discover as discover_platforms
from commands.registry import discover as discover_commands
from tests import compiled

__all__ = ["bot", "gateway"]

#: What they import only when the first request comes or goes.
_LATER = (
    "anyio._backends._asyncio", "anyio.streams.tls", "bot.platforms.slack.home", "bot.platforms.slack.messages",
    "bot.platforms.slack.listeners.workspace", "commands.drills", "dbos._sys_db_postgres", "fastapi.telemetry._runtime",
    "httpcore", "uvicorn.lifespan.off", "uvicorn.lifespan.on", "uvicorn.protocols.http.httptools_impl",
)  # fmt: skip

discover_adapters()
discover_platforms()
discover_commands()
for _name in _LATER:
    import_module(_name)
compiled.share()
gc.collect()
gc.freeze()  # a collection in a fork would touch all of this, and so copy it
