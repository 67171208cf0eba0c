"""Slack's Web API as far as it is used here: how often each method may be called, and the scopes that it needs.

Source: the reference pages of the methods. A test holds this table against every call that is made, and the
manifest's scopes are computed from it.
"""

from __future__ import annotations

from dataclasses import dataclass

TIER_1, TIER_2, TIER_3, TIER_4 = 1, 20, 50, 100
_MANY = 600


@dataclass(frozen=True)
class Method:
    """`per_minute`: calls a workspace allows. `repeatable`: doing it twice is doing it once."""

    per_minute: int
    scopes: tuple[str, ...] = ()
    repeatable: bool = True
    why: str = ""


METHODS: dict[str, Method] = {
    "api.test": Method(_MANY),
    "apps.connections.open": Method(TIER_1),
    "auth.revoke": Method(TIER_3),
    "auth.test": Method(_MANY),
    "bookmarks.add": Method(TIER_2, ("bookmarks:write",), False, "dashboard, runbook and postmortem on top"),
    "bookmarks.list": Method(TIER_3, ("bookmarks:read",), why="to set no bookmark twice"),
    "chat.getPermalink": Method(_MANY, why="a message on the timeline links to where it was said"),
    "chat.postEphemeral": Method(TIER_4, ("chat:write",), False, "answers that only the asker sees"),
    "chat.postMessage": Method(300, ("chat:write",), False, "everything that Tocsin says"),
    "chat.unfurl": Method(TIER_3, ("links:write",), why="previews of links to incidents"),
    "chat.update": Method(TIER_3, ("chat:write",), why="cards and progress are kept up to date"),
    "conversations.create": Method(
        TIER_2, ("channels:manage", "groups:write"), False, "a channel for each incident, private if asked"
    ),
    "conversations.history": Method(
        TIER_3,
        ("channels:history", "groups:history", "im:history", "mpim:history"),
        why="to see after an unclear answer whether a message was said; messages that are put on the timeline",
    ),
    "conversations.info": Method(
        TIER_3, ("channels:read", "groups:read", "im:read", "mpim:read"), why="whether a human changed the topic"
    ),
    "conversations.invite": Method(
        TIER_3, ("channels:manage", "groups:write"), why="who is on duty, who declared, who takes a role"
    ),
    "conversations.join": Method(TIER_3, ("channels:join",), why="to answer in public channels"),
    "conversations.list": Method(TIER_2, ("channels:read", "groups:read"), why="to find a channel by its name"),
    "conversations.members": Method(
        TIER_4,
        ("channels:read", "groups:read", "im:read", "mpim:read"),
        why="whether everybody who reads a preview may know of its incident",
    ),
    "conversations.open": Method(TIER_3, ("im:write",), why="to reach somebody who is not in the channel"),
    "conversations.replies": Method(
        TIER_3, ("channels:history", "groups:history"), why="as conversations.history, for threads"
    ),
    "conversations.setPurpose": Method(TIER_2, ("channels:manage", "groups:write"), why="what the channel is for"),
    "conversations.setTopic": Method(
        TIER_2, ("channels:manage", "groups:write"), why="severity, status and roles on top of the channel"
    ),
    "files.completeUploadExternal": Method(
        TIER_4, ("files:write",), False, "the postmortem, charts, and what is too long"
    ),
    "files.getUploadURLExternal": Method(TIER_4, ("files:write",), why="the postmortem, charts, and what is too long"),
    "oauth.v2.access": Method(_MANY),
    "pins.add": Method(TIER_2, ("pins:write",), why="the incident's card"),
    "reactions.get": Method(TIER_3, ("reactions:read",), why="the message that somebody marked for the timeline"),
    "usergroups.list": Method(TIER_2, ("usergroups:read",), why="groups by their handles"),
    "usergroups.users.list": Method(TIER_2, ("usergroups:read",), why="roles by group; inviting a group"),
    "users.info": Method(TIER_4, ("users:read", "users:read.email"), why="who somebody is, and their time zone"),
    "users.list": Method(
        TIER_2, ("users:read", "users:read.email"), why="the doctor: which people of the settings have no account"
    ),
    "users.lookupByEmail": Method(TIER_3, ("users:read.email",), why="who is on duty, before they have said anything"),
    "views.open": Method(TIER_4, (), False, "the form that declares an incident, within three seconds"),
    "views.publish": Method(TIER_4, why="the home tab"),
    "views.update": Method(TIER_4, why="the form is filled, and its answer shown in its place"),
}
