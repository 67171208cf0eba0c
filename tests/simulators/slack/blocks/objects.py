"""The composition objects of Block Kit: text, options, confirmations."""

from __future__ import annotations

import re
from typing import Any

from tests.simulators.slack.blocks.shapes import (
    Check,
    Report,
    also,
    boolean,
    by_type,
    exactly_one,
    fields,
    items,
    matching,
    one_of,
    string,
)

ID = 255
URL = 3000


def plain(most: int) -> Check:
    """A plain_text object."""
    return by_type({"plain_text": fields({"text": string(most)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """A plain_text or a mrkdwn object."""
    return by_type(
        {
            "plain_text": fields({"text": string(most)}, {"emoji": boolean}),
            "mrkdwn": fields({"text": string(most)}, {"verbatim": boolean}),
        }
    )


def url(report: Report, at: str, value: Any) -> None:
    """An address that a browser opens."""
    string(URL)(report, at, value)
    if isinstance(value, str) and not value.startswith(("http://", "https://", "mailto:", "slack://")):
        report.wrong("must be a valid URL", at)


def action_id(report: Report, at: str, value: Any) -> None:
    """Unique in its block."""
    string(ID)(report, at, value)
    block = re.match(r"/blocks/\d+", at)
    key = f"{block[0] if block else ''} {value}"
    if key in report.action_ids:
        report.wrong(f"`action_id` {value} already exists in this block", at)
    report.action_ids.add(key)


def block_id(report: Report, at: str, value: Any) -> None:
    """Unique in its message or view."""
    string(ID)(report, at, value)
    if isinstance(value, str):
        if value in report.block_ids:
            report.wrong(f"`block_id` {value} already exists", at)
        report.block_ids.add(value)


STYLE = one_of("primary", "danger")

confirmation = fields(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": STYLE},
)


def option(label: Check) -> Check:
    """One choice."""
    return fields({"text": label, "value": string(150)}, {"description": label, "url": url})


OPTION = option(plain(75))
RICH_OPTION = option(text(75))
OPTION_GROUP = fields({"label": plain(75), "options": items(OPTION, 100)})

SLACK_FILE = also(
    fields({}, {"id": matching(r"F[A-Z0-9]{8,}", "the id of a file"), "url": url}), exactly_one("id", "url")
)

DATE = matching(r"\d{4}-\d{2}-\d{2}", "a date as YYYY-MM-DD")
TIME = matching(r"\d{2}:\d{2}", "a time as HH:mm")

FILTER = fields(
    {},
    {
        "include": items(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)
DISPATCH = fields(
    {}, {"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 2)}
)  # fmt: skip
