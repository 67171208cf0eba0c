"""A channel as a human reads it, as text that is the same in every run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.simulators.slack.blocks.render import Renderer
from tests.simulators.slack.model import Channel, Message, View
from tests.simulators.slack.state import State

INDENT = "    "


class Transcripts:
    """Writes channels, home tabs and modals."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.renderer = Renderer(self._name)

    def _name(self, kind: str, name: str) -> str:
        for team in self._state.teams.values():
            if kind == "user" and name in team.users:
                return team.users[name].real_name
            if kind == "group" and name in team.groups:
                return team.groups[name].handle
            if kind == "channel" and name in team.channels:
                return team.channels[name].name
        return name

    def channel(self, channel: Channel) -> str:
        """All of a channel, threads below their first message."""
        lines: list[str] = []
        day = ""
        for one in channel.messages:
            if not one.is_reply:
                lines += _divider(day, one) + self._with_thread(channel, one)
                day = _day(one)
        return "\n".join(lines)

    def _with_thread(self, channel: Channel, message: Message) -> list[str]:
        lines = self.message(channel, message)
        for one in channel.messages:
            if one.is_reply and one.thread_ts == message.ts:
                lines += [INDENT + line for line in self.message(channel, one)]
        return lines

    def message(self, channel: Channel, message: Message) -> list[str]:
        """One message: a line of who and what, and what hangs below it."""
        at = datetime.fromtimestamp(float(message.ts), UTC).strftime("%H:%M")
        first, *rest = self.body(message) or [""]
        marks = "".join(f" {one}" for one in self._marks(channel, message))
        if message.subtype in SYSTEM:
            first = first.removeprefix(f"@{self.author(message)} ")
            return [f"{at} * {self.author(message)} {first}"]
        lines = [f"{at} {self.author(message)}: {first}{'' if rest else marks}"]
        lines += [f"{INDENT}{line}" for line in rest]
        if rest and marks:
            lines[0] = f"{at} {self.author(message)}:{marks} {first}"
        return lines + [f"{INDENT}{line}" for line in self._below(message)]

    def author(self, message: Message) -> str:
        """Whose message it is."""
        return message.username or self._name("user", message.user)

    def body(self, message: Message) -> list[str]:
        """What stands in it: the blocks, or the text where there are none."""
        if message.blocks:
            return self.renderer.blocks(message.blocks)
        lines = self.renderer.words(message.text).split("\n") if message.text else []
        for one in message.attachments or []:
            lines += self.renderer.blocks(one.get("blocks") or [])
            lines += [f"| {self.renderer.words(one[name])}" for name in ("pretext", "title", "text") if one.get(name)]
        return lines

    def _marks(self, channel: Channel, message: Message) -> list[str]:
        marks = ["(edited)"] if message.edited else []
        if message.ephemeral_to:
            marks.append(f"(only {self._name('user', message.ephemeral_to)} sees this)")
        if any(pin["ts"] == message.ts for pin in channel.pins):
            marks.append("(pinned)")
        if message.reply_broadcast:
            marks.append("(also sent to the channel)")
        return marks

    def _below(self, message: Message) -> list[str]:
        files = [self._file(file) for file in message.files]
        unfurls = [f"| {line}" for one in message.unfurls.values() for line in self._unfurl(one)]
        if message.reactions:
            shown = [f":{name}: {len(users)}" for name, users in message.reactions.items()]
            return [*files, *unfurls, "  ".join(shown)]
        return files + unfurls

    def _unfurl(self, one: dict[str, Any]) -> list[str]:
        words = [self.renderer.words(str(one[name])) for name in ("title", "text") if one.get(name)]
        return words + self.renderer.blocks(one.get("blocks") or [])

    def _file(self, file_id: str) -> str:
        for team in self._state.teams.values():
            if file_id in team.files:
                file = team.files[file_id]
                alt = f" - {file.alt_txt}" if file.alt_txt else ""
                return f"<file: {file.title or file.name} ({file.length} bytes){alt}>"
        return "<file: deleted>"

    def view(self, view: View) -> str:
        """A modal or a home tab."""
        content = view.content
        lines = [f"== {self.renderer.text(content['title'])} =="] if content.get("title") else []
        for block in content["blocks"]:
            lines += self.renderer.block(block)
            if view.errors.get(block.get("block_id", "")):
                lines.append(f"  ! {view.errors[block['block_id']]}")
        buttons = [self.renderer.text(content[name]) for name in ("close", "submit") if content.get(name)]
        return "\n".join(lines + ([" ".join(f"[{one}]" for one in buttons)] if buttons else []))


def _day(message: Message) -> str:
    return datetime.fromtimestamp(float(message.ts), UTC).strftime("%Y-%m-%d")


def _divider(before: str, message: Message) -> list[str]:
    """A line with the date where another day begins."""
    return [f"--- {_day(message)} ---"] if before and before != _day(message) else []


SYSTEM = {
    "channel_join",
    "channel_leave",
    "channel_topic",
    "channel_purpose",
    "channel_name",
    "channel_archive",
    "channel_unarchive",
    "bot_add",
}
