"""All actions by name."""

from __future__ import annotations

from commands.actions.action import Action
from commands.actions.restart import RESTART
from commands.actions.scale import SCALE

ACTIONS: dict[str, Action] = {action.name: action for action in (SCALE, RESTART)}
