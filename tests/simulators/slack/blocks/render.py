"""Messages and views as plain text: what a human would read aloud from the screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

Names = Callable[[str, str], str]

_TOKEN = re.compile(r"<([^<>]+)>")
_DATE_WORDS = {
    "{date_num}": "%Y-%m-%d",
    "{date}": "%B %-d, %Y",
    "{date_short}": "%b %-d, %Y",
    "{date_long}": "%A, %B %-d, %Y",
    "{date_pretty}": "%B %-d, %Y",
    "{date_short_pretty}": "%b %-d, %Y",
    "{date_long_pretty}": "%A, %B %-d, %Y",
    "{time}": "%H:%M UTC",
    "{time_secs}": "%H:%M:%S UTC",
    "{ago}": "%Y-%m-%d %H:%M UTC",
}


class Renderer:
    """Writes blocks as lines. `names` turns the id of a user, group or channel into what is shown for it."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def words(self, text: str) -> str:
        """Mrkdwn as it is shown: mentions by name, links by label, times in UTC."""
        return unescape(_TOKEN.sub(lambda match: self._token(match[1]), text))

    def _token(self, token: str) -> str:
        if token.startswith("!date^"):
            return _date(token)
        target, _, label = token.partition("|")
        if target[0] in "@#":
            kind = "user" if target[0] == "@" else "channel"
            return target[0] + self._names(kind, target[1:])
        if target.startswith("!subteam^"):
            return "@" + self._names("group", target.removeprefix("!subteam^"))
        if target.startswith("!"):
            return "@" + target[1:]
        return f"{label} ({target})" if label and label != target else target

    def text(self, value: dict[str, Any]) -> str:
        """A text object."""
        words = str(value.get("text", ""))
        return words if value.get("type") == "plain_text" else self.words(words)

    def blocks(self, blocks: list[dict[str, Any]]) -> list[str]:
        """All lines of some blocks."""
        return [line for block in blocks for line in self.block(block)]

    def block(self, block: dict[str, Any]) -> list[str]:
        """The lines of one block."""
        kind = str(block.get("type"))
        shown: list[str] = getattr(self, f"_{kind}", self._unknown)(block)
        return shown

    def _unknown(self, block: dict[str, Any]) -> list[str]:
        return [f"<{block.get('type')}>"]

    def _header(self, block: dict[str, Any]) -> list[str]:
        return [f"## {self.text(block['text'])}"]

    def _divider(self, _block: dict[str, Any]) -> list[str]:
        return ["---"]

    def _section(self, block: dict[str, Any]) -> list[str]:
        lines = self.text(block["text"]).split("\n") if block.get("text") else []
        for one in block.get("fields", []):
            lines.append(" | ".join(self.text(one).split("\n")))
        if block.get("accessory"):
            shown = self.element(block["accessory"])
            lines = [f"{lines[0]}  {shown}", *lines[1:]] if len(lines) == 1 else [*lines, shown]
        return lines

    def _context(self, block: dict[str, Any]) -> list[str]:
        shown = [self.element(one) for one in block["elements"]]
        return [f"({line})" for line in " · ".join(shown).split("\n")]

    def _actions(self, block: dict[str, Any]) -> list[str]:
        return [" ".join(self.element(one) for one in block["elements"])]

    def _image(self, block: dict[str, Any]) -> list[str]:
        title = f"{self.text(block['title'])}: " if block.get("title") else ""
        return [f"<image: {title}{block['alt_text']}>"]

    def _input(self, block: dict[str, Any]) -> list[str]:
        optional = " (optional)" if block.get("optional") else ""
        hint = [f"  ({self.text(block['hint'])})"] if block.get("hint") else []
        return [f"{self.text(block['label'])}{optional}: {self.element(block['element'])}", *hint]

    def _markdown(self, block: dict[str, Any]) -> list[str]:
        return self.words(block["text"]).split("\n")

    def _rich_text(self, block: dict[str, Any]) -> list[str]:
        return [line for part in block["elements"] for line in self._part(part)]

    def _table(self, block: dict[str, Any]) -> list[str]:
        rows = [[self._cell(cell) for cell in row] for row in block["rows"]]
        columns = max(len(row) for row in rows)
        widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(columns)]
        return ["| " + " | ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)) + " |" for row in rows]

    def _cell(self, cell: dict[str, Any]) -> str:
        if cell["type"] == "raw_text":
            return str(cell["text"])
        return " ".join(line for part in cell["elements"] for line in self._part(part))

    def _part(self, part: dict[str, Any]) -> list[str]:
        if part["type"] == "rich_text_list":
            marks = [f"{at}." if part["style"] == "ordered" else "-" for at in range(1, len(part["elements"]) + 1)]
            indent = "  " * part.get("indent", 0)
            return [
                f"{indent}{mark} {self._inline(one)}" for mark, one in zip(marks, part["elements"], strict=True)
            ]  # fmt: skip
        mark = {"rich_text_quote": "> ", "rich_text_preformatted": "    "}.get(part["type"], "")
        return [mark + line for line in self._inline(part).split("\n")]

    def _inline(self, part: dict[str, Any]) -> str:
        return "".join(self._word(one) for one in part["elements"])

    def _word(self, one: dict[str, Any]) -> str:
        kind = one["type"]
        if kind == "link":
            return f"{one['text']} ({one['url']})" if one.get("text") else str(one["url"])
        if kind in {"user", "usergroup", "channel"}:
            name = self._names(kind.replace("usergroup", "group"), one[f"{kind}_id"])
            return ("#" if kind == "channel" else "@") + name
        if kind == "date":
            return _date(f"!date^{one['timestamp']}^{one['format']}|")
        return {"broadcast": f"@{one.get('range')}", "emoji": f":{one.get('name')}:"}.get(kind, str(one.get("text")))

    def element(self, one: dict[str, Any]) -> str:
        """One thing to press or to fill in."""
        kind = one["type"]
        if kind in {"mrkdwn", "plain_text"}:
            return self.text(one)
        if kind == "image":
            return f"<image: {one['alt_text']}>"
        if kind == "button":
            return f"[{self.text(one['text'])}]"
        return f"[{self._chosen(one)}]"

    def _chosen(self, one: dict[str, Any]) -> str:
        kind = one["type"]
        if kind in {"overflow", "checkboxes", "radio_buttons"}:
            picked = [first["value"] for first in [*one.get("initial_options", []), *_single(one)]]
            marks = ["(x) " if option.get("value") in picked else "" for option in one["options"]]
            shown = [mark + self.text(option["text"]) for mark, option in zip(marks, one["options"], strict=True)]
            return ("... " if kind == "overflow" else "") + " / ".join(shown)
        return self._filled(one) or self.text(one.get("placeholder") or {"text": kind, "type": "plain_text"})

    def _filled(self, one: dict[str, Any]) -> str:
        """What a field holds before anybody touches it."""
        for key, value in one.items():
            if key in {"initial_option", "initial_options"}:
                return ", ".join(
                    self.text(option["text"]) for option in (value if isinstance(value, list) else [value])
                )
            if key in {"initial_user", "initial_users"}:
                ids = value if isinstance(value, list) else [value]
                return ", ".join("@" + self._names("user", user) for user in ids)
            if key.startswith(("initial_channel", "initial_conversation")):
                ids = value if isinstance(value, list) else [value]
                return ", ".join("#" + self._names("channel", channel) for channel in ids)
            if key == "initial_date_time":
                return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
            if key.startswith("initial_"):
                return str(value)
        return ""


def _single(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["initial_option"]] if one.get("initial_option") else []


def _date(token: str) -> str:
    """`!date^1700000000^{date} at {time}^link|fallback`, read by somebody in UTC."""
    body = token.partition("|")[0]
    _, seconds, form, *_ = body.split("^")
    at = datetime.fromtimestamp(int(seconds), UTC)
    for word, pattern in _DATE_WORDS.items():
        form = form.replace(word, at.strftime(pattern))
    return form
