"""A webhook of Microsoft Teams: a connector's takes message cards and says `1`, a workflow's takes Adaptive Cards.

As there: what is no card is refused in plain words, what has more than 28 KB with 413.
"""

from __future__ import annotations

from typing import Any

from tests.simulators.wire import Answer, Asked

MOST_BYTES = 28 * 1024


class TeamsWebhookSimulator:
    """The cards that were shown in the channel."""

    def __init__(self) -> None:
        self.cards: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Answer:
        if len(asked.body) > MOST_BYTES:
            return Answer(413, "Message too large")
        card = asked.json
        if card.get("type") == "message":
            return self._workflow(card)
        if not (card.get("summary") or card.get("text")):
            return Answer(400, "Summary or Text is required.")
        if not isinstance(card.get("title", ""), str) or not all(self._is_section(one) for one in card["sections"]):
            return Answer(400, "Bad payload received by generic incoming webhook.")
        self.cards.append(card)
        return Answer(200, "1")

    def _workflow(self, message: dict[str, Any]) -> Answer:
        """The webhook of a workflow: an envelope with one Adaptive Card; nothing is said of it but 202."""
        (attached,) = message["attachments"]
        card = attached["content"]
        right = attached["contentType"] == "application/vnd.microsoft.card.adaptive" and card["type"] == "AdaptiveCard"
        blocks = [one for one in card["body"] if one["type"] == "RichTextBlock" and one["inlines"]]
        if not right or len(blocks) != len(card["body"]):
            return Answer(400, {"error": {"code": "TriggerInputSchemaMismatch"}})
        self.cards.append(card)
        return Answer(202)

    @staticmethod
    def _is_section(section: dict[str, Any]) -> bool:
        facts = section.get("facts", [])
        return all(isinstance(fact.get("name"), str) and isinstance(fact.get("value"), str) for fact in facts)
