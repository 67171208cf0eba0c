"""What bots and gateways import at their start; the process that they are forked from imports this, and that is all."""

from __future__ import annotations

import bot.cli
import bot.serve
import gateway.cli
import gateway.supervisor.serving
from bot.adapters import discover as discover_adapters
from bot.platforms import discover as discover_platforms
from commands.registry import discover as discover_commands

__all__ = ["bot", "gateway"]

discover_adapters()
discover_platforms()
discover_commands()
