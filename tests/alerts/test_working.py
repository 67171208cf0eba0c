"""Alerts are worked off once, whoever dies and however many work; storms, flapping, and senders that fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.alerts.working import AlertWork
from commands.alerts import taking
from commands.domain.alert import Known
from tests.alerts.sending import RECEIVERS, alert, group_of, post, ruled, sends, works
from tests.scenario.stage import Still
from tests.world import World, settings_for, world

FIRST = "incident-20260301-001"


@pytest.fixture
def alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings with a rule by which everything that is called SiteDown opens an incident."""
    rules = "rules:\n  - {name: down, match: {title: SiteDown}, then: declare, severity: sev2}\n"
    return ruled(rules, tmp_path, monkeypatch)


@pytest.fixture
async def bot(sqlite_url: str, alerts: dict[str, Any]) -> AsyncIterator[World]:
    async with world(settings_for(sqlite_url, alerts=alerts), clock=Still()) as running:
        yield running


async def shown(bot: World, channel: str) -> dict[str, str]:
    """The messages of a channel by their titles."""
    views = await bot.app.record.messages(channel, "ana")
    return {one.card.title: await bot.read(one.key) for one in views if one.card}


async def incidents(bot: World) -> list[str]:
    return [one.id for one in await bot.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=10))]


async def firing(bot: World) -> tuple[list[Known], int]:
    return await bot.app.store.look(lambda tx: tx.alerts.firing(limit=1000))


async def test_what_was_acknowledged_outlives_the_process(database_url: str, alerts: dict[str, Any]) -> None:
    settings = settings_for(database_url, alerts=alerts)
    async with world(settings, clock=Still()) as first:
        for number in range(3):
            sent = await post(first, "prom", group_of(alert("SiteDown", instance=str(number))))
            assert sent.status_code == 202
        assert await incidents(first) == []
    async with world(settings, clock=Still()) as second:
        assert (await post(second, "prom", group_of(alert("SiteDown", instance="0")))).json()["new"] is False
        await works(second)
        assert await incidents(second) == [FIRST]
        assert "Alerts: 3 firing" in await shown(second, FIRST)


async def test_a_batch_that_fails_half_way_leaves_nothing_and_is_worked_again(
    bot: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(bot, "prom", group_of(alert("SiteDown"), alert("SiteDown", instance="b")))

    def dies(*_: Any, **__: Any) -> None:
        raise ConnectionAbortedError

    with monkeypatch.context() as broken:  # the moment after the incident was opened cannot be met from outside
        broken.setattr(taking, "tell", dies)
        with pytest.raises(ConnectionAbortedError):
            await works(bot)
    assert (await incidents(bot), await firing(bot)) == ([], ([], 0))
    await works(bot)
    await works(bot)
    assert await incidents(bot) == [FIRST]
    assert (await firing(bot))[1] == 2


@pytest.mark.postgres
async def test_of_two_replicas_one_works_and_both_take_in(postgres_url: str, alerts: dict[str, Any]) -> None:
    settings = settings_for(postgres_url, alerts=alerts)
    async with world(settings, clock=Still()) as one, world(settings, clock=Still()) as other:
        for number in range(10):
            receiving = one if number % 2 else other
            await post(receiving, "prom", group_of(alert("SiteDown", instance=str(number))))
            await asyncio.gather(works(one), works(other))
        await works(one)
        await works(other)
        assert await incidents(one) == [FIRST]
        found, total = await firing(other)
        assert (total, {known.count for known in found}) == (10, {1})


async def test_a_storm_is_one_incident_one_card_and_few_lines(bot: World) -> None:
    await sends(bot, *(alert(f"Down{n % 7}", instance=str(n)) for n in range(2)), alert("SiteDown"))
    for first in range(0, 600, 200):
        bot.clock.advance(timedelta(seconds=1))
        await post(bot, "prom", group_of(*(alert(f"Down{n % 7}", instance=f"i{n}") for n in range(first, first + 200))))
        await works(bot)
    assert "Alerts: 3 firing" in await shown(bot, FIRST)  # told a moment ago
    bot.clock.advance(timedelta(seconds=5))
    await works(bot)
    card = (await shown(bot, FIRST))["Alerts: 603 firing"]
    assert "Down0 (87), Down1 (87), Down2 (86), Down3 (86), Down4 (86), and others" in card
    assert await incidents(bot) == [FIRST]
    timeline = await bot.say("ana", FIRST, "/incident timeline")
    assert timeline.count("alerts firing") == 2


async def test_what_several_services_would_open_at_once_is_one_incident(bot: World) -> None:
    await sends(bot, *(alert("SiteDown", service=f"s{n}", instance=str(n)) for n in range(3)))
    bot.clock.advance(timedelta(seconds=30))
    await sends(bot, *(alert("SiteDown", service=f"s{n}", instance=str(n)) for n in range(3, 40)))
    assert await incidents(bot) == [FIRST]
    assert (await firing(bot))[1] == 40
    cards = [one for one in await bot.app.record.messages(FIRST, "ana") if one.card and "firing" in one.card.title]
    assert len(cards) == 5  # at most alerts.most_groups
    bot.clock.advance(timedelta(minutes=11))
    await sends(bot, alert("SiteDown", service="another", instance="z"))
    assert len(await incidents(bot)) == 2


async def test_a_rule_that_declares_goes_to_the_incident_that_somebody_opened(bot: World) -> None:
    await sends(bot, alert("HighLatency"))
    mine = await bot.declare("sev3 slow --service checkout")
    await sends(bot, alert("SiteDown", minute=1))
    assert await incidents(bot) == [mine.id]
    assert "Alerts: 2 firing" in await shown(bot, mine.id)


async def test_the_loop_works_by_itself(sqlite_url: str, tmp_path: Path) -> None:
    settings = settings_for(sqlite_url, alerts={"receivers": RECEIVERS})
    async with world(settings, clock=Still()) as bot:
        assert isinstance(bot.app.alerts, AlertWork)
        await post(bot, "prom", group_of(alert("HighLatency")))

        async def told() -> bool:
            return "1 alert on checkout" in await shown(bot, "incidents")

        assert await bot.until(told)


async def test_one_that_flaps_is_quiet_until_it_is_calm(bot: World) -> None:
    await sends(bot, alert("SiteDown"))
    for minute in range(1, 5):
        bot.clock.advance(timedelta(minutes=1))
        state = "resolved" if minute % 2 else "firing"
        await sends(bot, alert("SiteDown", state=state, minute=minute // 2 * 2))
    card = (await shown(bot, FIRST))["Alerts: 1 firing"]
    assert "Firing: 1 of 1, 1 flapping" in card
    bot.clock.advance(timedelta(minutes=1))
    await sends(bot, alert("SiteDown", state="resolved", minute=4))
    assert "Alerts: 1 firing" in await shown(bot, FIRST)
    bot.clock.advance(timedelta(minutes=11))
    await works(bot)
    assert "The alert is resolved" in await shown(bot, FIRST)


async def test_a_pager_that_is_down_holds_up_nothing(bot: World) -> None:
    bot.on_call.down = True
    await sends(bot, alert("SiteDown"))
    card = (await shown(bot, FIRST))["This incident needs a commander"]
    assert "Who is on duty is not known: whoever reads this can take it." in card
    await bot.press("ben", f"{FIRST}:card", "Be incident commander")
    assert (await bot.incident(FIRST)).roles


async def test_an_incident_that_alerts_open_calls_whoever_is_on_duty_where_the_settings_say_so(
    sqlite_url: str, alerts: dict[str, Any]
) -> None:
    settings = settings_for(sqlite_url, alerts=alerts, paging={"at_declaration": ["sev2"]})
    async with world(settings, clock=Still()) as bot:
        bot.on_call.down = True  # then it is whom the settings name
        await sends(bot, alert("SiteDown"))
        titles = [title for title in await shown(bot, FIRST) if "page" in title.casefold()]
        assert [title.partition(":")[0] for title in titles] == ["You are paged", "Page"]


async def test_an_alert_of_which_nothing_is_heard_any_more_is_over(bot: World) -> None:
    await sends(bot, alert("HighLatency"))
    bot.clock.advance(timedelta(hours=25))
    await works(bot)
    assert (await firing(bot))[1] == 0
    assert "1 alert on checkout: resolved" in await shown(bot, "incidents")
    await sends(bot, alert("HighLatency", minute=1))
    assert "1 alert on checkout" in await shown(bot, "incidents")


async def test_alerts_after_the_end_of_their_incident_are_a_new_trouble(bot: World) -> None:
    await sends(bot, alert("SiteDown"))
    bot.clock.advance(timedelta(minutes=1))
    await sends(bot, alert("SiteDown", state="resolved"))
    await bot.command("ana", FIRST, "/incident resolve --anyway it was a cable")
    await sends(bot, alert("SiteDown", minute=2))
    assert await incidents(bot) == ["incident-20260301-002", FIRST]
