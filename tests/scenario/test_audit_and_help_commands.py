"""Transcripts of `/audit verify` and `/help`."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bot.store import schema
from tests.scenario.stage import Stage, golden, transcript


@transcript("/audit verify")
async def test_an_audit_that_nobody_touched_is_intact(stage_on: Stage) -> None:
    await stage_on.declares()
    assert await stage_on.types("eve", "general", "/audit verify") == golden("""
        [#general, all]
        The audit is intact
          1 entry, each bound to the one before it.
          Head: (hash)
          (@Eve Larsson: /audit verify)
        """)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            schema.audit.update().where(schema.audit.c.sequence == 2).values(actor="mallory"),
            "At entry 2: its content was changed",
        ),
        (schema.audit.delete().where(schema.audit.c.sequence == 2), "At entry 2: entry 2 is missing"),
        (
            schema.audit.delete().where(schema.audit.c.sequence == 4),
            "At entry 4: the chain has 3 entries, its head says 4",
        ),
        (
            schema.counters.update().where(schema.counters.c.name == "audit").values(digest="f" * 64),
            "At entry 5: the chain has 4 entries, its head says 4",
        ),
    ],
    ids=["a changed row", "a removed row", "a removed last row", "a changed head"],
)
async def test_every_change_of_the_audit_is_found(stage: Stage, change: sa.Executable, found: str) -> None:
    incident = await stage.declares()
    await stage.quietly("ana", incident.channel, "/incident role claim ic", "/incident note one", "/incident note two")
    await stage.world.app.store.database.write(lambda connection: connection.execute(change))
    said = await stage.asks("eve", "general", "/audit verify")
    assert said.splitlines()[:2] == [
        "The audit was changed",
        f"  {found}. Keep a copy of the database and find out who had access to it.",
    ]


@transcript("/help")
async def test_help_shows_an_operator_everything(stage: Stage) -> None:
    assert await stage.types("ben", "general", "/help") == golden("""
        [#general, only ben]
        What you can ask
          Command                                                                                    What it does
          /audit verify                                                                              Check that nobody changed the audit.
          /gw config                                                                                 Show the running configuration, secrets masked.
          /gw errors [--since duration]                                                              Count recent errors by route and kind.
          /gw health                                                                                 Ask the health endpoints.
          /gw history [--limit number]                                                               Show who changed what, and what came of it.
          /gw logs [grep...] [--level level] [--since duration] [--limit number]                     Show recent log lines; add words to search for them.
          /gw metrics [--window duration]                                                            Show error rate and latency by route.
          /gw pods                                                                                   List the workers.
          /gw restart                                                                                Plan a rolling restart; it runs once it is confirmed.
          /gw scale <replicas>                                                                       Plan another number of workers; it runs once it is confirmed.
          /gw status                                                                                 Show workers, error rate and latency.
          /gw undo                                                                                   Plan to take back the last change.
          /handover [incoming]                                                                       Hand your roles over, with a summary of everything so far.
          /help [command...]                                                                         Show what you can ask, or one command in full.
          /incident declare <severity> [title...] [--service service] [--private] [--impact impact]  Open an incident with its own channel.
          /incident link <url> [label...]                                                            Add a link to the incident.
          /incident list [--all]                                                                     List the open incidents.
          /incident note <text...> [--as kind] [--at time]                                           Write something on the timeline; --as cause, resolution, impact, decision, action or lesson.
          /incident reopen [reason...]                                                               Open a resolved incident again.
          /incident resolve [summary...]                                                             End the incident and draft the postmortem.
          /incident role [role] [person]                                                             Give a role to somebody, or show who holds what.
          /incident role claim [role]                                                                Take a role yourself.
          /incident role release [role]                                                              Step down from a role.
          /incident severity <severity> [reason...]                                                  Change the severity.
          /incident show [incident]                                                                  Show an incident: status, roles, clock, next update due.
          /incident status [status] [note...]                                                        Set the status, or post an update.
          /incident timeline [incident]                                                              Show everything that happened, with its time.
          /policy explain <command...> [--as person]                                                 Explain whether you, or somebody else, could run a command here and now.
          /policy show [rule]                                                                        Show who may change what, or one rule in full.
          /postmortem [incident]                                                                     Show the postmortem draft.
          /postmortem export [incident]                                                              Get the draft as a Markdown file.
          /postmortem show [incident]                                                                Show the postmortem draft.
          (/help audit verify shows one in full)
        """)  # noqa: E501


async def test_help_shows_a_viewer_what_they_may_run_and_no_more(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/help") == golden("""
        [#general, only eve]
        What you can ask
          Command                                                                 What it does
          /audit verify                                                           Check that nobody changed the audit.
          /gw config                                                              Show the running configuration, secrets masked.
          /gw errors [--since duration]                                           Count recent errors by route and kind.
          /gw health                                                              Ask the health endpoints.
          /gw history [--limit number]                                            Show who changed what, and what came of it.
          /gw logs [grep...] [--level level] [--since duration] [--limit number]  Show recent log lines; add words to search for them.
          /gw metrics [--window duration] [--since duration]                      Show error rate and latency by route, and a chart.
          /gw pods                                                                List the workers.
          /gw status                                                              Show workers, error rate and latency.
          /help [command...]                                                      Show what you can ask, or one command in full.
          /incident list [--all]                                                  List the open incidents.
          /incident show [incident]                                               Show an incident: status, roles, clock, next update due.
          /incident timeline [incident]                                           Show everything that happened, with its time.
          /policy explain <command...> [--as @person]                             Explain whether you, or somebody else, could run a command here and now.
          /policy show [rule]                                                     Show who may change what, or one rule in full.
          /postmortem [incident]                                                  Show the postmortem draft.
          /postmortem export [incident]                                           Get the draft as a Markdown file.
          /postmortem show [incident]                                             Show the postmortem draft.
          (/help audit verify shows one in full)
        """)  # noqa: E501
    assert await stage.asks("eve", "general", "/help gw scale") == golden("""
        There is no command /gw scale that you can run.
          Try: /help
          (You typed: /help gw scale)
        """)


async def test_help_shows_a_family_and_one_command_in_full(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/help /gw scale") == golden("""
        /gw scale
          Plan another number of workers; it runs once it is confirmed.
          /gw scale <replicas>
          Example: /gw scale 10
          Who: operators, admins, the incident commander, the technical lead. Where: anywhere. Kind: mitigation.
          Argument    Meaning
          <replicas>  how many workers there are to be
        """)
    assert await stage.asks("ben", "general", "/help incident declare") == golden("""
        /incident declare
          Open an incident with its own channel.
          /incident declare <severity> [title...] [--service service] [--private] [--impact impact]
          Example: /incident declare sev1 API answers 502
          Who: responders, operators, admins, the incident commander, the technical lead, the communications lead. Where: anywhere. Kind: record.
          Argument             Meaning
          <severity>           how bad it is, e.g. sev1
          [title...]           what is wrong, in a few words
          [--service service]  what is affected
          [--private]          only people who are invited see it
          [--impact impact]    who notices it and how, in quotes
        """)  # noqa: E501
    assert await stage.asks("eve", "general", "/help incident") == golden("""
        What you can ask
          Command                        What it does
          /incident list [--all]         List the open incidents.
          /incident show [incident]      Show an incident: status, roles, clock, next update due.
          /incident timeline [incident]  Show everything that happened, with its time.
          (/help incident list shows one in full)
        """)
    assert await stage.asks("ben", "general", "/help incident role") == golden("""
        /incident role
          Give a role to somebody, or show who holds what.
          /incident role [role] [person]
          Example: /incident role ic @ana
          Who: responders, operators, admins, the incident commander, the technical lead, the communications lead. Where: an incident's channel. Kind: record.
          Argument  Meaning
          [role]    ic, tech or comms
          [person]  who takes it, e.g. @ana
          (more: /incident role claim, /incident role release)
        """)  # noqa: E501
    assert await stage.asks("ben", "general", "/help coffee") == golden("""
        There is no command /coffee that you can run.
          Try: /help
          (You typed: /help coffee)
        """)
