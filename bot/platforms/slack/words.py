"""What somebody typed in Slack, as they typed it: Slack's escapes and a phone's corrections taken back."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

_USER = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^>]*))?>")
_SPECIAL = re.compile(r"<!(?:subteam\^[A-Z0-9]+\|)?([^>|]*)(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto|tel):[^>|]*)(?:\|[^>]*)?>")
#: What keyboards make of quotes and of the two dashes of an option.
_TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "„": '"', "\N{NO-BREAK SPACE}": " "})
_DASH = re.compile("(?<!\\S)[\N{EM DASH}\N{EN DASH}](?=[a-z])")

#: What people put between a name and what they ask of it.
_AFTER_A_NAME = " \t\n:,/\N{NO-BREAK SPACE}"

Mention = Callable[[str], str]


def users_in(text: str) -> list[str]:
    """The Slack ids of the people that a text mentions."""
    return list(dict.fromkeys(_USER.findall(text)))


def channels_in(text: str) -> list[str]:
    """The Slack ids of the channels that a text names."""
    return list(dict.fromkeys(found for found, _ in _CHANNEL.findall(text)))


def plain(text: str, mention: Mention, channel: Mention) -> str:
    """The words. `mention` and `channel` tell what a user id and a channel id are called here."""
    text = _USER.sub(lambda found: f"@{mention(found[1])}", text)
    text = _CHANNEL.sub(lambda found: f"#{channel(found[1]) or found[2] or found[1]}", text)
    text = _LINK.sub(lambda found: found[1], text)
    text = _SPECIAL.sub(lambda found: f"@{(found[2] or found[1]).lstrip('@')}", text)
    return html.unescape(text)


def command(text: str) -> str:
    """A line as the grammar wants it: straight quotes, and two dashes where a phone made one long one."""
    return _DASH.sub("--", text.translate(_TYPOGRAPHY))


def asked_by_mention(text: str, bot_user: str, roots: set[str]) -> str:
    """`<@BOT>: declare sev1 ...` as `/incident declare sev1 ...`; `<@BOT> gw status` as `/gw status`."""
    before, _, after = text.partition(f"<@{bot_user}>")
    words = after.lstrip(_AFTER_A_NAME).rstrip() or before.lstrip(_AFTER_A_NAME).rstrip()
    first = words.split(maxsplit=1)[0].casefold() if words else "help"
    return f"/{words or 'help'}" if first in roots else f"/incident {words}"
