"""Runs the bot until it is told to stop."""

from __future__ import annotations

import logging
import socket

from bot.app import running
from bot.outside import outside
from bot.platforms.console.server import ConsoleServer
from bot.platforms.console.settings import netloc
from bot.settings import Settings, SettingsError

log = logging.getLogger(__name__)


def check_port(settings: Settings) -> None:
    """Fail early and clearly. Raises SettingsError when the console's port is taken."""
    host, port = settings.console.host, settings.console.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"The console cannot listen on {netloc(host, port)}: {error.strerror}. Stop what listens there, or set "
                f"TOCSIN_CONSOLE__PORT to another port."
            ) from None


async def serve(settings: Settings) -> None:
    """Until SIGINT or SIGTERM."""
    check_port(settings)
    if not settings.people:
        raise SettingsError("people is empty: nobody could use Tocsin. Add people to the settings file.")
    async with outside(settings) as found, running(settings, found) as app:
        await ConsoleServer(app.console, settings.console, app.hub, started=_say_where).serve()


def _say_where(url: str) -> None:
    log.info("the console is at %s", url)
