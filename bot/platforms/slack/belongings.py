"""What belongs to a message: the pin, the document, the picture that it does not show.

Each is done once, and by itself; the message waits for none.
"""

from __future__ import annotations

import logging

from bot.platforms.slack.documents import Documents
from bot.platforms.slack.pictures import Pictures
from bot.platforms.slack.places import Places, Spot
from bot.platforms.slack.refusals import Tell, complain
from bot.platforms.slack.web import Barred, Busy, Refused, Unclear, Web
from commands.ports import Post, Unfinished
from commands.presentation.words import cut

log = logging.getLogger(__name__)

_MOST_KEPT = 5000


class Belongings:
    """Brings to a message what belongs to it. What Slack refuses is said in the channel, once."""

    def __init__(self, web: Web, documents: Documents, pictures: Pictures, places: Places, tell: Tell) -> None:
        self._web = web
        self._documents = documents
        self.pictures = pictures
        self._places = places
        self._tell = tell
        self._pinned: set[tuple[str, str]] = set()

    async def bring(self, spot: Spot, ts: str, post: Post) -> None:
        """To the message of a time. Raises Unfinished for what may be done later."""
        failed: Exception | None = None
        for what, step in (("pinned", self._pin), ("uploaded", self._attach), ("drawn", self.pictures.attach)):
            try:
                await step(spot, ts, post)
            except Refused as refused:
                await self._tell_of(spot, post, what, refused)
                failed = failed or (refused if isinstance(refused, Barred) else None)
            except (Busy, Unclear) as error:
                failed = failed or error
        if failed is not None:
            raise Unfinished(ts, f"{type(failed).__name__}: {failed}") from failed

    async def _pin(self, spot: Spot, ts: str, post: Post) -> None:
        if not post.pinned or (spot.reference, ts) in self._pinned:
            return
        try:
            await self._web.call(spot.team, "pins.add", channel=spot.channel, timestamp=ts)
        except Refused as refused:
            if refused.code != "already_pinned":
                raise
        if len(self._pinned) >= _MOST_KEPT:
            self._pinned.clear()  # a pin that is there already is asked for once more
        self._pinned.add((spot.reference, ts))

    async def _attach(self, spot: Spot, ts: str, post: Post) -> None:
        if post.card.document is not None:
            await self._documents.attach(spot, post.thread or ts, post.card.document)

    async def _tell_of(self, spot: Spot, post: Post, what: str, refused: Refused) -> None:
        log.warning("%s could not be %s: %s", post.key, what, refused)
        channel = await self._places.name(spot)
        if channel is not None:
            title = post.card.document.title if what == "uploaded" and post.card.document else post.card.title
            told = f"Not {what}: {cut(title, 100)}"
            await complain(self._tell, channel, told, refused, key=f"{post.key}:{what}")
