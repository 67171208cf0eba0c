"""The app's manifest, from which Slack makes the app: names, commands, shortcuts, events and scopes, from the code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import yaml

from bot.platforms.slack.own import SLACKS_OWN
from bot.platforms.slack.subscriptions import EVENTS, SHORTCUTS, scopes
from bot.settings import Settings
from commands.grammar.parser import usage
from commands.registry import Command, Registry

_HEAD = """# Tocsin as a Slack app. Made by `tocsin slack manifest`; a test keeps it equal to the code.
# Create the app from it at https://api.slack.com/apps?new_app=1; docs/slack.md leads through it.
"""
_NAME, _COLOUR = "Tocsin", "#7A1F1F"
_SHORT = "Runs incidents from chat: declare, act on the gateway, hand over, write the postmortem."
_LONG = (
    "Tocsin opens a channel for each incident, shows what the gateway is doing, changes it after a confirmation and "
    "proves what came of the change. It keeps the timeline, reminds of the next update, hands over between shifts, "
    "and drafts the postmortem from what happened. Type /tocsin help to begin."
)
_LONGEST_HINT = 100
#: Slack's own, and the name under which everything can be asked: ours is `/tocsin help`.
_OWN = "tocsin"
_FAMILIES = {
    "incident": "Declare an incident, or work on one",
    "gw": "Look at the gateway, or change it",
    "lease": "Renew a temporary change, keep it, or take it back",
    "policy": "Show who may change what, and explain why",
}


@dataclass(frozen=True)
class Wanted:
    """How the app is to be reached. `address`: where Slack and browsers reach the listener; empty: by sockets only."""

    address: str = ""
    sockets: bool = True
    token_rotation: bool = False
    unfurl_domain: str = ""


def wanted(settings: Settings) -> Wanted:
    """As the settings have it; also before there are tokens, which come with the app."""
    section = settings.platforms.get("slack", {})
    domain = urlsplit(settings.address).hostname or ""
    return Wanted(
        address=str(section.get("public_url", "")).rstrip("/"),
        sockets=section.get("mode", "socket") == "socket",
        token_rotation=str(section.get("token_rotation", "")).casefold() in {"true", "1", "yes"},
        unfurl_domain=domain if "." in domain and not domain.replace(".", "").isdigit() else "",
    )


def manifest(registry: Registry, wanted: Wanted) -> dict[str, Any]:
    """The manifest, as Slack's page takes it."""
    features: dict[str, Any] = {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
        "bot_user": {"display_name": _NAME, "always_online": True},
        "shortcuts": [
            {"name": one.name, "type": one.type, "callback_id": one.callback, "description": one.why}
            for one in SHORTCUTS
        ],
        "slash_commands": [{**one, **_url(wanted)} for one in slash_commands(registry)],
    }
    if wanted.unfurl_domain:
        features["unfurl_domains"] = [wanted.unfurl_domain]
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": _NAME,
            "description": _SHORT,
            "long_description": _LONG,
            "background_color": _COLOUR,
        },
        "features": features,
        "oauth_config": _oauth(wanted),
        "settings": _settings(wanted),
    }


def _oauth(wanted: Wanted) -> dict[str, Any]:
    asked: dict[str, Any] = {"scopes": {"bot": list(scopes())}}
    if wanted.address:
        asked["redirect_urls"] = [f"{wanted.address}/slack/oauth_redirect"]
    return asked


def _settings(wanted: Wanted) -> dict[str, Any]:
    return {
        "event_subscriptions": {**_url(wanted, "request_url"), "bot_events": [event.name for event in EVENTS]},
        "interactivity": {"is_enabled": True, **_url(wanted, "request_url")},
        "org_deploy_enabled": False,
        "socket_mode_enabled": wanted.sockets,
        "token_rotation_enabled": wanted.token_rotation,
    }


def _url(wanted: Wanted, key: str = "url") -> dict[str, str]:
    """Sockets need no address."""
    return {} if wanted.sockets else {key: f"{wanted.address}/slack/events"}


def slash_commands(registry: Registry) -> Iterator[dict[str, Any]]:
    """One for each family of the registry, and Tocsin's own."""
    known = sorted(registry.commands.values(), key=lambda command: command.path)
    for root, family in groupby(known, key=lambda command: command.path[0]):
        if root not in {*SLACKS_OWN, _OWN}:
            yield _slash(root, list(family))
    own = [path[1] for path in sorted(registry.commands) if path[0] == _OWN and len(path) > 1]
    yield {
        "command": f"/{_OWN}",
        "description": "Show what you can ask",
        "usage_hint": " | ".join(["help [command]", *own]),
        "should_escape": True,
    }


def _slash(root: str, family: list[Command]) -> dict[str, Any]:
    hint = _hint(root, family)
    return {
        "command": f"/{root}",
        "description": _FAMILIES.get(root, family[0].summary.rstrip(".")),
        **({"usage_hint": hint} if hint else {}),  # a hint that is there is not empty
        "should_escape": True,
    }


def _hint(root: str, family: list[Command]) -> str:
    """The words that may follow; of a command that stands alone, its arguments."""
    own = next((usage(one).removeprefix(f"/{root}").strip() for one in family if one.path == (root,)), "")
    words = list(dict.fromkeys(one.path[1] for one in family if len(one.path) > 1))
    whole = " | ".join(part for part in (own, *words) if part)
    return whole if len(whole) <= _LONGEST_HINT else f"{whole[: _LONGEST_HINT - 2].rpartition(' | ')[0]} …"


def as_yaml(registry: Registry, wanted: Wanted) -> str:
    """The file."""
    return _HEAD + yaml.safe_dump(manifest(registry, wanted), sort_keys=False, allow_unicode=True, width=100)
