"""The same calls to our simulated Slack and to an independent one; where they differ, why."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulators.slack import Slack
from tests.simulators.slack.bolted import client
from tests.simulators.slack.emulate import TOKEN, Absent, emulator

BLOCKS = [{"type": "header", "text": {"type": "plain_text", "text": "Card"}}]

# Each step: its name, its method, its arguments. `{card.ts}` is what the answer of the step `card` had there.
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("auth", "auth_test", {}),
    ("team", "team_info", {}),
    ("people", "users_list", {}),
    ("ana", "users_lookupByEmail", {"email": "ana@acme.example"}),
    ("ben", "users_lookupByEmail", {"email": "ben@acme.example"}),
    ("nobody", "users_lookupByEmail", {"email": "nobody@acme.example"}),
    ("info of ana", "users_info", {"user": "{ana.user.id}"}),
    ("info of nobody", "users_info", {"user": "U404"}),
    ("profile", "users_profile_get", {"user": "{ana.user.id}"}),
    ("made", "conversations_create", {"name": "inc-1"}),
    ("made again", "conversations_create", {"name": "inc-1"}),
    ("upper case", "conversations_create", {"name": "Inc 1"}),
    ("too long", "conversations_create", {"name": "x" * 81}),
    ("private", "conversations_create", {"name": "inc-2", "is_private": True}),
    ("listed", "conversations_list", {"limit": 200}),
    ("a page", "conversations_list", {"limit": 1}),
    ("channel", "conversations_info", {"channel": "{made.channel.id}"}),
    ("no channel", "conversations_info", {"channel": "C404"}),
    ("invited", "conversations_invite", {"channel": "{made.channel.id}", "users": "{ana.user.id}"}),
    ("invited again", "conversations_invite", {"channel": "{made.channel.id}", "users": "{ana.user.id}"}),
    ("invited nobody", "conversations_invite", {"channel": "{made.channel.id}", "users": "U404"}),
    ("invited self", "conversations_invite", {"channel": "{made.channel.id}", "users": "{auth.user_id}"}),
    ("joined", "conversations_join", {"channel": "{made.channel.id}"}),
    ("members", "conversations_members", {"channel": "{made.channel.id}"}),
    ("topic", "conversations_setTopic", {"channel": "{made.channel.id}", "topic": "SEV1"}),
    ("long topic", "conversations_setTopic", {"channel": "{made.channel.id}", "topic": "x" * 251}),
    ("purpose", "conversations_setPurpose", {"channel": "{made.channel.id}", "purpose": "INC-1"}),
    ("card", "chat_postMessage", {"channel": "{made.channel.id}", "text": "card", "blocks": BLOCKS}),
    ("reply", "chat_postMessage", {"channel": "{made.channel.id}", "text": "reply", "thread_ts": "{card.ts}"}),
    ("to nowhere", "chat_postMessage", {"channel": "C404", "text": "x"}),
    ("psst", "chat_postEphemeral", {"channel": "{made.channel.id}", "text": "x", "user": "{ana.user.id}"}),
    ("changed", "chat_update", {"channel": "{made.channel.id}", "text": "card 2", "ts": "{card.ts}"}),
    ("changed nothing", "chat_update", {"channel": "{made.channel.id}", "text": "card 2", "ts": "1.000001"}),
    ("link", "chat_getPermalink", {"channel": "{made.channel.id}", "message_ts": "{card.ts}"}),
    ("history", "conversations_history", {"channel": "{made.channel.id}"}),
    ("thread", "conversations_replies", {"channel": "{made.channel.id}", "ts": "{card.ts}"}),
    ("no thread", "conversations_replies", {"channel": "{made.channel.id}", "ts": "1.000001"}),
    ("reacted", "reactions_add", {"channel": "{made.channel.id}", "timestamp": "{card.ts}", "name": "eyes"}),
    ("reacted again", "reactions_add", {"channel": "{made.channel.id}", "timestamp": "{card.ts}", "name": "eyes"}),
    ("reactions", "reactions_get", {"channel": "{made.channel.id}", "timestamp": "{card.ts}"}),
    ("unreacted", "reactions_remove", {"channel": "{made.channel.id}", "timestamp": "{card.ts}", "name": "eyes"}),
    ("not reacted", "reactions_remove", {"channel": "{made.channel.id}", "timestamp": "{card.ts}", "name": "eyes"}),
    ("pinned", "pins_add", {"channel": "{made.channel.id}", "timestamp": "{card.ts}"}),
    ("pinned again", "pins_add", {"channel": "{made.channel.id}", "timestamp": "{card.ts}"}),
    ("pins", "pins_list", {"channel": "{made.channel.id}"}),
    ("unpinned", "pins_remove", {"channel": "{made.channel.id}", "timestamp": "{card.ts}"}),
    ("not pinned", "pins_remove", {"channel": "{made.channel.id}", "timestamp": "{card.ts}"}),
    (
        "bookmarked",
        "bookmarks_add",
        {"channel_id": "{made.channel.id}", "title": "Runbook", "type": "link", "link": "https://runbook.example"},
    ),
    ("bookmarks", "bookmarks_list", {"channel_id": "{made.channel.id}"}),
    ("direct", "conversations_open", {"users": "{ana.user.id}"}),
    ("deleted", "chat_delete", {"channel": "{made.channel.id}", "ts": "{reply.ts}"}),
    ("deleted again", "chat_delete", {"channel": "{made.channel.id}", "ts": "{reply.ts}"}),
    ("renamed", "conversations_rename", {"channel": "{made.channel.id}", "name": "inc-1-slow"}),
    ("kicked", "conversations_kick", {"channel": "{made.channel.id}", "user": "{ana.user.id}"}),
    ("archived", "conversations_archive", {"channel": "{made.channel.id}"}),
    ("archived again", "conversations_archive", {"channel": "{made.channel.id}"}),
    ("to the archive", "chat_postMessage", {"channel": "{made.channel.id}", "text": "x"}),
    ("name of the archived", "conversations_create", {"name": "inc-1-slow"}),
    ("unarchived", "conversations_unarchive", {"channel": "{made.channel.id}"}),
    ("not archived", "conversations_unarchive", {"channel": "{made.channel.id}"}),
    ("left", "conversations_leave", {"channel": "{made.channel.id}"}),
    ("file", "files_getUploadURLExternal", {"filename": "a.txt", "length": 3}),
]

Outcomes = dict[str, dict[str, Any]]


async def outcomes(web: AsyncWebClient) -> Outcomes:
    """The answers to all steps."""
    found: Outcomes = {}
    for name, method, args in STEPS:
        filled = {key: _filled(value, found) for key, value in args.items()}
        try:
            found[name] = dict((await getattr(web, method)(**filled)).data)
        except SlackApiError as refused:
            data = refused.response.data
            found[name] = dict(data) if isinstance(data, dict) else {"ok": False, "error": str(data)}
    return found


def _filled(value: Any, found: Outcomes) -> Any:
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    step, *path = value.strip("{}").split(".")
    reached: Any = found[step]
    for name in path:
        reached = reached.get(name, {})
    return reached


def shape(answer: dict[str, Any]) -> set[str]:
    """The keys of an answer and of the objects in it; of a list, those of its first item."""
    found: set[str] = set()
    for name, value in answer.items():
        found.add(name)
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict):
            found |= {f"{name}.{one}" for one in inner}
    return found


def verdict(answer: dict[str, Any]) -> str:
    """Yes, or the name of the refusal."""
    return "ok" if answer.get("ok") else str(answer.get("error"))


# (step, what ours says, what theirs says): why.
VERDICTS = {
    ("upper case", "invalid_name_specials", "name_taken"): "theirs makes names lower case and turns blanks to hyphens",
    ("no thread", "thread_not_found", "ok"): "theirs answers with an empty thread; the reference has an error for it",
}
# What their answers have and ours do not, wherever it stands: why.
LACKING = {
    "is_open": "Slack says it of private channels only, and nobody reads it",
    "num_members": "Slack says it only to who asks for it, and in lists",
    "huddle_state": "nobody has huddles here",
    "huddle_state_expiration_ts": "nobody has huddles here",
    "skype": "Slack took it away",
    "error": "of the verdicts above",
    "has_more": "of the verdicts above",
    "messages": "of the verdicts above",
    "response_metadata": "Slack leaves it out where there is no next page",
    "response_metadata.next_cursor": "Slack leaves it out where there is no next page",
}


async def test_our_slack_and_an_independent_one_agree() -> None:
    try:
        async with emulator() as address:
            theirs = await outcomes(AsyncWebClient(TOKEN, base_url=address, retry_handlers=[]))
    except Absent as absent:
        pytest.skip(str(absent))
    async with Slack.start(limits=False) as slack:
        ours = await outcomes(client(slack))
    verdicts = {(name, verdict(ours[name]), verdict(theirs[name])) for name in ours}
    assert {one for one in verdicts if one[1] != one[2]} == set(VERDICTS)
    lacking = {f"{name}: {key}" for name in ours for key in shape(theirs[name]) - shape(ours[name])}
    assert {one for one in lacking if not _excused(one.split(": ")[1])} == set()
    assert slack.violations == []


def _excused(key: str) -> bool:
    return key in LACKING or key.rpartition(".")[2] in LACKING
