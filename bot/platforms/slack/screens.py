"""What has to happen within Slack's three seconds, before anything is stored: a view opens, and is filled later."""

from __future__ import annotations

import logging
from typing import Any

from bot.platforms.slack import forms
from bot.platforms.slack.declaring import Declaring, is_submission, trigger_of, wants_form
from bot.platforms.slack.intake import AtOnce
from bot.platforms.slack.workshop import Bench

log = logging.getLogger(__name__)


def at_once(bench: Bench) -> AtOnce:
    """The acknowledgement's body for a delivery, or None; views are opened beside it."""
    bench.chat.answer_in_views(Declaring(bench).answered)

    def look(body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return _look(bench, body)
        except Exception:  # whatever is odd about a delivery, it is stored all the same
            log.exception("a view could not be opened")
            return None

    return look


def _look(bench: Bench, body: dict[str, Any]) -> dict[str, Any] | None:
    if is_submission(body):
        return {"response_action": "update", "view": forms.declaring()}
    if wants_form(body):
        team, trigger = trigger_of(body)
        if trigger:
            bench.opening.start(team, trigger, forms.placeholder())
    return None
