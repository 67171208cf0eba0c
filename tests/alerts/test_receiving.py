"""What a sender is told, and that what it sent is in the store by then."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml

from bot.alerts.rules_file import packaged, rules_of
from bot.alerts.settings import AlertSettings
from bot.policy_file import PolicyError
from bot.store import schema
from bot.store.errors import StoreUnavailable
from commands.domain.severity import SEV1_TO_SEV4
from commands.registry import discover
from tests.alerts.sending import RECEIVERS, TOKEN, alert, by_hand, group_of, post, sends, works
from tests.architecture.reading import ROOT, blocks
from tests.scenario.stage import Still
from tests.world import World, settings_for, world


@pytest.fixture
async def bot(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    by_hand(monkeypatch)
    settings = settings_for(sqlite_url, alerts={"receivers": RECEIVERS, "max_body_kb": 8})
    async with world(settings, clock=Still()) as running:
        yield running


async def stored(bot: World) -> int:
    query = sa.select(sa.func.count()).select_from(schema.alert_arrivals)
    return int(await bot.app.store.database.read(lambda c: c.execute(query).scalar_one()))


async def test_who_may_not_or_sends_nonsense_is_told_so_and_nothing_is_stored(bot: World) -> None:
    fine, own = group_of(alert("A")), {"title": "x"}
    cases: list[tuple[str, Any, dict[str, str], int, str]] = [
        ("nobody", fine, {}, 404, "no receiver of that name"),
        ("prom", fine, {"authorization": "Bearer wrong"}, 401, "missing or wrong"),
        ("prom", fine, {"authorization": ""}, 401, "missing or wrong"),
        ("prom/wrong", fine, {"authorization": ""}, 401, "missing or wrong"),
        ("prom", b"{", {}, 400, "no JSON"),
        ("prom", own, {}, 400, "`version`"),
        ("own", [], {}, 400, "JSON object"),
        ("own", {"title": "x" * 9000}, {}, 413, "at most 8 KB"),
        ("own", own, {"content-length": "99999999999999999999"}, 413, "at most 8 KB"),
    ]
    for path, content, headers, status, said in cases:
        answer = await post(bot, path, content, **headers)
        assert (answer.status_code, said in answer.json()["error"]) == (status, True), (path, answer.text)
        assert TOKEN not in answer.text
    transport = httpx.ASGITransport(app=bot.app.console)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks.example") as client:
        assert (await client.get("/alerts/prom")).status_code == 405
        chunked = await client.post("/alerts/own", content=_pieces(), headers={"authorization": f"Bearer {TOKEN}"})
        assert chunked.status_code == 413
        assert (await client.get("/")).status_code == 421  # the pages still answer to their own names only
    assert await stored(bot) == 0


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b" " * 1000


async def test_what_is_delivered_twice_is_one(bot: World) -> None:
    for new in (True, False):
        answer = await post(bot, f"prom/{TOKEN}", group_of(alert("A"), alert("B")), authorization="")
        assert (answer.status_code, answer.json()) == (202, {"alerts": 2, "new": new})
    assert await stored(bot) == 1
    await works(bot)
    firing, total = await bot.app.store.look(lambda tx: tx.alerts.firing(limit=10))
    assert ([one.count for one in firing], total) == ([1, 1], 2)
    for _ in range(2):  # without a beginning nobody can tell: each is stored, and counts once
        assert (await post(bot, "own", {"title": "C", "service": "checkout"})).json()["new"]
    await works(bot)
    [known] = await bot.app.store.look(
        lambda tx: [one for one in tx.alerts.firing(limit=9)[0] if one.alert.title == "C"]
    )
    assert known.count == 1


async def test_a_store_that_is_away_is_said_and_the_sender_tries_again(
    bot: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("The disk of the database is full: free some space.")

    with monkeypatch.context() as broken:  # a full disk cannot be had for one write only
        broken.setattr(bot.app.store.database, "write", away)
        answer = await post(bot, "prom", group_of(alert("A")))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "disk" not in answer.text
    assert (await post(bot, "prom", group_of(alert("A")))).status_code == 202


async def test_secrets_in_alerts_are_stored_nowhere(bot: World) -> None:
    told = {"title": "Login failed", "description": "password=hunter2hunter2", "labels": {"token": "hunter2hunter2"}}
    assert (await post(bot, "own", told)).status_code == 202
    await works(bot)
    dump = await bot.app.store.database.read(
        lambda c: [str(row) for table in schema.metadata.sorted_tables for row in c.execute(sa.select(table))]
    )
    assert any("Login failed" in row for row in dump)
    assert not [row for row in dump if "hunter2" in row]


async def test_a_storm_of_many_services_is_few_cards_and_one_more_edit(bot: World) -> None:
    storm = [alert("Down", service=f"s{n}", instance=str(n)) for n in range(20)]
    await sends(bot, *storm)
    shown = await bot.app.record.messages("incidents", "ana")
    titles = [message.card.title for message in shown if message.card]
    assert titles == ["1 alert on s0", "1 alert on s1", "1 alert on s2", "1 alert on s3",
                      "16 alerts on s10 and 15 other services"]  # fmt: skip
    await sends(bot, alert("Down", service="t", instance="t"))
    assert len(await bot.app.record.messages("incidents", "ana")) == len(shown)


def _examples() -> list[dict[str, Any]]:
    page = ROOT / "docs" / "alerts.md"
    found = [yaml.safe_load(block.code) for block in blocks(page) if block.language == "yaml"]
    return [one["alerts"] for one in found if "alerts" in one]


@pytest.mark.parametrize("example", _examples())
def test_the_examples_of_the_page_are_settings(example: dict[str, Any]) -> None:
    receivers = {name: {"token": TOKEN, "secret": TOKEN} | one for name, one in example["receivers"].items()}
    assert AlertSettings.model_validate(example | {"receivers": receivers}).receivers


def test_the_page_has_each_kind() -> None:
    from bot.alerts.kinds import discover

    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set(discover())
    own = next(json.loads(block.code) for block in blocks(ROOT / "docs" / "alerts.md") if block.language == "json")
    assert own["title"] == "Disk full"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules:\n  - {name: a, then: shout}", "rules.0.then"),
        ("rules:\n  - {name: a, then: suggest}\n  - {name: a, then: ignore}", "same name: a"),
        ("rules:\n  - {name: a, then: declare, severity: sev9}", "“sev9” is no severity"),
        ("rules:\n  - {name: a, then: ignore, severity: sev1}", "ignore opens no incident"),
        ("rules:\n  - {name: a, match: {lables: {}}, then: ignore}", "line 2"),
        ("- a", "must hold keys"),
    ],
)
def test_rules_that_are_wrong_are_refused_with_their_line(text: str, said: str, tmp_path: Any) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError) as caught:
        rules_of(str(file), SEV1_TO_SEV4, discover())
    assert said in str(caught.value)


def test_the_packaged_rules_are_rules() -> None:
    assert "everything else" in [rule.name for rule in rules_of("", SEV1_TO_SEV4, discover()).rules]
    assert packaged().startswith("#")
