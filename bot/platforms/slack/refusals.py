"""What Slack's refusals mean to people: its name for what is wrong, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from bot.platforms.slack.web import NOT_INSTALLED, Barred, Refused
from commands.cards import Rich, coded
from commands.ports import Undeliverable


class Tell(Protocol):
    """Says in a channel that something of it could not be done, and what helps; once for a key."""

    async def __call__(self, channel: str, what: str, *why: Rich | str, key: str) -> None: ...


_VOID = "set platforms.slack.bot_token to the bot token of the app (`tocsin slack doctor`)"
_INSTALL = "the app was removed from the workspace, or its token ran out: install it again"
_RESTRICTED = "a workspace admin has to allow this to apps"
_NO_FILES = "an admin has to allow such files in this workspace"
_OUTSIDE = "type /invite @Tocsin in the channel"
_WAYS_OUT = {
    "missing_scope": "put the manifest into the app's settings again (`tocsin slack manifest`), and reinstall it",
    "invalid_auth": _VOID,
    "not_authed": _VOID,
    "not_allowed_token_type": _VOID,
    "account_inactive": _INSTALL,
    "token_revoked": _INSTALL,
    "token_expired": _INSTALL,
    "restricted_action": _RESTRICTED,
    "restricted_action_read_only_channel": _RESTRICTED,
    "restricted_action_thread_only_channel": _RESTRICTED,
    "restricted_action_non_threadable_channel": _RESTRICTED,
    "not_in_channel": _OUTSIDE,
    "channel_not_found": _OUTSIDE,
    "no_permission": _OUTSIDE,
    "is_archived": "unarchive the channel",
    "is_inactive": "unarchive the channel",
    "cant_invite": "they are deactivated, or of another organisation",
    "org_user_not_in_team": "they are not in this workspace: an admin can add them",
    "invitee_cant_see_channel": "they are not in this workspace: an admin can add them",
    "no_external_invite_permission": "invite them by hand, if you may",
    "user_is_restricted": "they are a guest: an admin can let them in",
    "ura_max_channels": "they are a guest of one channel: an admin can let them in",
    "too_many_pins": "take some pins off",
    "too_many_bookmarks": "take some links off",
    "file_uploads_disabled": _NO_FILES,
    "file_uploads_except_images_disabled": _NO_FILES,
    "file_type_not_allowed": _NO_FILES,
    "file_upload_size_restricted": "the workspace takes no file of this size",
    "storage_limit_reached": "the workspace has no room left for files",
}


def explained(refused: Refused) -> str:
    """Slack's error with what helps."""
    if refused.code == NOT_INSTALLED:
        return refused.said
    way_out = _WAYS_OUT.get(refused.code)
    return f"Slack refused {refused}" + (f": {way_out}." if way_out else ".")


@contextmanager
def final() -> Iterator[None]:
    """A refusal within is for good, as the outbox has it; unless our access is wanting, which can be renewed."""
    try:
        yield
    except Barred:
        raise
    except Refused as refused:
        raise Undeliverable(explained(refused)) from refused


async def complain(tell: Tell, channel: str, what: str, refused: Refused, *, key: str) -> None:
    """Say in its channel that something was refused; unless nothing is allowed at all, which is told elsewhere."""
    if not (isinstance(refused, Barred) and refused.everything):
        await tell(channel, what, coded(explained(refused)), key=key)
