"""The shape of rich text, which tables use as well."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack.blocks.objects import url
from tests.simulators.slack.blocks.shapes import Check, Report, boolean, by_type, fields, items, number, one_of, string

_NAMES = ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
STYLE = fields({}, dict.fromkeys(_NAMES, boolean))

IN_LINE: dict[str, Check] = {
    "text": fields({"text": string(13_200)}, {"style": STYLE}),
    "link": fields({"url": url}, {"text": string(3000), "unsafe": boolean, "style": STYLE}),
    "user": fields({"user_id": string(255)}, {"style": STYLE}),
    "usergroup": fields({"usergroup_id": string(255)}, {"style": STYLE}),
    "channel": fields({"channel_id": string(255)}, {"style": STYLE}),
    "broadcast": fields({"range": one_of("here", "channel", "everyone")}, {"style": STYLE}),
    "emoji": fields({"name": string(255)}, {"unicode": string(255), "url": url, "style": STYLE}),
    "color": fields({"value": string(255)}, {"style": STYLE}),
    "date": fields(
        {"timestamp": number, "format": string(255)}, {"url": url, "fallback": string(3000), "style": STYLE}
    ),
}

_words = items(by_type(IN_LINE), 1000, 0)
_section = fields({"elements": _words})
_list = fields(
    {"style": one_of("bullet", "ordered"), "elements": items(by_type({"rich_text_section": _section}), 1000)},
    {"indent": number, "offset": number, "border": number},
)
_quoted = fields({"elements": _words}, {"border": number, "language": string(255)})

_parts = by_type(
    {
        "rich_text_section": _section,
        "rich_text_list": _list,
        "rich_text_preformatted": _quoted,
        "rich_text_quote": _quoted,
    }
)


def parts(report: Report, at: str, value: Any) -> None:
    """The elements of a rich_text block."""
    items(_parts, 1000)(report, at, value)


_cell = by_type({"raw_text": fields({"text": string(13_200)}), "rich_text": fields({"elements": parts})})
_column = fields({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})

ROWS = items(items(_cell, 20), 100)
COLUMNS = items(_column, 20)
