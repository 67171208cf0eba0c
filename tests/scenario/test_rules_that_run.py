"""What a rule for alerts runs once it has declared: figures are shown, a change is planned, and people confirm."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.alerts.rules_file import rules_of
from bot.policy_file import PolicyError
from commands.domain.plan import PlanState
from commands.domain.severity import SEV1_TO_SEV4
from commands.registry import discover
from tests.alerts.sending import alert, ruled, sends, works
from tests.scenario.stage import Stage, Still, golden
from tests.world import settings_for, world

FIRST = "incident-20260301-001"
RULES = """
rules:
  - name: errors
    match: {labels: {alertname: HighErrorRate}}
    then: declare
    severity: sev2
    run: [/gw errors, /gw scale 5, /gw scale 500]
"""


@pytest.fixture
async def stage(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    alerts = ruled(RULES, tmp_path, monkeypatch)
    async with world(settings_for(sqlite_url, alerts=alerts), clock=Still()) as running:
        yield Stage(running)


async def has_run(stage: Stage) -> None:
    """Everything that the rule runs was answered."""

    async def answered() -> bool:
        await works(stage.world)
        await stage.world.app.pipeline.drain()
        groups = await stage.world.app.store.look(lambda tx: tx.alerts.open_groups(look=True))
        return not any(one.owed for one in groups)

    await stage.world.until(answered)


async def test_what_a_rule_runs_is_shown_planned_and_confirmed_by_people(stage: Stage) -> None:
    await stage.news()
    await sends(stage.world, alert("HighErrorRate", service="gateway"))
    await has_run(stage)
    said = await stage.news()
    assert said[said.index("This incident needs") :] == golden("""
        This incident needs a commander
          It was opened because of alerts, and nobody is in charge yet.
          On duty: @Ana Ruiz
          [Be incident commander]
        [#incident-20260301-001, all]
        No errors on gateway in the last 15 min
          (@Tocsin: /gw errors)
        [#incident-20260301-001, all]
        Scale gateway up from 3 to 5 workers?
          Needs 1 more approval by one of: operators, admins, the incident commander, the technical lead
          Now: 3 of 3 workers ready
          Allowed: 1 to 20 workers
          Undo: /gw undo puts back 3 workers
          Afterwards: Tocsin compares errors and p95 with before
          Approve before: 12:05 UTC
          [Approve] [Veto] [Cancel]
          (asked by @Tocsin · plan-20260301-…)
        [#incident-20260301-001, all]
        A command of the rule for these alerts was refused
          /gw scale 500: 500 is not allowed: gateway runs with 1 to 20 workers.
          Somebody who may can type it.
        """)
    assert "not for you" in await stage.presses("eve", FIRST, "Approve")
    await stage.presses("ben", FIRST, "Approve")
    assert (await stage.world.settled()).state is PlanState.DONE
    assert stage.world.gateway.desired == 5


async def test_when_all_is_well_again_two_clicks_end_it(stage: Stage) -> None:
    await sends(stage.world, alert("HighErrorRate", service="gateway"))
    await has_run(stage)
    await sends(stage.world, alert("HighErrorRate", service="gateway", state="resolved"))
    stage.later(seconds=10)
    await works(stage.world)
    await stage.presses("ana", FIRST, "Set monitoring")
    stage.later(seconds=10)
    await works(stage.world)
    said = await stage.presses("ana", FIRST, "Resolve")
    assert "Resolved after" in said
    assert "all alerts are resolved" in said
    stage.later(seconds=10)
    await works(stage.world)
    assert "[Resolve]" not in await stage.news(), "what is over is not resolved again"
    assert "HighErrorRate" in await stage.drafted(await stage.world.incident(FIRST))


async def test_a_process_that_ends_in_between_runs_nothing_twice(stage: Stage) -> None:
    await sends(stage.world, alert("HighErrorRate", service="gateway"))
    await has_run(stage)
    [group] = await stage.world.app.store.look(lambda tx: tx.alerts.open_groups(look=True))
    again = group.model_copy(update={"owed": group.run})  # as if it had ended before it wrote that down
    await stage.world.app.store.transact("again", lambda tx: tx.alerts.save(again))
    await stage.news()
    await has_run(stage)
    assert await stage.news() == ""
    plans = await stage.world.app.store.look(lambda tx: tx.plans.recent(target=None, limit=9))
    assert len(plans) == 1


async def test_while_the_figures_are_bad_that_is_asked(stage: Stage) -> None:
    await sends(stage.world, alert("HighErrorRate", service="gateway"))
    await has_run(stage)
    await stage.world.command("ana", FIRST, "/incident status monitoring")
    await sends(stage.world, alert("HighErrorRate", service="gateway", state="resolved"))
    stage.later(seconds=10)
    await works(stage.world)
    await stage.measured(stage.world.gateway.reading_now.model_copy(update={"error_rate": 0.3}))
    assert "Is it over? The service is still outside its objectives" in await stage.presses("ana", FIRST, "Resolve")
    assert "Resolved after" in await stage.presses("ana", FIRST, "Resolve anyway")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{name: a, then: declare, run: [/gw exploded]}", "rule a: run: there is no command /gw exploded"),
        ("{name: a, then: suggest, run: [/gw errors]}", "run is for declare; suggest opens no incident by itself"),
    ],
)
def test_a_rule_that_runs_nonsense_is_refused_at_the_start(tmp_path: Path, rule: str, why: str) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(f"rules: [{rule}]")
    with pytest.raises(PolicyError, match=why):
        rules_of(str(file), SEV1_TO_SEV4, discover())
