"""Pins, bookmarks and reactions."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack import outlook
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, Message
from tests.simulators.slack.web.call import Answer, Call, method

GONE = "channel_not_found"


def _pinned(channel: Channel, message: Message) -> bool:
    return any(pin["ts"] == message.ts for pin in channel.pins)


@method("pins.add", GONE, "not_in_channel", "message_not_found", "already_pinned", "no_item_specified", "too_many_pins")
def pins_add(call: Call) -> Answer:
    """A message stays in view."""
    channel = call.channel()
    call.inside(channel)
    message = _item(call, channel)
    if _pinned(channel, message):
        raise Refused("already_pinned")
    if len(channel.pins) >= 100:
        raise Refused("too_many_pins")
    call.core.happen.pin(channel, call.bot, message)
    return {}


@method("pins.remove", GONE, "message_not_found", "no_pin", "no_item_specified")
def pins_remove(call: Call) -> Answer:
    """And no longer."""
    channel = call.channel()
    message = _item(call, channel)
    if not _pinned(channel, message):
        raise Refused("no_pin")
    call.core.happen.unpin(channel, call.bot, message)
    return {}


def _item(call: Call, channel: Channel) -> Message:
    if not call.args.get("timestamp"):
        raise Refused("no_item_specified")
    return call.message(channel, "timestamp")


@method("pins.list", GONE)
def pins_list(call: Call) -> Answer:
    """What is pinned, newest first."""
    channel = call.channel()
    return {"items": [_pin(call, channel, one) for one in reversed(channel.pins)]}


def _pin(call: Call, channel: Channel, pin: dict[str, Any]) -> Answer:
    message = channel.message(pin["ts"])
    assert message
    shown = outlook.message(message, channel, call.core.state.teams[channel.team])
    return {
        "type": "message",
        "channel": channel.id,
        "created": pin["created"],
        "created_by": pin["user"],
        "message": shown | {"permalink": call.core.permalink(channel, message)},
    }


@method(
    "reactions.add",
    GONE,
    "message_not_found",
    "already_reacted",
    "invalid_name",
    "is_archived",
    "too_many_emoji",
    "no_item_specified",
)
def reactions_add(call: Call) -> Answer:
    """The bot gives an emoji."""
    channel = call.channel()
    if channel.archived:
        raise Refused("is_archived")
    message = _item(call, channel)
    name = _emoji(call)
    if call.bot.id in message.reactions.get(name, []):
        raise Refused("already_reacted")
    if len(message.reactions) >= 23 and name not in message.reactions:
        raise Refused("too_many_emoji")
    call.core.happen.react(channel, call.bot, message, name)
    return {}


@method("reactions.remove", GONE, "message_not_found", "no_reaction", "invalid_name", "no_item_specified")
def reactions_remove(call: Call) -> Answer:
    """The bot takes it back."""
    channel = call.channel()
    message = _item(call, channel)
    if call.bot.id not in message.reactions.get(_emoji(call), []):
        raise Refused("no_reaction")
    call.core.happen.unreact(channel, call.bot, message, call.text("name"))
    return {}


def _emoji(call: Call) -> str:
    name = call.text("name")
    if not name or not all(one.isalnum() or one in "_-+':" for one in name) or name != name.lower():
        raise Refused("invalid_name")
    return name


@method("reactions.get", GONE, "message_not_found", "no_item_specified")
def reactions_get(call: Call) -> Answer:
    """A message with what people gave it."""
    if not call.args.get("channel"):
        raise Refused("no_item_specified")
    channel = call.channel()
    message = _item(call, channel)
    shown = outlook.message(message, channel, call.core.state.teams[channel.team])
    return {
        "type": "message",
        "channel": channel.id,
        "message": shown | {"permalink": call.core.permalink(channel, message)},
    }


def _bookmarked(call: Call, *, write: bool = True) -> Channel:
    channel = call.channel("channel_id")
    if write and (call.bot.id not in channel.members or channel.archived):
        raise Refused("permission_denied")
    return channel


@method("bookmarks.add", GONE, "permission_denied", "invalid_bookmark_type", "invalid_link", "too_many_bookmarks")
def bookmarks_add(call: Call) -> Answer:
    """A link at the top of a channel."""
    channel = _bookmarked(call)
    if call.text("type") != "link":
        raise Refused("invalid_bookmark_type")
    if len(channel.bookmarks) >= 100:
        raise Refused("too_many_bookmarks")
    bookmark = {
        "id": call.core.state.id("Bk"),
        "channel_id": channel.id,
        "title": call.text("title"),
        "link": _link(call),
        "emoji": call.text("emoji"),
        "icon_url": "",
        "type": "link",
        "entity_id": None,
        "date_created": int(call.core.state.now),
        "date_updated": 0,
        "rank": "i",
        "last_updated_by_user_id": call.bot.id,
        "last_updated_by_team_id": call.team.id,
        "shortcut_id": None,
        "app_id": call.core.app_id,
    }
    channel.bookmarks.append(bookmark)
    return {"bookmark": bookmark}


def _link(call: Call) -> str:
    link = call.text("link")
    if not link.startswith(("https://", "http://")):
        raise Refused("invalid_link")
    return link


def _bookmark(call: Call, channel: Channel) -> dict[str, Any]:
    for one in channel.bookmarks:
        if one["id"] == call.text("bookmark_id"):
            return one
    raise Refused("not_found")


@method("bookmarks.edit", GONE, "permission_denied", "not_found", "invalid_link")
def bookmarks_edit(call: Call) -> Answer:
    """It changes."""
    channel = _bookmarked(call)
    bookmark = _bookmark(call, channel)
    if "link" in call.args:
        bookmark["link"] = _link(call)
    bookmark |= {name: call.text(name) for name in ("title", "emoji") if name in call.args}
    bookmark["date_updated"] = int(call.core.state.now)
    return {"bookmark": bookmark}


@method("bookmarks.list", GONE)
def bookmarks_list(call: Call) -> Answer:
    """All links of a channel."""
    return {"bookmarks": _bookmarked(call, write=False).bookmarks}


@method("bookmarks.remove", GONE, "permission_denied", "not_found")
def bookmarks_remove(call: Call) -> Answer:
    """It goes."""
    channel = _bookmarked(call)
    channel.bookmarks.remove(_bookmark(call, channel))
    return {}
