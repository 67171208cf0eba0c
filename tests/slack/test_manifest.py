"""The manifest is what the code needs: its file, its limits, its scopes, and a listener for each thing it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from typer.testing import CliRunner

from bot.cli import app as tocsin
from bot.platforms.slack.manifest import Wanted, as_yaml, manifest
from bot.platforms.slack.methods import METHODS
from bot.platforms.slack.subscriptions import EVENTS, SHORTCUTS, reasons, scopes
from bot.platforms.slack.web import Wire
from bot.platforms.slack.workshop import workshop
from commands.registry import discover
from tests.architecture.reading import ROOT
from tests.simulators.slack import contract, events
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

FILE = ROOT / "deploy" / "slack" / "manifest.yaml"
needs_contract = pytest.mark.skipif(not contract.DIRECTORY.exists(), reason=contract.ABSENT)


def test_the_file_is_what_the_code_gives() -> None:
    shown = FILE.read_text(encoding="utf-8")
    assert shown == as_yaml(discover(), Wanted()), "tocsin slack manifest -c /dev/null > deploy/slack/manifest.yaml"


def test_it_keeps_to_slacks_limits() -> None:
    made = manifest(discover(), Wanted())
    about, features = made["display_information"], made["features"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 174 <= len(about["long_description"]) <= 4000
    assert len(features["shortcuts"]) <= 10
    assert all(len(one["name"]) <= 24 and len(one["description"]) <= 150 for one in features["shortcuts"])
    assert len(features["slash_commands"]) <= 50
    assert all(len(one["command"]) <= 32 and one.get("usage_hint", "none") for one in features["slash_commands"])
    assert len({one["callback_id"] for one in features["shortcuts"]}) == len(SHORTCUTS)


def test_every_command_can_be_asked_by_slash() -> None:
    asked = {one["command"] for one in manifest(discover(), Wanted())["features"]["slash_commands"]}
    roots = {f"/{path[0]}" for path in discover().commands}
    assert asked == roots - {"/help", "/remind", "/status"} | {"/tocsin"}, "Slack has those itself"


def test_every_scope_has_a_reason() -> None:
    for scope, why in reasons().items():
        assert all(one.split(": ", 1)[-1].strip() for one in why), scope
    assert set(scopes()) >= {"commands", "chat:write", "app_mentions:read", "reactions:read", "links:read"}


@needs_contract
def test_methods_and_events_need_what_slacks_reference_says() -> None:
    """For each method and event, one of the scopes that the reference lists is among ours, and none is strange."""
    for name, method in METHODS.items():
        known = contract.methods()[name].scopes
        assert not known or set(method.scopes) & set(known), f"{name} needs one of {known}"
        assert set(method.scopes) <= {*known, "users:read.email"}, f"{name} is asked with more than {known}"
    for event in EVENTS:
        known = contract.events().get(event.name) or events.ALSO_SENT.get(event.name) or ()
        assert set(event.scopes) <= set(known), event.name
        assert not known or event.scopes, event.name


def test_http_has_addresses_and_sockets_have_none() -> None:
    http = manifest(discover(), Wanted("https://tocsin.example", sockets=False))
    assert http["settings"]["event_subscriptions"]["request_url"] == "https://tocsin.example/slack/events"
    assert http["settings"]["interactivity"]["request_url"] == "https://tocsin.example/slack/events"
    assert {one["url"] for one in http["features"]["slash_commands"]} == {"https://tocsin.example/slack/events"}
    assert http["oauth_config"]["redirect_urls"] == ["https://tocsin.example/slack/oauth_redirect"]
    assert not http["settings"]["socket_mode_enabled"]
    assert "https://" not in yaml.safe_dump(manifest(discover(), Wanted()))


def _printed(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(tocsin, ["slack", "manifest", *arguments])
    assert done.exit_code == 0, done.output
    return dict(yaml.safe_load(done.stdout))


def test_the_command_line_prints_it_as_the_settings_have_it(tmp_path: Path) -> None:
    """Before there are tokens too: they come with the app."""
    file = tmp_path / "tocsin.yaml"
    section = {"mode": "http", "public_url": "https://slack.tocsin.example/", "token_rotation": True}
    file.write_text(
        yaml.safe_dump({"address": "https://tocsin.example", "platforms": {"slack": section}}), encoding="utf-8"
    )
    made = _printed("--config", str(file))
    assert made["features"]["unfurl_domains"] == ["tocsin.example"]
    assert made["settings"]["token_rotation_enabled"]
    assert made["settings"]["interactivity"]["request_url"] == "https://slack.tocsin.example/slack/events"
    plain = _printed("--config", "/dev/null", "--http", "https://other.example")
    assert plain["settings"]["event_subscriptions"]["request_url"] == "https://other.example/slack/events"


def test_http_without_an_address_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(yaml.safe_dump({"platforms": {"slack": {"mode": "http"}}}), encoding="utf-8")
    for arguments in (["--config", str(file)], ["--http", "http://tocsin.example"]):
        done = CliRunner().invoke(tocsin, ["slack", "manifest", *arguments])
        assert done.exit_code == 1
        assert "begins with https://" in done.output


async def _heard(app: AsyncApp, body: dict[str, Any]) -> bool:
    request, response = AsyncBoltRequest(body=body, mode="socket_mode"), BoltResponse(status=200)
    for listener in app._async_listeners:  # Bolt has no other way to ask
        if await listener.async_matches(req=request, resp=response):
            return True
    return False


def _listeners(stage: SlackWorld) -> AsyncApp:
    platform = stage.platform
    return workshop(platform.bench, Wire("https://slack.com/api/", "", platform._session))


async def test_whatever_is_asked_for_has_a_listener(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        app = _listeners(stage)
        deaf = [event.name for event in EVENTS if not await _heard(app, _event_body(event.name))]
        deaf += [one.callback for one in SHORTCUTS if not await _heard(app, _shortcut_body(one.type, one.callback))]
        assert deaf == []


def _event_body(name: str) -> dict[str, Any]:
    kind, _, family = name.partition(".")
    place = {"channels": "channel", "groups": "group"}.get(family, family)
    return {"type": "event_callback", "team_id": "T1", "event": {"type": kind, "channel_type": place, "user": "U1"}}


def _shortcut_body(kind: str, callback: str) -> dict[str, Any]:
    return {
        "type": "shortcut" if kind == "global" else "message_action",
        "callback_id": callback,
        "trigger_id": "1.T1.x",
        "user": {"id": "U1"},
        "team": {"id": "T1"},
    }
