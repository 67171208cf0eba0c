"""Whether workspaces let Tocsin in. Where one does not, nothing is lost, and a human hears so, once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from bot.platforms.slack.refusals import explained
from bot.platforms.slack.web import Barred
from bot.store.errors import StoreUnavailable
from commands.cards import Card, Code, Tone, card, coded, rich
from commands.ports import Clock

log = logging.getLogger(__name__)

#: Tells the people of the house, in the console: Slack may be the very thing that does not work.
TellTheHouse = Callable[[str, Card], Awaitable[None]]


class Access:
    """See Doorkeeper. A trouble begins with the first refusal, and ends with the first answer."""

    def __init__(self, tell: TellTheHouse, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        #: The workspaces, and the methods that each refuses; empty: all of them.
        self._troubles: set[tuple[str, str]] = set()

    async def barred(self, team: str, barred: Barred) -> None:
        """See Doorkeeper. Somebody who looks into neither the log nor the console finds it with the doctor."""
        trouble = (team, "" if barred.everything else barred.method)
        if trouble in self._troubles:
            return
        self._troubles.add(trouble)
        why = explained(barred)
        log.error("%s In the workspace %s; nothing is lost. Run `tocsin slack doctor`.", why, team or "of the token")
        key = f"access:{team}:{trouble[1]}:{barred.code}:{self._clock.now():%Y-%m-%d}"
        try:
            await self._tell(key, _told(team, barred, why))
        except StoreUnavailable as gone:
            log.warning("the console could not be told: %s", gone)
            self._troubles.discard(trouble)

    def let_in(self, team: str, method: str) -> None:
        """See Doorkeeper."""
        for trouble in ((team, ""), (team, method)):
            if trouble in self._troubles:
                self._troubles.discard(trouble)
                log.warning("the workspace %s lets Tocsin in again: %s", team or "of the token", method)


def _told(team: str, barred: Barred, why: str) -> Card:
    title = "Slack does not let Tocsin in" if barred.everything else "Slack does not let Tocsin do everything"
    return card(
        title,
        coded(why),
        rich(f"Workspace: {team or 'that of the token'}. What was to be said or done there is kept, and done then."),
        rich("What is wrong, and what to do: ", Code(text="tocsin slack doctor")),
        tone=Tone.CRITICAL,
    )
