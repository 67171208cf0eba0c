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
          Newest entry: (hash)
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
    assert said.splitlines()[:3] == [
        "The audit was changed",
        f"  {found}.",
        "  Keep a copy of the database, then find out who had access to it.",
    ]


@transcript("/help")
async def test_help_shows_an_operator_everything(stage: Stage) -> None:
    assert await stage.types("ben", "general", "/help") == golden("""
        [#general, only ben]
        What you can ask
          Command        What follows
          /actions       Show the open action items of all incidents that are over, overdue ones first.
          /again         Look again: repeat the last command of yours here that only reads.
          /alerts        Show the alerts that fire: of this incident, or all. Or: attach
          /approve       Approve a plan that waits, as its button does.
          /audit         verify
          /catchup       Tell you alone how the incident stands, and what is new since you last looked.
          /checklist     Show what is not to be forgotten at this severity, with a button to tick off each item.
          /deny          Stop a plan: before it runs, or before its next step.
          /drill         list, review, start, stop
          /gw            block, changes, config, errors, evidence, health, history, logs, maintenance, metrics, pods, restart, scale, status, top, unblock, undo
          /handover      Hand your roles over, with a summary of everything so far. Or: shift
          /help          Show what you can ask, the commands of a family, or one in full.
          /incident      declare, hypothesis, link, list, merge, note, related, reopen, resolve, role, severity, show, status, timeline
          /lease         keep, renew, revert
          /leases        Show what is temporary, whose it is, and when it ends.
          /locks         Show what is being changed now, and by whom.
          /maintenance   Show planned maintenance windows. The page at the gateway is /gw maintenance on. Or: announce, cancel, end, extend, plan, start
          /oncall        Show who is on call, until when, who is next, and how to reach them. Or: end, list, override
          /page          Call a person, whoever is on call for a service, or a level of escalation.
          /plans         Show the plans that wait for people, or for their hour.
          /policy        explain, show
          /postmortem    Show where the postmortem is, and what it lacks. Or: actions, edit, export, meeting, moment, moments, publish, review, show, versions
          /remind        Remind somebody of something in this channel. Or: cancel
          /reminders     Show what is due next in this channel, and who was asked for what.
          /report        Report on incidents, response times and objectives: of a day, a week, a month, a quarter.
          /review        Say that you have looked at a change that was made without approval.
          /reviews       Show what was changed without approval and nobody has looked at.
          /silence       Tell nobody of the alerts of a service, or with a label, for a while. Or: end
          /silences      Show what is silenced, by whom, why, and until when.
          /stakeholders  Show who is told how incidents go, in which form, and when they were told last. Or: send
          /status        Show what the public reads, what waits for a yes, and what is overdue. Or: edit, post, retract
          /task          add, assign, done, list
          /tocsin        freeze, integrations, thaw
          (More: /help gw or /help gw block)
        """)  # noqa: E501


async def test_help_shows_a_viewer_what_they_may_run_and_no_more(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/help") == golden("""
        [#general, only eve]
        What you can ask
          Command        What follows
          /actions       Show the open action items of all incidents that are over, overdue ones first.
          /again         Look again: repeat the last command of yours here that only reads.
          /alerts        Show the alerts that fire: of this incident, or all.
          /audit         verify
          /catchup       Tell you alone how the incident stands, and what is new since you last looked.
          /drill         list, review
          /gw            changes, config, errors, evidence, health, history, logs, metrics, pods, status, top
          /help          Show what you can ask, the commands of a family, or one in full.
          /incident      list, show, timeline
          /leases        Show what is temporary, whose it is, and when it ends.
          /locks         Show what is being changed now, and by whom.
          /maintenance   Show planned maintenance windows. The page at the gateway is /gw maintenance on.
          /oncall        Show who is on call, until when, who is next, and how to reach them. Or: list
          /plans         Show the plans that wait for people, or for their hour.
          /policy        explain, show
          /postmortem    Show where the postmortem is, and what it lacks. Or: export, moments, show, versions
          /reminders     Show what is due next in this channel, and who was asked for what.
          /report        Report on incidents, response times and objectives: of a day, a week, a month, a quarter.
          /reviews       Show what was changed without approval and nobody has looked at.
          /silences      Show what is silenced, by whom, why, and until when.
          /stakeholders  Show who is told how incidents go, in which form, and when they were told last.
          /status        Show what the public reads, what waits for a yes, and what is overdue.
          /task          list
          /tocsin        integrations
          (More: /help gw or /help gw changes)
        """)
    assert await stage.asks("eve", "general", "/help gw scale") == golden("""
        There is no command /gw scale that you can run.
          Try: /help
          (You typed: /help gw scale)
        """)


async def test_help_shows_a_family_and_one_command_in_full(stage: Stage) -> None:
    assert await stage.asks("ben", "general", "/help /gw scale") == golden("""
        /gw scale
          Plan another number of workers; it runs once it is confirmed.
          /gw scale <replicas> [--gradual] [--at time] [--in duration] [--break-glass why] [--for duration]
          Example: /gw scale 10
          Who may: operators, admins, the incident commander, the technical lead
          Argument             Meaning
          <replicas>           how many workers there are to be
          [--gradual]          twice as many at a time, or half; it stops when it gets worse
          [--at time]          when it runs, as 14:05; it is confirmed now
          [--in duration]      how long it waits before it runs, as 20m
          [--break-glass why]  why it cannot wait for an approval; reviewed later
          [--for duration]     how long it lasts, as 30m; then it is taken back
        """)
    assert await stage.asks("ben", "general", "/help incident declare") == golden("""
        /incident declare
          Open an incident with its own channel.
          /incident declare <severity> [title...] [--service service] [--private] [--impact impact]
          Example: /incident declare sev1 API answers 502
          Who may: responders, operators, admins, whoever has a role in the incident
          Argument             Meaning
          <severity>           how bad it is, e.g. sev1
          [title...]           what is wrong, in a few words
          [--service service]  what is affected
          [--private]          only people who are invited see it
          [--impact impact]    who notices it and how, in quotes
        """)
    assert await stage.asks("eve", "general", "/help incident") == golden("""
        /incident
          Command                                What it does
          /incident list [--all]                 List the open incidents.
          /incident show [incident]              Show an incident: status, roles, clock, next update due.
          /incident timeline [incident] [--all]  Show what happened, newest first.
          (One in full: /help incident list)
        """)
    assert await stage.asks("ben", "general", "/help incident role") == golden("""
        /incident role
          Give a role to somebody, or show who holds what.
          /incident role [role] [person]
          Example: /incident role ic @ana
          Who may: responders, operators, admins, whoever has a role in the incident
          Where: an incident's channel
          Argument  Meaning
          [role]    ic, tech or comms
          [person]  who takes it, e.g. @ana
          (More: /incident role claim, /incident role release)
        """)
    assert await stage.asks("ben", "general", "/help coffee") == golden("""
        There is no command /coffee that you can run.
          Try: /help
          (You typed: /help coffee)
        """)
