"""What can happen in a workspace, whoever does it: the state changes, and the app hears of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.simulators.slack import outlook
from tests.simulators.slack.blocks import mentions
from tests.simulators.slack.events import Events
from tests.simulators.slack.model import Channel, File, Kind, Message, Note, Ping, Team, User
from tests.simulators.slack.state import State


class Happenings:
    """State changes are synchronous; what they cause leaves as deliveries."""

    def __init__(self, state: State, events: Events, changed: Callable[[], None]) -> None:
        self.state = state
        self.events = events
        self.changed = changed
        self.pings: list[Ping] = []
        self.sent: list[Message] = []

    def _emit(self, channel: Channel, kind: str, /, **more: Any) -> None:
        event = {"type": kind, **more, "event_ts": self.state.ts()}
        self.events.emit(event, channel.team, channel)
        self.changed()

    def _team(self, channel: Channel) -> Team:
        return self.state.teams[channel.team]

    def create(self, team: Team, name: str, kind: Kind, creator: User) -> Channel:
        """A new channel with its creator in it."""
        channel = self.state.add_channel(team, name, kind, creator.id, [])
        if kind == "public":
            known = {"id": channel.id, "name": name, "created": channel.created, "creator": creator.id}
            self._emit(channel, "channel_created", channel=known)
        self.join(channel, creator)
        return channel

    def post(self, channel: Channel, message: Message, *, link_names: bool = False) -> Message:
        """A message is written."""
        channel.messages.append(message)
        self._keep(message)
        self._note_pings(message, link_names=link_names)
        if message.ephemeral_to:
            self.changed()
            return message
        event = outlook.message(message, channel, self._team(channel), metadata=True)
        event |= {"channel": channel.id, "channel_type": channel.kind.replace("public", "channel")}
        event["channel_type"] = event["channel_type"].replace("private", "group")
        event.pop("type")
        if message.team != channel.team:
            event |= {"user_team": message.team, "source_team": message.team}
        self._emit(channel, "message", **event)
        self._emit_mention(channel, message, event)
        return message

    def _emit_mention(self, channel: Channel, message: Message, event: dict[str, Any]) -> None:
        installed = self._team(channel).installation
        if installed and f"<@{installed.bot.id}>" in message.text and message.user != installed.bot.id:
            kept = {name: value for name, value in event.items() if name != "channel_type"}
            self._emit(channel, "app_mention", **kept)

    def message(self, channel: Channel, user: User, text: str, **more: Any) -> Message:
        """A message of this user, not written yet."""
        return Message(channel=channel.id, ts=self.state.ts(), user=user.id, team=user.team, text=text, **more)

    def edit(self, channel: Channel, message: Message, changes: dict[str, Any], *, quietly: bool = False) -> None:
        """A message changes; `quietly` for unfurls, which nobody calls an edit."""
        before = outlook.message(message, channel, self._team(channel), metadata=True)
        for name, value in changes.items():
            setattr(message, name, value)
        if not quietly:
            message.edited = {"user": message.user, "ts": self.state.ts()}
            self._keep(message)
            self._note_pings(message, edited=True)
        after = outlook.message(message, channel, self._team(channel), metadata=True)
        self._emit_change(channel, "message_changed", message=after, previous_message=before)

    def delete(self, channel: Channel, message: Message) -> None:
        """A message goes; an ephemeral one without a word."""
        channel.messages.remove(message)
        channel.deleted.append(message)
        channel.pins = [pin for pin in channel.pins if pin["ts"] != message.ts]
        if message.ephemeral_to:
            return self.changed()
        before = outlook.message(message, channel, self._team(channel), metadata=True)
        return self._emit_change(channel, "message_deleted", previous_message=before, deleted_ts=message.ts)

    def _emit_change(self, channel: Channel, subtype: str, /, **more: Any) -> None:
        kinds = {"public": "channel", "private": "group"}
        self._emit(
            channel,
            "message",
            subtype=subtype,
            hidden=True,
            channel=channel.id,
            channel_type=kinds.get(channel.kind, channel.kind),
            ts=self.state.ts(),
            **more,
        )

    def _keep(self, message: Message) -> None:
        if message.app_id:
            self.sent.append(copy.deepcopy(message))

    def _note_pings(self, message: Message, *, link_names: bool = False, edited: bool = False) -> None:
        if message.subtype.startswith("channel_"):
            return
        found = [
            *mentions.in_text(message.text, link_names=link_names),
            *mentions.in_blocks(message.blocks or []),
            *mentions.in_attachments(message.attachments),
        ]
        for kind, target in dict.fromkeys(found):
            ephemeral = bool(message.ephemeral_to)
            known = Ping(message.channel, message.ts, kind, target, message.user, ephemeral, edited)  # type: ignore[arg-type]
            self.pings.append(known)

    def _announce(self, channel: Channel, user: User, subtype: str, text: str, /, **more: Any) -> None:
        self.post(channel, self.message(channel, user, text, subtype=subtype, more=more))

    def join(self, channel: Channel, user: User, inviter: str = "") -> None:
        """Somebody comes in."""
        channel.members.append(user.id)
        more = {"inviter": inviter} if inviter else {}
        kind = "G" if channel.kind == "private" else "C"
        self._announce(channel, user, "channel_join", f"<@{user.id}> has joined the channel", **more)
        self._emit(
            channel,
            "member_joined_channel",
            user=user.id,
            channel=channel.id,
            channel_type=kind,
            team=user.team,
            **more,
        )

    def leave(self, channel: Channel, user: User) -> None:
        """Somebody goes, or is sent away."""
        self._announce(channel, user, "channel_leave", f"<@{user.id}> has left the channel")
        channel.members.remove(user.id)
        kind = "G" if channel.kind == "private" else "C"
        self._emit(channel, "member_left_channel", user=user.id, channel=channel.id, channel_type=kind, team=user.team)

    def set_note(self, channel: Channel, user: User, which: str, value: str) -> None:
        """The topic or the purpose changes; the channel shows who did it."""
        setattr(channel, which, Note(value, user.id, int(self.state.now)))
        words = "topic" if which == "topic" else "description"
        text = f"set the channel {words}: {value}" if value else f"cleared the channel {words}"
        self._announce(channel, user, f"channel_{which}", text, **{which: value})

    def rename(self, channel: Channel, user: User, name: str) -> None:
        """The channel has another name."""
        old = channel.name
        channel.previous_names.append(old)
        channel.name = name
        self._announce(
            channel,
            user,
            "channel_name",
            f'has renamed the channel from "{old}" to "{name}"',
            name=name,
            old_name=old,
        )
        body = {"id": channel.id, "name": name, "name_normalized": name, "created": channel.created}
        self._emit(channel, f"{self._word(channel)}_rename", channel=body)

    def archive(self, channel: Channel, user: User) -> None:
        """Nobody writes here from now on."""
        self._announce(channel, user, "channel_archive", "archived the channel")
        channel.archived = True
        self._emit(channel, f"{self._word(channel)}_archive", channel=channel.id, user=user.id)

    def unarchive(self, channel: Channel, user: User) -> None:
        """It is open again."""
        channel.archived = False
        self._announce(channel, user, "channel_unarchive", "un-archived the channel")
        self._emit(channel, f"{self._word(channel)}_unarchive", channel=channel.id, user=user.id)

    def _word(self, channel: Channel) -> str:
        return "channel" if channel.kind == "public" else "group"

    def react(self, channel: Channel, user: User, message: Message, name: str) -> None:
        """An emoji below a message."""
        message.reactions.setdefault(name, []).append(user.id)
        self._emit_reaction("reaction_added", channel, user, message, name)

    def unreact(self, channel: Channel, user: User, message: Message, name: str) -> None:
        """It is taken away."""
        message.reactions[name].remove(user.id)
        if not message.reactions[name]:
            del message.reactions[name]
        self._emit_reaction("reaction_removed", channel, user, message, name)

    def _emit_reaction(self, kind: str, channel: Channel, user: User, message: Message, name: str) -> None:
        item = {"type": "message", "channel": channel.id, "ts": message.ts}
        self._emit(channel, kind, user=user.id, reaction=name, item_user=message.user, item=item)

    def pin(self, channel: Channel, user: User, message: Message) -> None:
        """A message is pinned."""
        channel.pins.append({"ts": message.ts, "user": user.id, "created": int(self.state.now)})
        self._emit_pin("pin_added", channel, user, message)

    def unpin(self, channel: Channel, user: User, message: Message) -> None:
        """And no longer."""
        channel.pins = [pin for pin in channel.pins if pin["ts"] != message.ts]
        self._emit_pin("pin_removed", channel, user, message)

    def _emit_pin(self, kind: str, channel: Channel, user: User, message: Message) -> None:
        shown = outlook.message(message, channel, self._team(channel))
        item = {
            "type": "message",
            "channel": channel.id,
            "created": int(self.state.now),
            "created_by": user.id,
            "message": shown,
        }
        more = {"has_pins": bool(channel.pins)} if kind == "pin_removed" else {}
        self._emit(channel, kind, user=user.id, channel_id=channel.id, item=item, **more)

    def file_shared(self, channel: Channel, user: User, file: File) -> None:
        """A file is in a channel from now on."""
        self._emit(
            channel, "file_shared", channel_id=channel.id, file_id=file.id, user_id=user.id, file={"id": file.id}
        )

    def link_shared(self, channel: Channel, user: User, message: Message, urls: list[str]) -> None:
        """Somebody wrote a link that the app wants to know of."""
        links = [{"url": url, "domain": url.split("/")[2]} for url in urls]
        more = {"thread_ts": message.thread_ts} if message.is_reply else {}
        self._emit(
            channel,
            "link_shared",
            user=user.id,
            channel=channel.id,
            message_ts=message.ts,
            links=links,
            source="conversations_history",
            unfurl_id=f"{channel.id}-{message.ts}-unfurl",
            is_bot_user_member=self.state.installation(channel.team).bot.id in channel.members,
            **more,
        )

    def happened(self, team: Team, kind: str, /, **more: Any) -> None:
        """Something that concerns the whole workspace."""
        self.events.emit({"type": kind, **more, "event_ts": self.state.ts()}, team.id)
        self.changed()

    def open_home(self, team: Team, user: User, view: dict[str, Any] | None) -> None:
        """Somebody looks at the app's home tab."""
        installed = self.state.installation(team.id)
        direct = self.state.direct(team, installed.bot.id, user.id)
        more = {"view": view} if view else {}
        self._emit(direct, "app_home_opened", user=user.id, channel=direct.id, tab="home", **more)
