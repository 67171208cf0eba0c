"""Finds what really notifies people, wherever in a message it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Found = tuple[str, str]

_TOKEN = re.compile(
    r"<(?:@(?P<user>[UW][A-Z0-9]+)|!subteam\^(?P<group>S[A-Z0-9]+)|!(?P<all>channel|here|everyone))[|>]"
)
_BARE = re.compile(r"(?<![\w<!])@(channel|here|everyone)\b")


def in_text(words: str, *, link_names: bool = False) -> Iterator[Found]:
    """The mentions in mrkdwn; names without brackets count where names are linked."""
    for match in _TOKEN.finditer(words):
        kind = match.lastgroup or ""
        yield (match[kind], match[kind]) if kind == "all" else (kind, match[kind])
    if link_names:
        yield from ((word, word) for word in _BARE.findall(words))


def in_blocks(value: Any) -> Iterator[Found]:
    """The mentions in blocks and attachments: mrkdwn, markdown and rich text; plain text never notifies."""
    if isinstance(value, list):
        for one in value:
            yield from in_blocks(one)
    if not isinstance(value, dict):
        return
    yield from _own(value)
    if value.get("type") != "plain_text":
        for one in value.values():
            yield from in_blocks(one)


def _own(value: dict[str, Any]) -> Iterator[Found]:
    kind = value.get("type")
    if kind in {"mrkdwn", "markdown"}:
        yield from in_text(str(value.get("text", "")))
    elif kind == "user":
        yield "user", str(value.get("user_id"))
    elif kind == "usergroup":
        yield "group", str(value.get("usergroup_id"))
    elif kind == "broadcast":
        yield str(value.get("range")), str(value.get("range"))


def in_attachments(attachments: list[dict[str, Any]] | None) -> Iterator[Found]:
    """The mentions in the old attachments, whose texts are mrkdwn."""
    for one in attachments or []:
        for name in ("pretext", "text"):
            yield from in_text(str(one.get(name) or ""))
        yield from in_blocks(one.get("blocks") or [])
