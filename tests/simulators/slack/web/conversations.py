"""Channels: made, found, entered, left, named and closed."""

from __future__ import annotations

import re

from tests.simulators.slack import outlook
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, Message, User
from tests.simulators.slack.web.call import Answer, Call, method
from tests.simulators.slack.web.people import visible

NAME_ERRORS = (
    "invalid_name_required",
    "invalid_name_maxlength",
    "invalid_name_punctuation",
    "invalid_name_specials",
    "name_taken",
)
KINDS = "method_not_supported_for_channel_type"
GONE = "channel_not_found"


def _checked_name(call: Call, own: Channel | None = None) -> str:
    name = call.text("name").removeprefix("#")
    if not name.strip():
        raise Refused("invalid_name_required")
    if len(name) > 80:
        raise Refused("invalid_name_maxlength")
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        raise Refused("invalid_name_specials")
    if not re.search(r"[a-z0-9]", name):
        raise Refused("invalid_name_punctuation")
    others = [one.name for one in call.team.channels.values() if one is not own]
    if name in others:
        raise Refused("name_taken")
    return name


@method("conversations.create", *NAME_ERRORS)
def create(call: Call) -> Answer:
    """A new channel, with the bot in it."""
    call.scoped("groups" if call.flag("is_private") else "channels")
    name = _checked_name(call)
    channel = call.core.happen.create(call.team, name, "private" if call.flag("is_private") else "public", call.bot)
    return {"channel": outlook.channel(channel, reader=call.bot.id)}


@method("conversations.rename", *NAME_ERRORS, GONE, "not_in_channel", "is_archived", "not_authorized", KINDS)
def rename(call: Call) -> Answer:
    """Another name; only who made the channel, or an admin, may."""
    channel = _open_channel(call)
    call.inside(channel)
    if channel.creator != call.bot.id:
        raise Refused("not_authorized")
    call.core.happen.rename(channel, call.bot, _checked_name(call, channel))
    return {"channel": outlook.channel(channel, reader=call.bot.id)}


def _channel(call: Call) -> Channel:
    channel = call.channel()
    if channel.kind in {"im", "mpim"}:
        raise Refused(KINDS)
    return channel


def _open_channel(call: Call) -> Channel:
    channel = _channel(call)
    if channel.archived:
        raise Refused("is_archived")
    return channel


@method("conversations.archive", GONE, "already_archived", "not_in_channel", "cant_archive_general", KINDS)
def archive(call: Call) -> Answer:
    """Close a channel that the bot is in."""
    channel = _channel(call)
    if channel.archived:
        raise Refused("already_archived")
    if channel.general:
        raise Refused("cant_archive_general")
    call.inside(channel)
    call.core.happen.archive(channel, call.bot)
    return {}


@method("conversations.unarchive", GONE, "not_archived", KINDS)
def unarchive(call: Call) -> Answer:
    """Open it again."""
    channel = _channel(call)
    if not channel.archived:
        raise Refused("not_archived")
    call.core.happen.unarchive(channel, call.bot)
    return {}


@method("conversations.info", GONE)
def info(call: Call) -> Answer:
    """One channel."""
    channel = call.channel()
    return {"channel": outlook.channel(channel, reader=call.bot.id, count=call.flag("include_num_members"))}


@method("conversations.list", "invalid_cursor", "invalid_limit", "invalid_types")
def list_all(call: Call) -> Answer:
    """All channels that the bot sees, by pages."""
    page, cursor = call.page(visible(call))
    channels = [outlook.channel(one, reader=call.bot.id, count=True) for one in page]
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


@method("conversations.members", GONE, "invalid_cursor", "invalid_limit")
def members(call: Call) -> Answer:
    """Who is in it, by pages."""
    page, cursor = call.page(call.channel().members)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


@method(
    "conversations.invite",
    GONE,
    "is_archived",
    "not_in_channel",
    "no_user",
    "user_not_found",
    "cant_invite_self",
    "cant_invite",
    "already_in_channel",
    "user_is_restricted",
    "ura_max_channels",
    KINDS,
)
def invite(call: Call) -> Answer:
    """Bring people in: all of them, or none unless it is forced."""
    channel = _open_channel(call)
    call.inside(channel)
    asked = [one.strip() for one in call.text("users").split(",") if one.strip()]
    if not asked:
        raise Refused("no_user")
    wrong = {one: error for one in asked if (error := _not_invited(call, channel, one))}
    good = [one for one in asked if one not in wrong]
    if wrong and (not call.flag("force") or not good):
        errors = [{"user": one, "ok": False, "error": error} for one, error in wrong.items()]
        raise Refused(next(iter(wrong.values())), errors=errors)
    for one in good:
        invited = call.find_user(one)
        assert invited
        call.core.happen.join(channel, invited, call.bot.id)
    errors = [{"user": one, "ok": False, "error": error} for one, error in wrong.items()]
    return {"channel": outlook.channel(channel, reader=call.bot.id)} | ({"errors": errors} if errors else {})


def _not_invited(call: Call, channel: Channel, user_id: str) -> str:
    user = call.find_user(user_id)
    if user is None:
        return "user_not_found"
    if user.id == call.bot.id:
        return "cant_invite_self"
    if user.id in channel.members:
        return "already_in_channel"
    if user.deleted or (user.team != channel.team and user.team not in channel.connected):
        return "cant_invite"
    return _guest_refusal(call, channel, user)


def _guest_refusal(call: Call, channel: Channel, user: User) -> str:
    inside = [
        one for one in call.team.channels.values() if user.id in one.members and one.kind in {"public", "private"}
    ]
    return "ura_max_channels" if user.role == "ultra_guest" and inside else ""


@method("conversations.join", GONE, "is_archived", KINDS)
def join(call: Call) -> Answer:
    """The bot comes into a public channel."""
    channel = _channel(call)
    if channel.kind != "public":
        raise Refused(KINDS)
    if channel.archived:
        raise Refused("is_archived")
    shown = {"channel": outlook.channel(channel, reader=call.bot.id)}
    if call.bot.id in channel.members:
        return shown | {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    call.core.happen.join(channel, call.bot)
    return {"channel": outlook.channel(channel, reader=call.bot.id)}


@method("conversations.leave", GONE, "is_archived", "cant_leave_general", "last_member", KINDS)
def leave(call: Call) -> Answer:
    """The bot goes."""
    channel = _open_channel(call)
    if channel.general:
        raise Refused("cant_leave_general")
    if call.bot.id not in channel.members:
        return {"not_in_channel": True}
    if len(channel.members) == 1:
        raise Refused("last_member")
    call.core.happen.leave(channel, call.bot)
    return {}


@method(
    "conversations.kick", GONE, "not_in_channel", "cant_kick_self", "cant_kick_from_general", "user_not_found", KINDS
)
def kick(call: Call) -> Answer:
    """Somebody is sent away."""
    channel = _channel(call)
    user = call.user()
    if user.id == call.bot.id:
        raise Refused("cant_kick_self")
    if channel.general:
        raise Refused("cant_kick_from_general")
    call.inside(channel)
    if user.id not in channel.members:
        raise Refused("not_in_channel")
    call.core.happen.leave(channel, user)
    return {"errors": {}}


@method("conversations.setTopic", GONE, "not_in_channel", "is_archived", "too_long", KINDS)
def set_topic(call: Call) -> Answer:
    """What the channel is about now."""
    return _set_note(call, "topic")


@method("conversations.setPurpose", GONE, "not_in_channel", "is_archived", "too_long", KINDS)
def set_purpose(call: Call) -> Answer:
    """What the channel is for."""
    return _set_note(call, "purpose") | {"purpose": call.text("purpose")}


def _set_note(call: Call, which: str) -> Answer:
    channel = _open_channel(call)
    call.inside(channel)
    value = call.text(which)
    if len(value) > 250:
        raise Refused("too_long")
    if value != getattr(channel, which).value:
        call.core.happen.set_note(channel, call.bot, which, value)
    return {"channel": outlook.channel(channel, reader=call.bot.id)}


@method(
    "conversations.open",
    GONE,
    "user_not_found",
    "users_list_not_supplied",
    "too_many_users",
    "user_disabled",
    "invalid_user_combination",
)
def open_direct(call: Call) -> Answer:
    """The direct conversation with some people."""
    if call.args.get("channel"):
        return {"channel": {"id": call.channel().id}, "no_op": True, "already_open": True}
    asked = [one.strip() for one in call.text("users").split(",") if one.strip()]
    if not asked:
        raise Refused("users_list_not_supplied")
    if len(asked) > 8:
        raise Refused("too_many_users")
    call.scoped("im" if len(asked) == 1 else "mpim")
    channel = call.core.state.direct(call.team, call.bot.id, *(_reachable(call, one) for one in asked))
    shown = outlook.channel(channel, reader=call.bot.id) if call.flag("return_im") else {"id": channel.id}
    return {"channel": shown}


def _reachable(call: Call, user_id: str) -> str:
    user = call.find_user(user_id)
    if user is None:
        raise Refused("user_not_found")
    if user.deleted:
        raise Refused("user_disabled")
    if user.id == call.bot.id:
        raise Refused("invalid_user_combination")
    return user.id


@method(
    "conversations.history",
    GONE,
    "not_in_channel",
    "invalid_cursor",
    "invalid_ts_latest",
    "invalid_ts_oldest",
)
def history(call: Call) -> Answer:
    """What was said, newest first; threads only by their first message."""
    channel = call.channel()
    call.inside(channel)
    seen = [one for one in channel.messages if not one.ephemeral_to and (not one.is_reply or one.reply_broadcast)]
    return _messages(call, channel, list(reversed(_between(call, seen)))) | {"pin_count": len(channel.pins)}


@method(
    "conversations.replies",
    GONE,
    "thread_not_found",
    "invalid_cursor",
    "invalid_ts_latest",
    "invalid_ts_oldest",
)
def replies(call: Call) -> Answer:
    """A thread, oldest first, with the message that it hangs on."""
    channel = call.channel()
    first = call.message(channel, "ts", "thread_not_found")
    return _messages(call, channel, [first, *_between(call, channel.replies(first.ts))])


def _messages(call: Call, channel: Channel, found: list[Message]) -> Answer:
    page, cursor = call.page(found, most=999)
    team = call.core.state.teams[channel.team]
    metadata = call.flag("include_all_metadata")
    shown = [outlook.message(one, channel, team, metadata=metadata) for one in page]
    body: Answer = {"messages": shown, "has_more": bool(cursor)}
    return body | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def _between(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = _bound(call, "oldest", 0.0), _bound(call, "latest", 1e12)
    if call.flag("inclusive"):
        return [one for one in messages if oldest <= float(one.ts) <= latest]
    return [one for one in messages if oldest < float(one.ts) < latest]


def _bound(call: Call, name: str, default: float) -> float:
    try:
        return float(call.args.get(name, default))
    except ValueError as error:
        raise Refused(f"invalid_ts_{name}") from error
