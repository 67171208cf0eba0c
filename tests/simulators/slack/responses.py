"""Answers to interactions: by response URL, or at once in the acknowledgement."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack.blocks.check import problems_of_blocks
from tests.simulators.slack.core import Core
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, Message, ResponseUrl
from tests.simulators.slack.web import pictures
from tests.simulators.slack.web.content import with_ids

USES, SECONDS = 5, 1800
KEYS = {
    "attachments",
    "blocks",
    "delete_original",
    "link_names",
    "metadata",
    "mrkdwn",
    "parse",
    "replace_original",
    "response_type",
    "text",
    "thread_ts",
    "unfurl_links",
    "unfurl_media",
}


class Responses:
    """What an app says back to a person."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def post(self, url_id: str, body: Any) -> None:
        """A POST to a response URL."""
        url = self._core.state.response_urls.get(url_id)
        if url is None:
            raise Refused("no_such_url")
        if url.uses >= USES:
            self._core.violation("response_url: used more than five times")
            raise Refused("used_url")
        if self._core.state.now - url.born > SECONDS:
            self._core.violation("response_url: used after 30 minutes")
            raise Refused("expired_url")
        self.check(body, "response_url")
        url.uses += 1
        url.answered = url.answered or self._core.state.now
        self.say(url, body)

    def check(self, body: Any, where: str) -> None:
        """Refuse what no such answer may hold."""
        if not isinstance(body, dict):
            raise Refused("invalid_payload")
        wrong = [f"[ERROR] unexpected argument: {name}" for name in set(body) - KEYS]
        if body.get("response_type") not in {None, "ephemeral", "in_channel"}:
            wrong.append("[ERROR] response_type must be ephemeral or in_channel")
        if body.get("blocks") is not None:
            wrong += problems_of_blocks(body["blocks"])
            wrong += [f"[ERROR] invalid slack file [json-pointer:{at}]" for at, _ in pictures.shown_in(body["blocks"])]
        if wrong:
            self._core.violation(f"{where}: {'; '.join(wrong)}")
            raise Refused("invalid_blocks", wrong)
        if not any(body.get(name) for name in ("text", "blocks", "attachments", "delete_original")):
            raise Refused("no_text")

    def say(self, url: ResponseUrl, body: dict[str, Any]) -> None:
        """Show it where the interaction was."""
        channel = self._core.state.channel(url.channel)
        original = next((one for one in channel.messages if one.ts == url.message), None) if url.message else None
        if body.get("delete_original") and original:
            return self._core.happen.delete(channel, original)
        if body.get("replace_original") and original:
            changes = self._content(body)
            return self._core.happen.edit(channel, original, changes, quietly=bool(original.ephemeral_to))
        if body.get("delete_original"):
            return None
        return self._new(url, channel, body)

    def _new(self, url: ResponseUrl, channel: Channel, body: dict[str, Any]) -> None:
        private = body.get("response_type", "ephemeral") == "ephemeral"
        bot = self._core.state.installation(url.team).bot
        message: Message = self._core.happen.message(
            channel,
            bot,
            bot_id=bot.bot_id,
            app_id=self._core.app_id,
            thread_ts=str(body.get("thread_ts") or url.thread_ts or ""),
            ephemeral_to=url.user if private else "",
            metadata=body.get("metadata"),
            **self._content(body),
        )
        self._core.happen.post(channel, message)

    def _content(self, body: dict[str, Any]) -> dict[str, Any]:
        blocks = body.get("blocks")
        return {
            "text": str(body.get("text") or ""),
            "blocks": with_ids(blocks, self._core.state.id) if blocks else None,
            "attachments": body.get("attachments"),
        }
