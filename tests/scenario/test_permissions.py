"""Who may run what, and where; asked of every command that there is."""

from __future__ import annotations

import pytest

from commands.errors import NotAllowed
from commands.people import OrgRole
from commands.registry import ActionClass, Where, discover
from tests.scenario.stage import Stage, golden
from tests.world import audited

COMMANDS = list(discover().commands.values())
#: They read, and what they read is who somebody is: viewers have no need to know.
TELLS_OF_CLIENTS = {"/gw talkers"}


async def test_a_viewer_reads_and_changes_nothing(stage: Stage) -> None:
    incident = await stage.declares()
    before = await stage.world.incident(incident.id)
    offered = {"", *stage.world.app.services.offers}
    for command in COMMANDS:
        if command.needs not in offered:  # what only a cluster has is refused to everybody here
            continue
        receipt = await stage.world.command("eve", incident.channel, command.example)
        said = await stage.world.read(receipt.reply_key, "eve")
        refused = f"{command.name} is not for you." in said
        assert refused == (command.klass is not ActionClass.DIAGNOSTIC), command.name
        if refused:
            assert "Who may: " in said
            assert "Ask one of them to run it." in said
    assert await stage.world.incident(incident.id) == before
    assert stage.world.gateway.asked == []


async def test_only_operators_and_the_leads_plan_a_mitigation(stage: Stage) -> None:
    assert await stage.asks("chloe", "general", "/gw scale 10") == golden("""
        /gw scale is not for you: no rule of the policy allows it.
          Who may: operators, admins, the incident commander, the technical lead. Ask one of them to run it.
          Try: /policy explain /gw scale
          (You typed: /gw scale 10)
        """)
    for line in ("/gw restart", "/gw undo"):
        said = await stage.asks("chloe", "general", line)
        assert said.startswith(f"{line} is not for you: no rule of the policy allows it."), said


def test_no_viewer_may_run_what_changes_anything() -> None:
    for command in COMMANDS:
        open_to_viewers = OrgRole.VIEWER in command.access.org
        reads = command.klass is ActionClass.DIAGNOSTIC and command.name not in TELLS_OF_CLIENTS
        assert open_to_viewers == reads, command.name


async def test_what_needs_an_incident_says_so_elsewhere(stage: Stage) -> None:
    for command in COMMANDS:
        said = await stage.asks("ana", "general", command.example)
        refused = f"{command.name} works in an incident's channel only." in said
        assert refused == (command.where is Where.INCIDENT), command.name
        if refused:
            assert "Try: /incident list" in said


async def test_somebody_who_is_not_configured_is_refused_before_anything_is_stored(stage: Stage) -> None:
    with pytest.raises(NotAllowed) as refused:
        await stage.world.command("mallory", "general", "/incident declare sev1 let me in")
    assert refused.value.message == "mallory is not known here."
    assert refused.value.hint == "An administrator can add them to the settings."
    assert await stage.news() == ""


async def test_refused_attempts_are_in_the_audit(stage: Stage) -> None:
    await stage.world.command("eve", "general", "/gw scale 10")
    entries = await stage.world.app.store.look(lambda tx: audited(tx, 10))
    assert [(entry.kind, entry.actor, entry.detail["why"]) for entry in entries] == [
        ("refused", "eve", "/gw scale is not for you.")
    ]
