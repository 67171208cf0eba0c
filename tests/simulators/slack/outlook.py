"""Things of the simulated Slack as its APIs write them."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack.model import Channel, File, Group, Message, Team, User, View


def user(one: User, *, team: str) -> dict[str, Any]:
    """A user object, as somebody of this team gets it."""
    profile = {
        "title": "",
        "phone": "",
        "real_name": one.real_name,
        "real_name_normalized": one.real_name,
        "display_name": one.name,
        "display_name_normalized": one.name,
        "status_text": "",
        "status_emoji": "",
        "status_emoji_display_info": [],
        "status_expiration": 0,
        "avatar_hash": "g0",
        **{f"image_{size}": f"https://avatars.example/{one.id}_{size}.png" for size in (24, 32, 48, 72, 192, 512)},
        "team": one.team,
        "email": one.email,
    }
    body: dict[str, Any] = {
        "id": one.id,
        "team_id": one.team,
        "name": one.name,
        "deleted": one.deleted,
        "color": "9f69e7",
        "real_name": one.real_name,
        "tz": one.tz,
        "tz_label": one.tz,
        "tz_offset": one.tz_offset,
        "profile": profile,
        "is_admin": one.role in {"admin", "owner"},
        "is_owner": one.role == "owner",
        "is_primary_owner": False,
        "is_restricted": one.is_guest,
        "is_ultra_restricted": one.role == "ultra_guest",
        "is_bot": one.role == "bot",
        "is_app_user": False,
        "updated": 1_700_000_000,
    }
    if one.role == "bot":
        profile["bot_id"] = one.bot_id
        profile.pop("email")
    if one.team != team:
        body["is_stranger"] = True
        profile.pop("email", None)
    return body


def channel(one: Channel, *, reader: str, count: bool = False) -> dict[str, Any]:
    """A conversation object, as this member gets it."""
    if one.kind == "im":
        other = next((user for user in one.members if user != reader), reader)
        return {"id": one.id, "created": one.created, "is_archived": False, "is_im": True, "user": other}
    body: dict[str, Any] = {
        "id": one.id,
        "name": one.name,
        "name_normalized": one.name,
        "is_channel": one.kind == "public",
        "is_group": one.kind == "private",
        "is_im": False,
        "is_mpim": one.kind == "mpim",
        "is_private": one.kind != "public",
        "is_archived": one.archived,
        "is_general": one.general,
        "is_member": reader in one.members,
        "is_shared": bool(one.connected),
        "is_ext_shared": bool(one.connected),
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "created": one.created,
        "creator": one.creator,
        "unlinked": 0,
        "context_team_id": one.team,
        "shared_team_ids": [one.team, *one.connected],
        "previous_names": one.previous_names,
        "topic": vars(one.topic).copy(),
        "purpose": vars(one.purpose).copy(),
        "updated": int(one.created * 1000),
    }
    body |= {"last_read": "0000000000.000000"} if reader in one.members else {}
    return body | ({"num_members": len(one.members)} if count else {})


def message(one: Message, place: Channel, team: Team, *, metadata: bool = False) -> dict[str, Any]:
    """A message object; its metadata only for those who ask for it."""
    body: dict[str, Any] = {"type": "message", "user": one.user, "text": one.text, "ts": one.ts, "team": one.team}
    optional = {
        "subtype": one.subtype,
        "bot_id": one.bot_id,
        "app_id": one.app_id,
        "blocks": one.blocks,
        "attachments": one.attachments,
        "edited": one.edited,
        "username": one.username,
        "metadata": one.metadata if metadata else None,
        "files": [file(team.files[found]) for found in one.files if found in team.files],
        "reactions": reactions(one),
        "pinned_to": [place.id] if any(pin["ts"] == one.ts for pin in place.pins) else None,
    }
    body |= {name: value for name, value in optional.items() if value}
    return body | _thread(one, place) | one.more


def _thread(one: Message, place: Channel) -> dict[str, Any]:
    if one.is_reply:
        parent = place.message(one.thread_ts)
        return {"thread_ts": one.thread_ts, "parent_user_id": parent.user if parent else ""}
    answers = place.replies(one.ts)
    if not answers:
        return {}
    people = list(dict.fromkeys(answer.user for answer in answers))
    return {
        "thread_ts": one.ts,
        "reply_count": len(answers),
        "reply_users_count": len(people),
        "reply_users": people[:5],
        "latest_reply": answers[-1].ts,
        "is_locked": False,
        "subscribed": False,
    }


def reactions(one: Message) -> list[dict[str, Any]]:
    """Each emoji with who gave it."""
    return [{"name": name, "users": users, "count": len(users)} for name, users in one.reactions.items()]


def file(one: File) -> dict[str, Any]:
    """A file object."""
    kind = one.name.rpartition(".")[2].lower()
    return {
        "id": one.id,
        "created": one.created,
        "timestamp": one.created,
        "name": one.name,
        "title": one.title or one.name,
        "filetype": kind,
        "mimetype": MIME.get(kind, "application/octet-stream"),
        "user": one.user,
        "user_team": one.team,
        "size": one.length,
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "alt_txt": one.alt_txt,
        "url_private": one.url,
        "url_private_download": one.url,
        "permalink": f"https://files.slack.com/files/{one.user}/{one.id}/{one.name}",
        "channels": one.channels,
    }


MIME = {"png": "image/png", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "json": "application/json"}


def group(one: Group, *, users: bool = False, count: bool = False) -> dict[str, Any]:
    """A user group object."""
    body: dict[str, Any] = {
        "id": one.id,
        "team_id": one.team,
        "is_usergroup": True,
        "name": one.name,
        "handle": one.handle,
        "description": "",
        "is_external": False,
        "date_create": 1_700_000_000,
        "date_update": 1_700_000_000,
        "date_delete": 1_700_000_001 if one.disabled else 0,
        "auto_type": None,
        "created_by": "USLACKBOT",
        "updated_by": "USLACKBOT",
        "deleted_by": None,
        "prefs": {"channels": [], "groups": []},
    }
    if count:
        body["user_count"] = len(one.users)
    return body | ({"users": list(one.users)} if users else {})


def view(one: View, app_id: str, bot_id: str) -> dict[str, Any]:
    """A view object, with what a human filled in so far."""
    content = one.content
    return {
        "id": one.id,
        "team_id": one.team,
        "type": content["type"],
        "title": content.get("title"),
        "submit": content.get("submit"),
        "close": content.get("close"),
        "blocks": content["blocks"],
        "private_metadata": content.get("private_metadata") or "",
        "callback_id": content.get("callback_id") or "",
        "external_id": one.external_id,
        "state": {"values": one.values},
        "hash": one.hash,
        "clear_on_close": bool(content.get("clear_on_close")),
        "notify_on_close": bool(content.get("notify_on_close")),
        "root_view_id": one.root,
        "previous_view_id": one.previous or None,
        "app_id": app_id,
        "app_installed_team_id": one.team,
        "bot_id": bot_id,
    }
