"""Slack's limits, written down a second time, and what to look for in a message."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

from bot.platforms.slack.blocks import Shown


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a payload."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(one)


def of_type(message: Shown, kind: str) -> list[dict[str, Any]]:
    """Every object of a type."""
    return [one for one in walk(message.blocks) if one.get("type") == kind]


def said(message: Shown) -> str:
    """Everything that can be read in the blocks."""
    return "\n".join(str(one[key]) for one in walk(message.blocks) for key in ("text", "alt_text") if key in one)


def broken(message: Shown) -> list[str]:
    """Each limit of Slack that a message breaks."""
    found = [] if 0 < len(message.blocks) <= 50 else [f"{len(message.blocks)} blocks"]
    found += [] if 0 < len(message.text) <= 3000 and message.text.strip() else ["fallback"]
    everything = sum(len(one[k]) for one in walk(message.blocks) for k in _READ if isinstance(one.get(k), str))
    found += [] if everything <= 13_200 else [f"{everything} characters"]
    found += [problem for block in message.blocks for problem in _broken_block(block)]
    found += [] if len(of_type(message, "table")) <= 1 else ["tables"]
    ids = [one["action_id"] for one in walk(message.blocks) if "action_id" in one]
    found += [] if len(ids) == len(set(ids)) else ["action ids twice"]
    found += [f"empty {one}" for one in walk(message.blocks) if one.get("text") == ""]
    return found + (
        [] if message.cut == ("tocsin.show_all" in ids) else ["cut without a button, or a button for nothing"]
    )


_READ = ("text", "alt_text", "image_url", "url", "fallback", "user_id", "channel_id")


def _broken_block(block: dict[str, Any]) -> list[str]:
    checks = {
        "header": lambda: len(block["text"]["text"]) <= 150,
        "section": lambda: len(block["fields"]) <= 10 and all(len(one["text"]) <= 2000 for one in block["fields"]),
        "context": lambda: len(block["elements"]) <= 10 and all(len(e["text"]) <= 3000 for e in block["elements"]),
        "actions": lambda: 0 < len(block["elements"]) <= 5 and all(map(_is_button, block["elements"])),
        "image": lambda: len(block["image_url"]) <= 3000 and 0 < len(block["alt_text"]) <= 2000,
        "table": lambda: len(block["rows"]) <= 100 and {len(row) for row in block["rows"]} <= set(range(1, 21)),
        "rich_text": lambda: bool(block["elements"]) and all(part["elements"] for part in block["elements"]),
    }
    return [] if checks[block["type"]]() else [json.dumps(block)[:300]]


def _is_button(element: dict[str, Any]) -> bool:
    label, value = element["text"]["text"], element["value"]
    return 0 < len(label) <= 75 and 0 < len(value) <= 2000 and len(element["action_id"]) <= 255


def simulator_says(blocks: list[dict[str, Any]]) -> list[str]:
    """What the simulator of Slack would refuse, a second opinion."""
    check = importlib.import_module("tests.simulators.slack.blocks.check")
    refused: list[str] = check.problems_of_blocks(blocks)
    return refused
