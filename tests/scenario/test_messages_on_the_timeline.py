"""Messages that people put on an incident's timeline, through the pipeline."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.delivery import CaptureDelivery, Receipt
from bot.store import schema
from commands.captures import LONGEST, Message
from tests.fakes import START
from tests.scenario.stage import Stage, golden


async def captures(
    stage: Stage,
    person: str,
    channel: str,
    text: str = "the pool is full",
    *,
    what: Any = "added",
    source: str = "m1",
    at: datetime = START - timedelta(minutes=5),
    delivery: str = "",
    **more: Any,
) -> Receipt:
    message = Message(source, at, text, **({"author": "ben", "permalink": "https://acme.example/p1"} | more))
    sent = CaptureDelivery("console", delivery or uuid.uuid4().hex, person, channel, what, message)
    return await stage.world.app.pipeline.capture(sent)


async def test_a_message_goes_on_the_timeline_with_its_own_time_author_and_link(stage: Stage) -> None:
    incident = await stage.declares()
    await captures(stage, "ana", incident.channel, files=("graph.png",))
    assert await stage.news() == golden("""
        [#incident-20260301-001, only ana]
        Added to the timeline
          SEV1 · API answers 502
        """)
    assert await stage.types("ana", incident.channel, "/incident timeline") == golden("""
        [#incident-20260301-001, only ana]
        Timeline of SEV1 · API answers 502
          12:00 UTC · @Ana Ruiz declared SEV1: API answers 502
          11:55 UTC · @Ben Okafor: the pool is full [graph.png] message (https://acme.example/p1)
        """)


async def test_edits_are_followed_and_deletions_too_but_the_history_stays(stage: Stage) -> None:
    incident = await stage.declares()
    await captures(stage, "ana", incident.channel)
    await captures(stage, "tocsin", incident.channel, "the pool was full", what="edited")
    assert "the pool was full" in await stage.types("ana", incident.channel, "/incident timeline")
    await captures(stage, "tocsin", incident.channel, "the pool was full", what="edited")  # a link was unfurled
    await captures(stage, "tocsin", incident.channel, "", what="deleted")
    assert "pool" not in await stage.types("ana", incident.channel, "/incident timeline")
    kept = await stage.world.app.store.look(lambda tx: tx.incidents.timeline(incident.id))
    assert [entry.event.type for entry in kept] == ["declared", "captured", "capture_changed", "capture_removed"]
    assert "the pool is full" in str(kept)


async def test_taking_it_off_is_a_persons_wish_and_what_is_not_there_is_nobodys_concern(stage: Stage) -> None:
    incident = await stage.declares()
    await captures(stage, "ana", incident.channel, what="taken_off")
    assert await stage.news() == ""
    await captures(stage, "ana", incident.channel)
    await stage.news()
    await captures(stage, "ben", incident.channel, what="taken_off")
    assert "[#incident-20260301-001, only ben]\nTaken off the timeline" in await stage.news()
    assert (await stage.world.incident(incident.id)).captured == ()


async def test_the_same_message_stands_there_once(stage: Stage) -> None:
    incident = await stage.declares()
    first = await captures(stage, "ana", incident.channel, delivery="d1")
    again = await captures(stage, "ana", incident.channel, delivery="d1")
    assert (first.duplicate, again.duplicate) == (False, True)
    await stage.news()
    await captures(stage, "ben", incident.channel)
    assert "On the timeline already" in await stage.news()
    assert (await stage.world.incident(incident.id)).captured == ("m1",)


async def test_who_may_not_is_told_so_and_it_is_audited(stage: Stage) -> None:
    incident = await stage.declares()
    receipt = await captures(stage, "eve", incident.channel)
    assert not receipt.accepted
    said = await stage.world.read(receipt.reply_key, "eve")
    assert "The timeline is not yours to change." in said
    assert (await stage.world.incident(incident.id)).captured == ()
    assert ("refused", "eve") in await _audit(stage)


async def test_a_private_incident_is_out_of_sight_of_outsiders(stage: Stage) -> None:
    incident = await stage.declares("sev1 payroll leak --private", person="ben")
    receipt = await captures(stage, "chloe", incident.channel)
    assert not receipt.accepted
    assert (await stage.world.incident(incident.id)).captured == ()


async def test_elsewhere_the_person_is_told_what_to_do(stage: Stage) -> None:
    receipt = await captures(stage, "ana", "general")
    assert await stage.world.read(receipt.reply_key, "ana") == golden("""
        This is no incident's channel, so there is no timeline for the message.
          Find yours with /incident list, or declare an incident from the message.
          Try: /incident declare sev2 the pool is full
        """)


async def test_secrets_and_endless_output_are_not_stored(stage: Stage) -> None:
    incident = await stage.declares()
    await captures(stage, "ana", incident.channel, "password=hunter2 " + "x" * 9000)
    stored = await stage.world.app.store.database.read(_everything_stored)
    assert "hunter2" not in stored
    kept = await stage.world.app.store.look(lambda tx: tx.incidents.timeline(incident.id))
    assert len(kept[-1].event.text) < LONGEST + 100  # type: ignore[union-attr]
    assert "cut here" in str(kept[-1].event)


async def test_an_address_that_is_none_is_no_link(stage: Stage) -> None:
    incident = await stage.declares()
    await captures(stage, "ana", incident.channel, permalink="javascript:alert(1)")
    assert "javascript" not in await stage.types("ana", incident.channel, "/incident timeline")


async def test_the_postmortem_tells_it_and_follows_what_comes_later(stage: Stage) -> None:
    incident = await stage.declares()
    await captures(stage, "ana", incident.channel)
    await stage.quietly("ana", incident.channel, "/incident resolve more workers")
    assert "- 11:55 - Ben Okafor: the pool is full (<https://acme.example/p1>)" in await stage.drafted(incident)
    await captures(stage, "tocsin", incident.channel, "the pool was full", what="edited")

    async def follows() -> bool:
        return "the pool was full" in await stage.drafted(incident)

    assert await stage.world.until(follows)


async def test_the_impact_of_a_declaration_is_noted_for_the_postmortem(stage: Stage) -> None:
    incident = await stage.declares('sev1 API answers 502 --impact "no checkout\nin Europe, password=hunter2"')
    said = await stage.types("ana", incident.channel, "/incident timeline")
    assert "@Ana Ruiz noted the impact: no checkout\nin Europe, password=[redacted]" in said


async def test_an_impact_that_is_too_long_is_refused_with_what_to_do(stage: Stage) -> None:
    said = await stage.types("ana", "general", f'/incident declare sev1 API --impact "{"x" * 3001}"')
    assert "at most 3,000 fit" in said
    assert "/incident note --as impact" in said


async def _audit(stage: Stage) -> list[tuple[str, str]]:
    query = sa.select(schema.audit.c.kind, schema.audit.c.actor)
    return await stage.world.app.store.database.read(lambda c: [(row.kind, row.actor) for row in c.execute(query)])


def _everything_stored(connection: sa.Connection) -> str:
    return "".join(str(connection.execute(sa.select(table)).all()) for table in schema.metadata.sorted_tables)
