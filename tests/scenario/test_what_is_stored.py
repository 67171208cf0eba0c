"""What is typed is stored on both databases, and secrets are stored on none."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.store.transaction import SqlTransaction
from commands.registry import discover
from tests.scenario.stage import Stage, Still, answered
from tests.world import audited, settings_for, world

COMMANDS = sorted(discover().commands.values(), key=lambda command: command.name)


@pytest.mark.long
@pytest.mark.postgres
async def test_every_command_and_a_viewer_on_postgres(postgres_url: str) -> None:
    async with world(settings_for(postgres_url), clock=Still()) as running:
        stage = Stage(running)
        incident = await stage.declares()
        for person in ("ana", "eve"):
            for command in COMMANDS:
                await answered(stage, person, incident.channel, f"{command.example} a\x00b 👩‍👧🔥")
                await answered(stage, person, incident.channel, f"{command.name} \x00")


SECRETS = {
    "named": "password=hunter2-hunter2",
    "passphrase": 'token: "pass phrase hunter2"',
    "bearer": "Authorization: Bearer hunter2hunter2",
    "address": "postgres://tocsin:hunter2@db.example/x",
    "address without user": "redis://:hunter2@cache.example",
    "option": "curl --password hunter2",
    "Slack": "xoxb-hunter2-hunter2",
    "JWT": "eyJhunter2.eyJhunter2.hunter2",
    "PEM": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
}


@pytest.mark.long
async def test_a_secret_that_is_typed_is_neither_shown_nor_stored(sqlite_url: str, tmp_path: Path) -> None:
    secret = " , ".join(SECRETS.values())
    async with world(settings_for(sqlite_url), clock=Still()) as running:
        stage = Stage(running)
        for declared in SECRETS.values():
            await running.command("ana", "general", f"/incident declare sev1 it says {declared}")
        said = await stage.news()
        for person in ("ana", "eve"):
            for command in COMMANDS:
                for line in (f"{command.example} {secret}", f"{command.name} {secret}"):
                    await running.command(person, "incident-20260301-001", line)
        await running.app.record.say("general", "ana", f"as I said: {secret}", key="said")
        said += await stage.news()
        assert "[redacted]" in said
        assert "hunter2" not in said
    assert_not_in_files(tmp_path, b"hunter2")


async def test_a_secret_that_comes_from_a_target_is_not_in_the_audit(stage: Stage) -> None:
    """Whoever writes an entry: a value is masked by its own form, or by the name that it has."""
    found = {"before": {"API_TOKEN": "hunter2"}, "after": [{"args": "--password hunter2"}], "why": SECRETS["address"]}

    def write(tx: SqlTransaction) -> None:
        tx.audit.append("intent", actor="ana", subject="gateway", detail=found)

    await stage.world.app.store.transact("test", write)
    (entry,) = await stage.world.app.store.look(audited)
    assert set(entry.detail) == set(found)
    assert "hunter2" not in str(entry.detail)
    assert str(entry.detail).count("[redacted]") == 3


def assert_not_in_files(directory: Path, secret: bytes) -> None:
    """Neither in the database, nor in its log of writes."""
    files = [file for file in directory.iterdir() if file.is_file()]
    assert any(file.name == "tocsin.db" for file in files)
    for file in files:
        assert secret not in file.read_bytes(), file.name
    connection = sqlite3.connect(directory / "tocsin.db")
    try:
        assert secret.decode() not in "\n".join(connection.iterdump())
    finally:
        connection.close()
