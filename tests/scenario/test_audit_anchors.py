"""A database that somebody wrote anew, whole and consistent, is noticed by the anchors of its audit."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from typer.testing import CliRunner

from bot.anchoring.signing import read
from bot.cli import app
from bot.store import schema
from bot.store.audit import GENESIS, digest, entries
from commands.cards import Card
from commands.cards import transcript as lines_of
from tests.scenario.stage import Still
from tests.world import World, settings_for, world

ROOM = "incident-20260301-001"


@pytest.fixture
def audit(tmp_path: Path) -> dict[str, Any]:
    return {"anchor": str(tmp_path / "elsewhere" / "anchors.jsonl"), "key_file": str(tmp_path / "key.pem")}


@pytest.fixture
async def anchored(sqlite_url: str, audit: dict[str, Any]) -> AsyncIterator[World]:
    """A bot that anchors at each beat of its clock."""
    async with world(settings_for(sqlite_url, audit=audit), clock=Still()) as running:
        await running.say("ana", "general", "/incident declare sev1 API answers 502")
        yield running


@pytest.fixture
def printed(tmp_path: Path, sqlite_url: str, audit: dict[str, Any]) -> Any:
    """The command line beside that bot."""
    file = tmp_path / "tocsin.yaml"
    file.write_text(yaml.safe_dump({"database_url": sqlite_url, "audit": audit}), encoding="utf-8")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["audit", *words, "--config", str(file)])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, done.output

    return run


def kept(audit: dict[str, Any]) -> list[int]:
    """The numbers of the anchored entries."""
    file = Path(audit["anchor"])
    return [read(line).sequence for line in file.read_text().splitlines()] if file.exists() else []


async def until_anchored(running: World, audit: dict[str, Any]) -> int:
    """Wait until the newest entry is anchored; its number."""
    newest = await running.app.store.database.read(lambda c: max((e["sequence"] for e in entries(c)), default=0))

    async def is_kept() -> bool:
        return newest in kept(audit)

    await running.until(is_kept)
    return int(newest)


def write_anew(connection: sa.Connection) -> None:
    """All that somebody can do who may write to the database: a whole new chain, with another actor."""
    before = GENESIS
    for entry in list(entries(connection)):
        forged = entry | {"actor": "mallory", "previous": before}
        before = forged["digest"] = digest(forged)
        connection.execute(schema.audit.update().where(schema.audit.c.sequence == entry["sequence"]).values(**forged))
    connection.execute(schema.counters.update().where(schema.counters.c.name == "audit").values(digest=before))


async def announced(running: World) -> str:
    query = sa.select(schema.messages.c.card).where(schema.messages.c.channel == "incidents")
    rows = await running.app.store.database.read(lambda c: list(c.execute(query).scalars()))
    return "\n".join(lines_of(Card.model_validate_json(one)) for one in rows)


async def test_what_is_intact_says_up_to_where_it_is_anchored(
    anchored: World, audit: dict[str, Any], printed: Any
) -> None:
    newest = await until_anchored(anchored, audit)
    code, said = printed("verify")
    assert code == 0
    assert f"It is what was anchored up to entry {newest}, 2026-03-01 12:0" in said
    read = await anchored.say("eve", "general", "/audit verify")
    assert "The audit is intact" in read
    assert f"Anchored: up to entry {newest}" in read
    assert printed("key")[1].startswith("-----BEGIN PUBLIC KEY-----")


async def test_a_database_that_was_written_anew_is_noticed_and_told(
    anchored: World, audit: dict[str, Any], printed: Any
) -> None:
    newest = await until_anchored(anchored, audit)
    await anchored.app.store.database.write(write_anew)

    async def is_told() -> bool:
        return "The audit was changed" in await announced(anchored)

    await anchored.until(is_told)
    assert f"Entry {newest}: it is not what was anchored at 2026-03-01 12:0" in await announced(anchored)
    code, said = printed("verify")
    assert code == 1
    assert "the audit was written anew" in said
    assert "The audit was changed" in await anchored.say("eve", "general", "/audit verify")
    await anchored.say("ana", ROOM, "/incident note work goes on")
    assert (await announced(anchored)).count("The audit was changed") == 1
    assert kept(audit)[-1] == newest  # what was changed is not signed


async def test_anchors_that_were_taken_away_are_noticed(anchored: World, audit: dict[str, Any]) -> None:
    await until_anchored(anchored, audit)
    await asyncio.to_thread(Path(audit["anchor"]).unlink)

    async def is_told() -> bool:
        return "Anchors were taken away" in await announced(anchored)

    await anchored.until(is_told)
    assert kept(audit) == []


async def test_a_place_that_cannot_be_written_is_told_once_and_holds_up_nothing(
    sqlite_url: str, tmp_path: Path, printed: Any
) -> None:
    (tmp_path / "elsewhere").write_text("a file where a folder is wanted")
    audit = {"anchor": str(tmp_path / "elsewhere" / "anchors.jsonl"), "key_file": str(tmp_path / "key.pem")}
    async with world(settings_for(sqlite_url, audit=audit), clock=Still()) as running:

        async def is_told() -> bool:
            return "The audit is not anchored" in await announced(running)

        await running.until(is_told)
        assert "Declared" in await running.say("ana", "general", "/incident declare sev1 API answers 502")
        assert (await announced(running)).count("The audit is not anchored") == 1
        assert "only the chain was looked at" in await running.say("eve", "general", "/audit verify")
        assert "only the chain was looked at" in printed("verify")[1]


async def test_an_export_is_verified_without_the_database(
    anchored: World, audit: dict[str, Any], printed: Any, tmp_path: Path
) -> None:
    await anchored.say("ana", ROOM, "/incident role claim ic")
    await anchored.say("ana", ROOM, "/incident status identified")
    newest = await until_anchored(anchored, audit)
    out = tmp_path / "audit.jsonl"
    assert printed("export", "--out", str(out))[0] == 0
    lines = [json.loads(one) for one in out.read_text().splitlines()]
    assert [one["sequence"] for one in lines] == list(range(1, newest + 1))
    assert f"up to entry {newest}" in printed("verify", str(out))[1]
    part = tmp_path / "part.jsonl"
    part.write_text("".join(f"{json.dumps(one)}\n" for one in lines[1:]))
    assert f"The audit is intact: {newest - 1} entr" in printed("verify", str(part))[1]
    lines[1]["actor"] = "mallory"
    part.write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    assert printed("verify", str(part)) == (1, "The audit was changed: entry 2: its content was changed.\n")
    part.write_text("no export\n")
    assert printed("verify", str(part)) == (1, f"{part}: line 1 is no entry of an audit (tocsin audit export).\n")
    code, said = printed("export", "--out", str(out))
    assert (code, "File exists" in said) == (1, True)


async def test_an_export_is_a_table_of_a_time_for_a_spreadsheet(anchored: World, printed: Any, tmp_path: Path) -> None:
    anchored.clock.advance(timedelta(days=1))
    await anchored.say("ana", ROOM, "/incident note =HYPERLINK(1)")
    out = tmp_path / "audit.csv"
    assert printed("export", "--format", "csv", "--since", "2026-03-02", "--out", str(out))[0] == 0
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["at"][:10] for row in rows] == ["2026-03-02"]
    assert not any(value.startswith("=") for row in rows for value in row.values())
