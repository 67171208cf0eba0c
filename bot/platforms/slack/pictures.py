"""Charts as pictures: within the message where that can be, else in its thread.

Slack shows a message's picture to all who may read the message, if it was there when the message was posted; what is
put into a message later is not found by its readers. And Slack takes no picture before it has looked at it, which is
some moments after the upload. So the picture is uploaded first, for no longer than a person waits; after that, and for
messages that change, it follows as a file in the thread. The message has the words of the chart in any case.

An upload whose answer was lost is done again: until a message shows it, nobody sees it. The file in the thread is
found by its name.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from bot.charts import png
from bot.platforms.slack.documents import Documents
from bot.platforms.slack.places import Spot
from bot.platforms.slack.render.measure import cut
from bot.platforms.slack.web import Refused, Web
from commands.charts import Chart
from commands.ports import Clock, Post, Undeliverable

log = logging.getLogger(__name__)

#: How long Slack may look at a picture, from try to try.
_LOOKS = (0.5, 1.0, 2.0)
_ALT, _MOST = 1000, 200

#: Says a message, with a file as its picture or without one; its reference.
Say = Callable[[str | None], Awaitable[str]]


class Pictures:
    """The pictures of messages. It remembers which message shows which file, as far as this process has said it."""

    def __init__(self, web: Web, documents: Documents, clock: Clock) -> None:
        self._web = web
        self._documents = documents
        self._clock = clock
        #: How many seconds a message waits for the upload of its picture.
        self.patience = 8.0
        self._files: OrderedDict[tuple[str, str], tuple[Chart, str]] = OrderedDict()

    def of(self, spot: Spot, post: Post) -> str | None:
        """The file that a message shows already, if its chart is still that one."""
        chart, file = self._files.get((spot.team, post.key), (None, None))
        return file if chart == post.card.chart else None

    async def say(self, spot: Spot, post: Post, say: Say) -> str:
        """Say a message with its picture; without it when Slack has not looked at it in time."""
        file = await self._uploaded(spot, post)
        for seconds in _LOOKS if file else ():
            try:
                return await say(file)
            except (Refused, Undeliverable) as error:
                if not _is_looking(error):
                    raise
            await self._clock.sleep(seconds)
        self._files.pop((spot.team, post.key), None)
        return await say(None)

    async def attach(self, spot: Spot, ts: str, post: Post) -> None:
        """The picture into the thread of a message that does not show it, once. Raises Busy, Unclear.

        Where Slack refuses it, the words have to do: that is no trouble to interrupt people with.
        """
        chart, thread = post.card.chart, post.thread or ts
        if chart is None or self.of(spot, post) is not None:
            return
        name, picture = _name(post.key, chart), await asyncio.to_thread(png, chart)
        try:
            await self._documents.upload(spot, thread, name, picture, title=chart.title, alt=_alt(chart))
        except Refused as refused:
            log.warning("%s has no picture: %s", post.key, refused)

    async def _uploaded(self, spot: Spot, post: Post) -> str | None:
        """The file of a message's chart, which nobody sees yet. Whatever goes wrong, the message goes on."""
        chart = post.card.chart
        if chart is None or self.of(spot, post) is not None:
            return self.of(spot, post)
        try:
            async with asyncio.timeout(self.patience):
                file = await self._upload(spot, post, chart)
        except Exception as error:  # the message is worth more than its picture
            log.warning("%s is said without its picture: %s: %s", post.key, type(error).__name__, error)
            return None
        self._files[spot.team, post.key] = chart, file
        while len(self._files) > _MOST:
            self._files.popitem(last=False)
        return file

    async def _upload(self, spot: Spot, post: Post, chart: Chart) -> str:
        picture = await asyncio.to_thread(png, chart)
        said = await self._web.call(
            spot.team,
            "files.getUploadURLExternal",
            urgency=post.urgency,
            filename=_name(post.key, chart),
            length=len(picture),
            alt_txt=_alt(chart),
        )
        await self._web.send_bytes(str(said["upload_url"]), picture)
        files = [{"id": said["file_id"], "title": chart.title}]
        await self._web.call(spot.team, "files.completeUploadExternal", urgency=post.urgency, files=files)
        return str(said["file_id"])


def _name(key: str, chart: Chart) -> str:
    """Another name for each message, and for each chart of it."""
    digest = hashlib.sha256(f"{key}\0{chart.model_dump_json()}".encode()).hexdigest()
    return f"chart-{digest[:10]}.png"


def _alt(chart: Chart) -> str:
    return cut(chart.words(), _ALT)


def _is_looking(error: Refused | Undeliverable) -> bool:
    """Slack does not take the picture yet, perhaps never; anything else is said for what it is."""
    refused = error if isinstance(error, Refused) else error.__cause__
    return isinstance(refused, Refused) and refused.code == "invalid_blocks" and "slack file" in str(refused)
