"""What a bot imports at its start; the process that bots are forked from imports this and does nothing else."""

from __future__ import annotations

import bot.cli
import bot.serve
from bot.adapters import discover as discover_adapters
from bot.platforms import discover as discover_platforms
from commands.registry import discover as discover_commands

__all__ = ["bot"]

discover_adapters()
discover_platforms()
discover_commands()
