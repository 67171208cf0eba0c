"""People, groups, bots and the workspace."""

from __future__ import annotations

from tests.simulators.slack import outlook
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, Kind
from tests.simulators.slack.web.call import Answer, Call, method

TYPES: dict[str, Kind] = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}


@method("users.info", "user_not_found")
def users_info(call: Call) -> Answer:
    """One user."""
    return {"user": outlook.user(call.user(), team=call.team.id) | _email(call)}


def _email(_call: Call) -> Answer:
    return {}


@method("users.list", "invalid_cursor", "limit_required")
def users_list(call: Call) -> Answer:
    """Everybody here, by pages."""
    if "limit" in call.args and not call.args["limit"]:
        raise Refused("limit_required")
    page, cursor = call.page(list(call.team.users.values()), default=200)
    members = [outlook.user(one, team=call.team.id) for one in page]
    return {
        "members": members,
        "cache_ts": int(call.core.state.now),
        "response_metadata": {"next_cursor": cursor},
    }


@method("users.lookupByEmail", "users_not_found")
def users_by_email(call: Call) -> Answer:
    """The user with an address, unless they were deactivated."""
    address = call.text("email").lower()
    for one in call.team.users.values():
        if one.email.lower() == address and not one.deleted and one.role != "bot":
            return {"user": outlook.user(one, team=call.team.id)}
    raise Refused("users_not_found")


@method("users.profile.get", "user_not_found")
def profile_get(call: Call) -> Answer:
    """The profile of a user."""
    user = call.user() if call.args.get("user") else call.bot
    return {"profile": outlook.user(user, team=call.team.id)["profile"]}


@method("users.conversations", "invalid_cursor", "invalid_limit", "invalid_types")
def users_conversations(call: Call) -> Answer:
    """The channels that somebody is in, as far as the bot sees them."""
    who = call.text("user") or call.bot.id
    known = [one for one in visible(call) if who in one.members]
    page, cursor = call.page(known)
    channels = [outlook.channel(one, reader=call.bot.id) for one in page]
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


def visible(call: Call) -> list[Channel]:
    """The channels of the kinds that were asked for, and that the bot may see."""
    asked = (call.text("types") or "public_channel").split(",")
    if any(one.strip() not in TYPES for one in asked):
        raise Refused("invalid_types")
    kinds = {TYPES[one.strip()] for one in asked}
    for kind in sorted(kinds):
        call.scoped({"public": "channels", "private": "groups"}.get(kind, kind))
    known = [one for team in call.core.state.teams.values() for one in team.channels.values()]
    here = [one for one in known if call.team.id in {one.team, *one.connected} and one.kind in kinds]
    return [one for one in here if call.sees(one) and not (call.flag("exclude_archived") and one.archived)]


@method("usergroups.list")
def usergroups_list(call: Call) -> Answer:
    """All user groups."""
    known = [one for one in call.team.groups.values() if call.flag("include_disabled") or not one.disabled]
    users, count = call.flag("include_users"), call.flag("include_count")
    return {"usergroups": [outlook.group(one, users=users, count=count) for one in known]}


@method("usergroups.users.list", "no_such_subteam")
def usergroups_users(call: Call) -> Answer:
    """Who is in a group."""
    group = call.team.groups.get(call.text("usergroup"))
    if group is None or (group.disabled and not call.flag("include_disabled")):
        raise Refused("no_such_subteam")
    return {"users": list(group.users)}


@method("bots.info", "bot_not_found")
def bots_info(call: Call) -> Answer:
    """A bot by its bot id."""
    wanted = call.text("bot") or call.bot.bot_id
    for one in call.team.users.values():
        if one.bot_id == wanted:
            body = {"id": one.bot_id, "app_id": call.core.app_id, "user_id": one.id, "name": one.name}
            return {"bot": body | {"deleted": one.deleted, "updated": 1_700_000_000, "icons": {}}}
    raise Refused("bot_not_found")


@method("team.info", "team_not_found")
def team_info(call: Call) -> Answer:
    """The workspace."""
    if call.args.get("team") not in {None, call.team.id}:
        raise Refused("team_not_found")
    body = {"id": call.team.id, "name": call.team.name, "domain": call.team.domain}
    body |= {"url": f"https://{call.team.domain}.slack.com/", "email_domain": "", "avatar_base_url": ""}
    return {"team": {**body, "icon": {"image_default": True}, "is_verified": False}}
