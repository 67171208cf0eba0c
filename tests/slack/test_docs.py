"""`docs/slack.md` tells what is so: scopes, settings, tables, and what the doctor says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore

from bot.platforms.slack import sockets
from bot.platforms.slack.people import BELIEVED, FRESH
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.subscriptions import EVENTS, SHORTCUTS
from bot.settings import load
from bot.store.arrivals import KEEP
from tests.architecture.reading import blocks
from tests.slack import scopes_table

TEXT = scopes_table.PAGE.read_text(encoding="utf-8")


def test_every_scope_is_there_with_its_reason() -> None:
    assert scopes_table.shown() == scopes_table.table(), "run: python -m tests.slack.scopes_table"


def test_every_event_is_among_the_reasons_or_needs_no_scope() -> None:
    assert [event.name for event in EVENTS if event.scopes and f"event `{event.name}`" not in TEXT] == []


def test_every_shortcut_is_named() -> None:
    assert [one.name for one in SHORTCUTS if f"*{one.name}*" not in TEXT] == []


def test_the_settings_of_the_examples_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tocsin.yaml"
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__CLIENT_SECRET", "a-secret")
    monkeypatch.setenv("TOCSIN_PLATFORMS__SLACK__APP_TOKEN", "xapp-1")
    examples = [block.code for block in blocks(scopes_table.PAGE) if block.language == "yaml"]
    assert examples
    for example in examples:
        file.write_text(example, encoding="utf-8")
        assert yaml.safe_load(example)
        assert SlackSettings.model_validate(load(file).platforms["slack"]).has_oauth


def test_numbers_and_names_are_those_of_the_code() -> None:
    for table in (
        SQLAlchemyInstallationStore.default_bots_table_name,
        SQLAlchemyInstallationStore.default_installations_table_name,
        SQLAlchemyOAuthStateStore.default_table_name,
    ):
        assert f"`{table}`" in TEXT
    assert f"for {FRESH.total_seconds() / 60:.0f} minutes" in TEXT
    assert (BELIEVED.total_seconds(), "is believed for an hour" in TEXT) == (3600, True)
    assert f"| {KEEP.days} days |" in TEXT
    assert sockets._LOOK_SECONDS * (sockets._PATIENCE + 1) <= 20
    assert SlackSettings.model_fields["reaction"].default == "pushpin"
