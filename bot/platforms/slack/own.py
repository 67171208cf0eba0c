"""Commands that Slack has itself: no app can have them, so they are typed after `/tocsin`.

https://api.slack.com/interactivity/slash-commands, "Built-in slash commands".
"""

from __future__ import annotations

import re

#: Those of Slack's own whose names Tocsin has, too.
SLACKS_OWN = frozenset({"help", "remind", "status"})
_OWN = re.compile(rf"/(?=(?:{'|'.join(sorted(SLACKS_OWN))})\b)")


def as_typed(command: str) -> str:
    """A command as it is typed in Slack: `/remind @ana 10m` is `/tocsin remind @ana 10m` there."""
    return _OWN.sub("/tocsin ", command, count=1) if command.startswith("/") else command
