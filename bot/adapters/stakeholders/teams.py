"""Stakeholders in a channel of Microsoft Teams: a card to its webhook.

There are two kinds. A connector's takes message cards, by a library that is synchronous, so it works in a thread, with
a time-out of its own; it says of some failures that they are successes, and only its words tell. A workflow's takes
Adaptive Cards. Either takes 28 KB.
"""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pymsteams
import requests

from commands.domain.stakeholder import Brief, Form, StakeholderUpdate
from commands.errors import Unavailable
from commands.ports import Overloaded, Rejected
from commands.presentation.words import cut
from templates.render import moment

_MOST_BYTES = 28 * 1024
_MOST_TEXT, _LEAST_TEXT = 4000, 300
_ADAPTIVE = "application/vnd.microsoft.card.adaptive"
_TIMEOUT_SECONDS = 15
_A_WHILE = timedelta(seconds=60)
_COLOURS = {True: "2E7D32", False: "C62828"}


class Connector:
    """One channel, by the webhook of a connector."""

    def __init__(self, url: str, zone: str, *, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout = timeout
        self._zone = zone

    async def send(self, update: StakeholderUpdate, *, text: str, html: str) -> None:  # noqa: ARG002 - cards have parts
        """See Sender."""
        await asyncio.to_thread(self._send, self.card(update))

    def card(self, update: StakeholderUpdate) -> pymsteams.connectorcard:
        """The card, cut where it would not fit."""
        card = self._card(update, most=_MOST_TEXT)
        return card if _size(card.payload) <= _MOST_BYTES else self._card(update, most=_LEAST_TEXT)

    def _card(self, update: StakeholderUpdate, *, most: int) -> pymsteams.connectorcard:
        brief = update.brief
        card = pymsteams.connectorcard(self._url, http_timeout=self._timeout)
        card.title(cut(brief.headline, most)).summary(cut(brief.headline, 200))
        card.color(_COLOURS[brief.ended is not None])
        section = pymsteams.cardsection()
        section.disableMarkdown()  # what people typed reads as they typed it
        section.text(cut(_said(update), most))
        for label, value in _facts(brief, self._zone):
            section.addFact(label, cut(value, most))
        card.addSection(section)
        if brief.link:
            card.addLinkButton("Open", brief.link)
        return card

    def _send(self, card: pymsteams.connectorcard) -> None:
        try:
            card.send()
        except pymsteams.TeamsWebhookException as error:
            raise _error(card.last_http_response.status_code, str(error)) from error
        except requests.RequestException as error:
            raise Unavailable(f"Teams does not answer ({type(error).__name__}).") from error
        _check_kind(card.last_http_response.headers.get("Content-Type", ""))
        said = card.last_http_response.text.strip()
        if failed := re.search(r"HTTP error (\d{3})", said):
            raise _error(int(failed[1]), said)


class Workflow:
    """One channel, by the webhook of a workflow."""

    def __init__(self, url: str, zone: str, *, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._url = url
        self._zone = zone
        self._http = httpx.AsyncClient(timeout=timeout)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def send(self, update: StakeholderUpdate, *, text: str, html: str) -> None:  # noqa: ARG002 - cards have parts
        """See Sender."""
        try:
            answer = await self._http.post(self._url, json=self.message(update))
        except httpx.HTTPError as error:
            raise Unavailable(f"Teams does not answer ({type(error).__name__}).") from error
        if not answer.is_success:
            raise _error(answer.status_code, answer.text)
        _check_kind(answer.headers.get("Content-Type", ""))

    def message(self, update: StakeholderUpdate) -> dict[str, Any]:
        """The card in its envelope, cut where it would not fit."""
        message = self._message(update, most=_MOST_TEXT)
        return message if _size(message) <= _MOST_BYTES else self._message(update, most=_LEAST_TEXT)

    def _message(self, update: StakeholderUpdate, *, most: int) -> dict[str, Any]:
        """Runs of text, and no text blocks: what people typed is no markup."""
        brief = update.brief
        title = {"type": "TextRun", "text": cut(brief.headline, most), "weight": "bolder", "size": "large"}
        said = {"type": "TextRun", "text": cut(_said(update), most)}
        facts = [
            [
                {"type": "TextRun", "text": f"{label}: ", "weight": "bolder"},
                {"type": "TextRun", "text": cut(value, most)},
            ]
            for label, value in _facts(brief, self._zone)
        ]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "RichTextBlock", "inlines": line} for line in ([title], [said], *facts)],
            "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": brief.link}] if brief.link else [],
        }
        return {"type": "message", "attachments": [{"contentType": _ADAPTIVE, "content": card}]}


def _check_kind(content_type: str) -> None:
    """A page for people is somebody else's answer: of a proxy, or of a form to sign in."""
    if content_type.lower().startswith("text/html"):
        raise Unavailable("Teams answers something that makes no sense (a web page).")


def _said(update: StakeholderUpdate) -> str:
    brief = update.brief
    return brief.words or brief.changed or f"Update {update.number} of {brief.incident}"


def _facts(brief: Brief, zone: str) -> list[tuple[str, str]]:
    since = ("Since", moment(brief.since, zone))
    if brief.words:
        facts = []
    elif brief.form is Form.EXECUTIVE:
        facts = [("What customers notice", brief.notices), since, ("What is being done", brief.doing)]
    else:
        parts = (("Conditions", brief.conditions), ("Actions", brief.actions), ("Needs", brief.needs))
        facts = [since, *((label, "; ".join(lines)) for label, lines in parts)]
    ended = [("Over since", moment(brief.ended, zone))] if brief.ended else []
    return [*facts, *ended, *([("Next word", moment(brief.next_at, zone))] if brief.next_at else [])]


def _size(payload: dict[str, Any]) -> int:
    return len(json.dumps(payload).encode())


def _error(status: int, said: str) -> Exception:
    if status == requests.codes.too_many_requests:
        return Overloaded("Teams takes no more for now (status 429).", after=_A_WHILE)
    if 300 <= status < 500 and status != requests.codes.request_timeout:
        return Rejected(f"status {status}: {' '.join(said.split())[:200]}")
    return Unavailable(f"Teams answers with status {status}.")
