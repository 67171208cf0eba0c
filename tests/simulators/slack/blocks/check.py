"""Whole blocks, messages and views, held to Slack's limits."""

from __future__ import annotations

import json
from typing import Any, Literal

from tests.simulators.slack.blocks import rich
from tests.simulators.slack.blocks.elements import ACCESSORY, IN_ACTIONS, IN_CONTEXT, IN_INPUT, image
from tests.simulators.slack.blocks.objects import block_id, plain, text
from tests.simulators.slack.blocks.shapes import (
    Check,
    Report,
    also,
    at_least_one,
    boolean,
    by_type,
    fields,
    items,
    one_of,
    string,
)

Surface = Literal["message", "modal", "home"]

MOST_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
MOST_TEXT = 13_200
MOST_VIEW_BYTES = 250_000

ID: dict[str, Check] = {"block_id": block_id}


def _image_block(report: Report, at: str, value: Any) -> None:
    if isinstance(value, dict):
        image(report, at, {key: one for key, one in value.items() if key not in {"block_id", "title"}})
        own = {key: one for key, one in value.items() if key in {"block_id", "title"}}
        fields({}, ID | {"title": plain(2000)})(report, at, own)


BLOCKS: dict[str, Check] = {
    "section": also(
        fields(
            {}, ID | {"text": text(3000), "fields": items(text(2000), 10), "accessory": ACCESSORY, "expand": boolean}
        ),
        at_least_one("text", "fields"),
    ),
    "header": fields({"text": plain(150)}, ID),
    "divider": fields({}, ID),
    "context": fields({"elements": items(IN_CONTEXT, 10)}, ID),
    "actions": fields({"elements": items(IN_ACTIONS, 25)}, ID),
    "image": _image_block,
    "input": fields(
        {"label": plain(2000), "element": IN_INPUT},
        ID | {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": fields({"elements": rich.parts}, ID),
    "table": fields({"rows": rich.ROWS}, ID | {"column_settings": rich.COLUMNS}),
    "markdown": fields({"text": string(12_000)}, ID),
    "file": fields({"external_id": string(255), "source": one_of("remote")}, ID),
}

ON_SURFACE: dict[Surface, Check] = {
    "message": by_type(BLOCKS),
    "modal": by_type({name: one for name, one in BLOCKS.items() if name not in {"table", "markdown", "file"}}),
    "home": by_type({name: one for name, one in BLOCKS.items() if name not in {"table", "markdown", "file"}}),
}


def problems_of_blocks(blocks: Any, surface: Surface = "message") -> list[str]:
    """What Slack would refuse in a list of blocks."""
    report = Report()
    least = 1 if surface == "modal" else 0
    items(ON_SURFACE[surface], MOST_BLOCKS[surface], least)(report, "/blocks", blocks)
    if surface == "message" and isinstance(blocks, list):
        tables = [index for index, one in enumerate(blocks) if isinstance(one, dict) and one.get("type") == "table"]
        for index in tables[1:]:
            report.wrong("only one table is allowed in a message", f"/blocks/{index}")
    return report.problems


def length_of_text(value: Any) -> int:
    """All characters that people read in a payload; texts and values of elements, at any depth."""
    if isinstance(value, list):
        return sum(length_of_text(one) for one in value)
    if not isinstance(value, dict):
        return 0
    return sum(
        len(one) if name in {"text", "alt_text"} and isinstance(one, str) else length_of_text(one)
        for name, one in value.items()
    )


_TITLE = plain(24)
_common: dict[str, Check] = {
    "callback_id": string(255, 0),
    "private_metadata": string(3000, 0),
    "external_id": string(255, 0),
}
VIEWS: dict[Surface, Check] = {
    "modal": fields(
        {"title": _TITLE, "blocks": lambda _report, _at, _value: None},
        _common
        | {
            "submit": _TITLE,
            "close": _TITLE,
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
    ),
    "home": fields({"blocks": lambda _report, _at, _value: None}, _common),
}


def problems_of_view(view: Any) -> list[str]:
    """What Slack would refuse in a modal or a home tab."""
    if not isinstance(view, dict) or view.get("type") not in VIEWS:
        return ["[ERROR] unsupported view type [json-pointer:/view/type]"]
    surface: Surface = view["type"]
    report = Report()
    VIEWS[surface](report, "/view", view)
    found = problems_of_blocks(view.get("blocks"), surface)
    asks = any(isinstance(one, dict) and one.get("type") == "input" for one in view.get("blocks") or [])
    if surface == "modal" and asks and not view.get("submit"):
        report.wrong("missing required field: submit", "/view")
    return report.problems + [one.replace("json-pointer:/blocks", "json-pointer:/view/blocks") for one in found]


def too_large(view: Any) -> bool:
    """A view of more than 250 KB."""
    return len(json.dumps(view).encode()) > MOST_VIEW_BYTES
