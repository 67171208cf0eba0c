"""Messages: written, changed, taken back."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack import outlook
from tests.simulators.slack.blocks.check import problems_of_blocks
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, Message
from tests.simulators.slack.web import pictures
from tests.simulators.slack.web.call import Answer, Call, method
from tests.simulators.slack.web.content import ERRORS, content

EDIT_WINDOW = 10 * 365 * 86_400


def _place(call: Call) -> Channel:
    """Where a message goes: a channel, or a person for their direct conversation."""
    target = call.text("channel")
    if target.startswith("U"):
        user = call.find_user(target)
        if user is None or user.deleted:
            raise Refused("channel_not_found")
        return call.core.state.direct(call.team, call.bot.id, user.id)
    found = call.find_channel(target) or next(
        (one for one in call.team.channels.values() if one.name and one.name == target.removeprefix("#")), None
    )
    if found is None or not call.sees(found):
        raise Refused("channel_not_found")
    return found


def _writable(call: Call) -> Channel:
    channel = _place(call)
    if channel.archived:
        raise Refused("is_archived")
    if call.bot.id not in channel.members and not (channel.kind == "public" and call.may("chat:write.public")):
        raise Refused("not_in_channel")
    return channel


def _thread(call: Call, channel: Channel) -> str:
    ts = call.text("thread_ts")
    if not ts:
        return ""
    parent = channel.message(ts)
    if parent is None:
        raise Refused("cannot_reply_to_message")
    return parent.thread_ts or parent.ts


@method(
    "chat.postMessage",
    *ERRORS,
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "cannot_reply_to_message",
    "msg_blocks_too_long",
)
def post_message(call: Call) -> Answer:
    """A message of the bot."""
    channel = _writable(call)
    message = _message(call, channel)
    pictures.share(pictures.check(call, message.blocks, channel), channel)
    call.core.happen.post(channel, message, link_names=_links_names(call))
    return {"channel": channel.id, "ts": message.ts, "message": _shown(call, channel, message)}


def _message(call: Call, channel: Channel, *, too_long: str = "msg_blocks_too_long") -> Message:
    known = content(call, too_long=too_long)
    customised = {name: call.text(name) for name in ("username", "icon_emoji") if call.args.get(name)}
    if customised and not call.may("chat:write.customize"):
        raise Refused("missing_scope", needed="chat:write.customize", provided=",".join(call.token.scopes))  # type: ignore[union-attr]
    return call.core.happen.message(
        channel,
        call.bot,
        bot_id=call.bot.bot_id,
        app_id=call.core.app_id,
        thread_ts=_thread(call, channel),
        reply_broadcast=call.flag("reply_broadcast"),
        subtype="thread_broadcast" if call.flag("reply_broadcast") else "",
        **customised,
        **known,
    )


def _links_names(call: Call) -> bool:
    return call.flag("link_names") or call.text("parse") == "full"


def _shown(call: Call, channel: Channel, message: Message) -> Answer:
    return outlook.message(message, channel, call.core.state.teams[channel.team], metadata=True)


@method(
    "chat.postEphemeral",
    *(set(ERRORS) - {"invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large"}),
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "user_not_in_channel",
    "cannot_reply_to_message",
    "msg_too_long",
)
def post_ephemeral(call: Call) -> Answer:
    """A message that one person sees, until they load their client again."""
    channel = _writable(call)
    user = call.find_user(call.text("user"))
    if user is None or user.id not in channel.members:
        raise Refused("user_not_in_channel")
    message = _message(call, channel, too_long="msg_too_long")
    message.ephemeral_to = user.id
    pictures.check(call, message.blocks, channel)
    call.core.happen.post(channel, message)
    return {"message_ts": message.ts}


@method(
    "chat.update",
    *ERRORS,
    "channel_not_found",
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "msg_too_long",
)
def update(call: Call) -> Answer:
    """A message of the bot changes; text without blocks takes the old blocks away."""
    channel = _place(call)
    message = call.message(channel, "ts")
    if message.user != call.bot.id or message.subtype.startswith("channel_"):
        raise Refused("cant_update_message")
    if call.core.edit_window is not None and call.core.state.now - float(message.ts) > call.core.edit_window:
        raise Refused("edit_window_closed")
    known = content(call, too_long="msg_too_long")
    pictures.check(call, known["blocks"], channel)
    changes: dict[str, Any] = {"text": known["text"], "blocks": known["blocks"], "attachments": known["attachments"]}
    if known["metadata"] or "metadata" in call.args:
        changes["metadata"] = known["metadata"]
    call.core.happen.edit(channel, message, changes)
    shown = _shown(call, channel, message)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}


@method("chat.delete", "channel_not_found", "message_not_found", "cant_delete_message")
def delete(call: Call) -> Answer:
    """A message of the bot goes."""
    channel = _place(call)
    message = call.message(channel, "ts")
    if message.user != call.bot.id:
        raise Refused("cant_delete_message")
    call.core.happen.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.getPermalink", "channel_not_found", "message_not_found")
def permalink(call: Call) -> Answer:
    """The address of a message."""
    channel = _place(call)
    message = call.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": call.core.permalink(channel, message)}


@method(
    "chat.unfurl",
    "cannot_find_channel",
    "cannot_find_message",
    "cannot_unfurl_url",
    "cannot_parse_attachment",
    "missing_unfurls",
    "missing_channel",
    "missing_ts",
    "invalid_unfurls_format",
)
def unfurl(call: Call) -> Answer:
    """What is shown below a link that somebody shared."""
    channel, message = _unfurled(call)
    unfurls = call.args.get("unfurls")
    if not unfurls:
        raise Refused("missing_unfurls")
    if not isinstance(unfurls, dict):
        raise Refused("invalid_unfurls_format")
    shared = call.core.shared_links.get(f"{channel.id} {message.ts}", [])
    for url, one in unfurls.items():
        if url not in shared:
            raise Refused("cannot_unfurl_url")
        if problems_of_blocks(one.get("blocks") or []):
            raise Refused("cannot_parse_attachment")
    call.core.happen.edit(channel, message, {"unfurls": message.unfurls | unfurls}, quietly=True)
    return {}


def _unfurled(call: Call) -> tuple[Channel, Message]:
    if not call.args.get("channel"):
        raise Refused("missing_channel")
    if not call.args.get("ts"):
        raise Refused("missing_ts")
    channel = call.find_channel(call.text("channel"))
    if channel is None or not call.sees(channel):
        raise Refused("cannot_find_channel")
    return channel, call.message(channel, "ts", "cannot_find_message")


@method(
    "chat.scheduleMessage",
    *ERRORS,
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "time_in_past",
    "time_too_far",
    "msg_too_long",
)
def schedule(call: Call) -> Answer:
    """A message for later; it is written when the clock is advanced beyond its time."""
    channel = _writable(call)
    at = int(call.args["post_at"])
    if at <= call.core.state.now:
        raise Refused("time_in_past")
    if at > call.core.state.now + 120 * 86_400:
        raise Refused("time_too_far")
    known = content(call, too_long="msg_too_long") | {"thread_ts": call.text("thread_ts")}
    scheduled = call.core.state.id("Q")
    more = {"bot_id": call.bot.bot_id, "app_id": call.core.app_id}
    call.core.scheduled.append((at, channel, call.bot, known | more))
    return {"channel": channel.id, "scheduled_message_id": scheduled, "post_at": at, "message": {"text": known["text"]}}
