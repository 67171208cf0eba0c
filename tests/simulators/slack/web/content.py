"""What may stand in a message: text, blocks, attachments and metadata within their limits."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from tests.simulators.slack.blocks.check import MOST_TEXT, length_of_text, problems_of_blocks
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.web.call import Call

MOST_CHARACTERS = 40_000
MOST_METADATA = 8_000
ATTACHMENT_KEYS = frozenset(
    {
        "author_icon", "author_link", "author_name", "blocks", "color", "fallback", "fields", "footer", "footer_icon",
        "id", "image_url", "mrkdwn_in", "pretext", "text", "thumb_url", "title", "title_link", "ts",
    }
)  # fmt: skip

ERRORS = (
    "no_text",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "too_many_attachments",
    "markdown_text_conflict",
)


def content(call: Call, *, too_long: str = "msg_blocks_too_long") -> dict[str, Any]:
    """Text, blocks, attachments and metadata of a call, checked; `too_long` is the method's word for it."""
    text = call.args.get("text")
    blocks, attachments = blocks_of(call, too_long), attachments_of(call)
    if call.args.get("markdown_text"):
        blocks = _markdown(call, blocks)
    if not (text or "").strip() and not blocks and not attachments:
        raise Refused("no_text")
    return {
        "text": _text(call, text or "", too_long),
        "blocks": with_ids(blocks, call.core.state.id) if blocks else None,
        "attachments": attachments,
        "metadata": metadata_of(call),
    }


def _text(call: Call, text: str, too_long: str) -> str:
    if not isinstance(text, str):
        raise Refused("invalid_arguments", ["[ERROR] must be a string: text"])
    if len(text) <= MOST_CHARACTERS:
        return text
    call.core.violation(f"{call.method}: a text of {len(text)} characters was cut")
    if too_long == "msg_too_long":
        raise Refused("msg_too_long")
    return text[:MOST_CHARACTERS]


def _markdown(call: Call, blocks: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    if blocks or call.args.get("text"):
        raise Refused("markdown_text_conflict")
    return [{"type": "markdown", "text": call.text("markdown_text")}]


def blocks_of(call: Call, too_long: str) -> list[dict[str, Any]] | None:
    """The blocks of a call, within every limit."""
    blocks = call.args.get("blocks")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    wrong = problems_of_blocks(blocks)
    if wrong:
        call.core.violation(f"{call.method}: {'; '.join(wrong)}")
        raise Refused("invalid_blocks", wrong)
    if length_of_text(blocks) > MOST_TEXT:
        call.core.violation(f"{call.method}: {length_of_text(blocks)} characters in blocks")
        raise Refused(too_long)
    return blocks


def attachments_of(call: Call) -> list[dict[str, Any]] | None:
    """The old attachments of a call."""
    attachments = call.args.get("attachments")
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise Refused("invalid_arguments", ["[ERROR] attachments must be an array of objects"])
    if len(attachments) > 100:
        raise Refused("too_many_attachments")
    for index, one in enumerate(attachments):
        _check_attachment(call, one, index)
    return attachments


def _check_attachment(call: Call, one: dict[str, Any], index: int) -> None:
    unknown = set(one) - ATTACHMENT_KEYS
    wrong = [f"[ERROR] invalid additional property: {name} [json-pointer:/attachments/{index}]" for name in unknown]
    wrong += problems_of_blocks(one.get("blocks") or [])
    if wrong:
        call.core.violation(f"{call.method}: {'; '.join(wrong)}")
        raise Refused("invalid_blocks", wrong)


def metadata_of(call: Call) -> dict[str, Any] | None:
    """The metadata of a call: a type of event and flat JSON."""
    metadata = call.args.get("metadata")
    if metadata in (None, "", {}):
        return None
    if not isinstance(metadata, dict):
        raise Refused("invalid_metadata_format")
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if (
        not isinstance(kind, str)
        or not kind
        or not isinstance(payload, dict)
        or set(metadata)
        - {
            "event_type",
            "event_payload",
        }
    ):
        raise Refused("invalid_metadata_schema")
    if len(json.dumps(metadata)) > MOST_METADATA:
        raise Refused("metadata_too_large")
    return metadata


def with_ids(blocks: list[dict[str, Any]], new_id: Callable[[str], str]) -> list[dict[str, Any]]:
    """A copy in which each block and each element has an id, as Slack gives them."""
    copied: list[dict[str, Any]] = copy.deepcopy(blocks)
    for block in copied:
        block.setdefault("block_id", new_id("b"))
        for element in elements(block):
            if element.get("type") not in {"image", "mrkdwn", "plain_text"}:
                element.setdefault("action_id", new_id("a"))
    return copied


def elements(block: dict[str, Any]) -> list[dict[str, Any]]:
    """What can be pressed or filled in, in a block."""
    if block.get("type") == "actions":
        return list(block["elements"])
    return [block[name] for name in ("accessory", "element") if isinstance(block.get(name), dict)]
