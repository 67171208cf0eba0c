"""Notes that tell when something happened, and other things that people write into an incident."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Stage, golden


async def test_a_note_of_the_past_stands_at_its_time(stage: Stage) -> None:
    incident = await stage.declares()
    stage.later(minutes=30)
    await stage.quietly("ana", incident.channel, "/incident note back to work")
    said = await stage.types("ana", incident.channel, "/incident note --at 13:10 first complaints in the forum")
    assert said == golden("""
        [#incident-20260301-001, all]
        Noted
          first complaints in the forum
          Happened at: 2026-03-01 12:10 UTC
          (by @Ana Ruiz)
        """)
    assert await stage.asks("ana", incident.channel, "/incident timeline") == golden("""
        Timeline of SEV1 · API answers 502
          12:30 UTC · @Ana Ruiz: back to work
          12:10 UTC · @Ana Ruiz: first complaints in the forum
          12:00 UTC · @Ana Ruiz declared SEV1: API answers 502
        """)
    await stage.quietly("ana", incident.channel, "/incident resolve")
    draft = await stage.drafted(incident)
    assert draft.index("12:10 - ") < draft.index("12:30 - ")


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("13:05", "That time is yet to come."),
        ("2026-02-27T12:00", "That is more than 1 d before the incident was declared."),
        ("soon", "is no time"),
    ],
)
async def test_a_note_is_neither_of_the_future_nor_of_long_ago(stage: Stage, time: str, said: str) -> None:
    incident = await stage.declares()
    assert said in await stage.asks("ana", incident.channel, f"/incident note --at {time} x")


async def test_an_incident_may_be_about_what_gw_does_not_know(stage: Stage) -> None:
    incident = await stage.world.declare("sev1 x --service checkout")
    assert "/gw commands look at gateway and change it, not checkout." in await stage.news()
    assert "gateway: healthy" in await stage.asks("ana", incident.channel, "/gw status")
    assert "Scale gateway up from 3 to 5" in await stage.types("ana", incident.channel, "/gw scale 5")


async def test_first_steps_say_when_to_escalate(stage: Stage) -> None:
    await stage.world.declare("sev1 x")
    assert "SEV1: respond within 15 min, escalate after 30 min." in await stage.news()


async def test_an_address_that_is_too_long_is_said_to_be_that(stage: Stage) -> None:
    incident = await stage.declares()
    said = await stage.asks("ana", incident.channel, f"/incident link https://x.example/{'a' * 2000}")
    assert "That address has 2,018 characters; at most 2,000 fit." in said


async def test_what_is_closed_is_not_resolved_again(stage: Stage) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident resolve", "/incident status closed")
    said = await stage.asks("ana", incident.channel, "/incident status resolved")
    assert "was resolved before; its status is closed." in said


async def test_a_long_list_says_what_it_leaves_out(stage: Stage) -> None:
    for n in range(52):
        await stage.world.declare(f"sev4 number {n}{' --private' if n == 51 else ''}", person="ben")
    said = await stage.asks("eve", "general", "/incident list")
    assert said.splitlines()[0] == "51 open incidents; the newest 50 are shown"
    assert len(said.splitlines()) == 51
    assert "number 50" in said


async def test_a_family_alone_shows_its_commands(stage: Stage) -> None:
    said = await stage.asks("eve", "general", "/gw")
    assert said.splitlines()[0] == "/gw"
    assert "/gw status" in said
    assert "/gw scale" not in said


async def test_without_traffic_the_gateway_is_not_said_to_be_healthy(stage: Stage) -> None:
    gateway = stage.world.gateway
    gateway.reading_now = gateway.reading_now.model_copy(update={"requests": 0, "errors": 0, "error_rate": 0.0})
    said = await stage.asks("ana", "general", "/gw status")
    assert said.splitlines()[0] == "gateway: no traffic, so its health is not known"
