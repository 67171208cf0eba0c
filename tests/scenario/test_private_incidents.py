"""A private incident does not exist for those who were not invited, and is all there for those who were."""

from __future__ import annotations

import pytest

from commands.domain.incident import Incident
from commands.errors import NotFound
from commands.ports import Change
from tests.fakes import START
from tests.scenario.stage import Stage, golden

SECRET = "payroll leak"
#: The list of channels asks SQLAlchemy in a way that it has given up; until that is changed there.
TUPLES = pytest.mark.filterwarnings("ignore:The Result.tuples")
OUTSIDERS = ("chloe", "dev", "eve")


@pytest.fixture
async def hidden(stage: Stage) -> tuple[Stage, Incident]:
    """A private incident with a life behind it; Ben declared it, Ana is on duty."""
    incident = await stage.declares(f"sev1 {SECRET} --private", person="ben")
    await stage.quietly(
        "ben",
        incident.channel,
        "/incident role claim ic",
        f"/incident note --as cause {SECRET} again",
        "/incident link https://wiki.example/payroll secret page",
        "/incident status identified the payroll server",
        "/incident severity sev2 payroll only",
    )
    await stage.runs("ben", incident.channel, "/gw scale 5")
    await stage.quietly("ben", incident.channel, "/incident resolve payroll is shut", "/incident reopen payroll again")
    await stage.drafted(incident)
    await stage.news()
    return stage, incident


async def test_a_private_declaration_is_answered_in_private_and_announced_nowhere(stage: Stage) -> None:
    said = await stage.types("ben", "general", f"/incident declare sev1 {SECRET} --private")
    assert said == golden("""
        [#incident-20260301-001, only ana, ben, pinned]
        SEV1 · payroll leak
          Status: investigating
          Severity: SEV1, critical
          Roles: nobody yet
          Service: gateway
          Declared: 2026-03-01 12:00 UTC
          Next update due: 12:15 UTC
          [Be incident commander] [Be technical lead] [Be communications lead]
          (incident-20260301-001 · private)
        [#incident-20260301-001, only ana, ben]
        First steps
          On duty: @Ana Ruiz
          SEV1: respond within 15 min, escalate after 30 min.
          Take command: /incident role claim ic
          See how the gateway is: /gw status
          See what fails: /gw errors
          Write down what you find: /incident note what you saw
          Tell everybody what you know: /incident status identified what it is
        [#general, only ben]
        Declared: SEV1, private
          Work on it in #incident-20260301-001.
        """)


@TUPLES
async def test_nothing_that_an_outsider_can_read_tells_of_it(hidden: tuple[Stage, Incident]) -> None:
    stage, incident = hidden
    for outsider in OUTSIDERS:
        record, papers = stage.world.app.record, stage.world.app.console.state.console.papers
        person = next(one for one in stage.world.app.services.directory if one.id == outsider)
        channels = await record.channels(outsider)
        assert incident.channel not in {view.name for view in channels}
        read = [view.topic for view in channels]
        for view in channels:
            assert view.unread == len(await record.messages(view.name, outsider))
            read += [message.model_dump_json() for message in await record.messages(view.name, outsider)]
        read += [message.model_dump_json() for message in await record.changes(0, outsider, limit=1000)]
        assert "payroll" not in " ".join(read)
        assert incident.id not in " ".join(read)
        assert await record.pinned(incident.channel, outsider) is None
        for read_it in (
            record.messages(incident.channel, outsider),
            record.message(f"{incident.id}:card", outsider),
            papers.paper(incident.id, outsider),
            papers.revisions(incident.id, outsider),
            papers.edit(incident.id, person, "mine", version=1, section=""),
            record.say(incident.channel, outsider, "hello?", key="knock"),
            record.mark_read(incident.channel, outsider, 1),
        ):
            with pytest.raises(NotFound):
                await read_it


async def test_no_command_tells_an_outsider_of_it(hidden: tuple[Stage, Incident]) -> None:
    stage, incident = hidden
    for outsider in OUTSIDERS:
        plan = await stage.world.plan()
        stage.world.gateway.changes = [
            Change(
                at=START,
                kind="scale",
                actor="ben",
                reason=SECRET,
                before="3",
                after="5",
                outcome="done",
                operation=plan.id,
            )
        ]
        for line in ("/incident list", "/incident list --all", "/gw history", "/gw status", "/help"):
            said = await stage.asks(outsider, "general", line)
            assert "payroll" not in said
            assert incident.id not in said
            assert plan.summary not in said
        for command in ("incident show", "incident timeline", "postmortem", "postmortem show", "postmortem export"):
            for name in (incident.id, f"#{incident.id}"):
                denied = await stage.asks(outsider, "general", f"/{command} {name}")
                absent = await stage.asks(outsider, "general", f"/{command} {name.replace('-001', '-999')}")
                assert denied == absent.replace("-999", "-001")


async def test_an_outsider_who_types_in_its_channel_changes_nothing(hidden: tuple[Stage, Incident]) -> None:
    stage, incident = hidden
    for outsider in OUTSIDERS:
        before = await stage.world.incident(incident.id)
        for line in (
            "/incident note hi",
            "/incident role claim tech",
            "/incident show",
            "/gw scale 9",
            "/handover",
            "/help",
        ):
            receipt = await stage.world.command(outsider, incident.channel, line)
            assert not receipt.accepted
        assert await stage.world.incident(incident.id) == before
        assert await stage.news() == ""


async def test_a_token_that_came_into_the_hands_of_an_outsider_is_worth_nothing(hidden: tuple[Stage, Incident]) -> None:
    stage, incident = hidden
    for outsider in OUTSIDERS:
        message = await stage.message_with("Be technical lead", incident.channel)
        stolen = message.model_copy(update={"channel": "general"})
        assert not (await stage.clicks(outsider, stolen, "Be technical lead")).accepted
        assert (await stage.world.incident(incident.id)).roles == {"ic": "ben"}
        assert await stage.news() == golden(f"""
            [#general, only {outsider}]
            That button is out of date.
              Use the newest message.
            """)
    assert (await stage.clicks("ana", message, "Be technical lead")).accepted


async def test_who_is_given_a_role_or_a_handover_is_let_in(hidden: tuple[Stage, Incident]) -> None:
    stage, incident = hidden
    await stage.quietly("ben", incident.channel, "/incident role tech @chloe")
    assert SECRET in await stage.asks("chloe", "general", f"/incident show {incident.id}")
    assert SECRET in await stage.asks("chloe", "general", "/incident list")
    await stage.quietly("ben", incident.channel, "/handover @dev")
    assert SECRET in await stage.asks("dev", incident.channel, "/incident timeline")
    await stage.presses("dev", incident.channel, "Accept")
    assert (await stage.world.incident(incident.id)).roles == {"ic": "dev", "tech": "chloe"}
    assert "Scale gateway" in await stage.asks("dev", incident.channel, "/gw history")
    assert "Scale gateway" not in await stage.asks("dev", "general", "/gw history")  # others read that answer


async def test_no_words_for_the_public_are_offered(hidden: tuple[Stage, Incident]) -> None:
    stage, incident = hidden
    said = await stage.types("ben", incident.channel, "/incident role claim comms")
    assert "Status page" not in said


async def test_on_duty_people_of_a_private_incident_are_invited(stage: Stage) -> None:
    incident = await stage.declares(f"sev1 {SECRET} --private", person="ben")
    assert SECRET in await stage.asks("ana", "general", f"/incident show {incident.id}")
