"""What a policy of one's own does: to what is asked, to plans that wait, and when its file is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.store.policy import note
from bot.store.transaction import SqlTransaction
from commands.domain.plan import PlanState
from commands.mitigation import running
from commands.people import OrgRole
from tests.scenario.stage import Stage, Still, golden
from tests.world import audited, settings_for, world

FREEZE = """
- name: freeze
  effect: deny
  classes: [mitigation, dangerous]
  when: {within: [sale]}
  reason: Nothing changes in the week of the sale.
  ask: "@dev"
"""
CHANGES = """
- name: changes
  effect: allow
  classes: [mitigation]
  who: {roles: [operator]}
"""


def policy(*rules: str, sale: str = "2026-03-02") -> str:
    window = f"{{zone: Europe/Berlin, from: {sale}, until: 2026-03-08}}"
    return f"windows:\n  sale: {window}\nrules:{''.join(rules)}"


@dataclass
class Governed:
    """The bot on a stage, under a policy of its own that can be written anew."""

    stage: Stage
    file: Path

    def write(self, text: str) -> None:
        """Change the file; a second later, whoever asks hears the new policy."""
        self.file.write_text(text, encoding="utf-8")
        self.stage.later(seconds=1)

    async def versions(self) -> list[tuple[str, str]]:
        """The changes of the policy that are in the audit, oldest first."""
        entries = await self.stage.world.app.store.look(audited)
        return [(one.detail["old"], one.detail["new"]) for one in reversed(entries) if one.kind == "policy"]


@pytest.fixture
async def governed(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Governed]:
    """On SQLite, with changes allowed to operators."""
    file = tmp_path / "policy.yaml"
    file.write_text(policy(FREEZE, CHANGES), encoding="utf-8")
    async with world(settings_for(sqlite_url, policy={"file": str(file)}), clock=Still()) as running:
        yield Governed(Stage(running), file)


async def test_a_change_of_the_file_is_in_force_without_a_restart_and_in_the_audit_once(governed: Governed) -> None:
    stage = governed.stage
    assert (await stage.world.command("ben", "general", "/gw scale 4")).accepted
    governed.write(policy(FREEZE, CHANGES, sale="2026-02-27"))
    assert await stage.asks("ben", "general", "/gw scale 5") == golden("""
        /gw scale is refused by the rule freeze: Nothing changes in the week of the sale.
          It holds until 2026-03-09 00:00 (Europe/Berlin). Ask @dev.
          Try: /policy explain /gw scale
          (You typed: /gw scale 5)
        """)
    assert not (await stage.world.command("ben", "general", "/gw undo")).accepted
    await stage.world.until(governed.versions)
    [(old, new)] = await governed.versions()
    assert new in await stage.world.say("eve", "general", "/policy show freeze")
    assert old != new
    await stage.world.app.policy.once()  # another process, that has seen the same change
    assert await governed.versions() == [(old, new)]


async def test_several_processes_see_one_change_and_the_audit_has_it_once(stage_on: Stage) -> None:
    store = stage_on.world.app.store

    async def seen_by_six(version: str) -> int:
        told = [store.transact("policy", lambda tx: note(tx, version, "policy.yaml")) for _ in range(6)]
        return sum(await asyncio.gather(*told))

    assert [await seen_by_six(version) for version in ("v2", "v2", "v3", "v2")] == [1, 0, 1, 1]
    entries = [one for one in await store.look(audited) if one.kind == "policy"]
    assert [(one.actor, one.detail["new"]) for one in entries] == [("tocsin", "v2"), ("tocsin", "v3"), ("tocsin", "v2")]
    assert (await stage_on.world.app.services.auditor.verify()).broken_at is None


async def test_a_file_that_was_changed_while_nobody_ran_is_in_the_audit_too(governed: Governed) -> None:
    governed.write(policy(CHANGES))
    await governed.stage.world.app.policy.once()
    assert len(await governed.versions()) == 1


async def test_a_wrong_file_is_not_taken_and_the_last_good_one_stays(governed: Governed) -> None:
    stage, good = governed.stage, policy(CHANGES)
    governed.write(good.replace("effect: allow", "efect: allow"))
    assert (await stage.world.command("ben", "general", "/gw scale 4")).accepted
    shown = await stage.world.say("eve", "general", "/policy show")
    assert "The file as it is now was not taken; this is the last good one." in shown
    assert "rules.0.efect: there is no such key (line 5). Did you mean effect?" in shown
    assert "freeze" in shown
    governed.file.unlink()
    stage.later(seconds=1)
    assert "cannot be read: No such file or directory." in await stage.world.say("eve", "general", "/policy show")
    assert await governed.versions() == []
    governed.write(good)
    shown = await stage.world.say("eve", "general", "/policy show")
    assert "not taken" not in shown
    assert "freeze" not in shown
    await stage.world.until(governed.versions)


SECOND = CHANGES + "  approvals: {count: 1, who: {people: [dev]}}\n"
BUDGET = CHANGES + "  blast: {percent: 40, within: 15m}\n"
LIMITED = CHANGES + "  limits: {replicas: {max: 3}}\n"


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (policy(FREEZE, CHANGES, sale="2026-02-27"), "/gw scale is refused by the rule freeze"),
        (policy(LIMITED), "/gw scale is refused by the rule changes: replicas is 5"),
        (policy(SECOND), "The rule changes asks for the yes of somebody else than the one who asked."),
    ],
    ids=["a freeze", "a limit", "a second person"],
)
async def test_a_plan_that_waits_is_bound_by_the_policy_as_it_is_when_it_is_confirmed(
    governed: Governed, later: str, said: str
) -> None:
    stage = governed.stage
    await stage.types("ben", "general", "/gw scale 5")
    message = await stage.message_with("Confirm", "general")
    governed.write(later)
    assert not (await stage.clicks("ben", message, "Confirm")).accepted
    assert said in await stage.news()
    assert (await stage.world.plan()).state is PlanState.PLANNED
    assert stage.world.gateway.asked == []


async def test_a_plan_that_waits_is_never_loosened(governed: Governed) -> None:
    """It was planned while a second person was asked for: that stays so when the policy no longer asks."""
    stage = governed.stage
    governed.write(policy(SECOND))
    await stage.types("ben", "general", "/gw scale 5")
    message = await stage.message_with("Approve", "general")
    governed.write(policy(CHANGES))
    for person in ("ben", "ana"):
        assert not (await stage.clicks(person, message, "Approve")).accepted
    assert "Who may approve: @dev." in await stage.news()
    assert (await stage.clicks("dev", message, "Approve")).accepted
    assert (await stage.world.settled()).state is PlanState.DONE


async def test_one_yes_does_not_do_where_two_are_asked_for(governed: Governed) -> None:
    """Nor does a second one of the same person."""
    stage = governed.stage
    governed.write(policy(CHANGES + "  approvals: {count: 2}\n"))
    await stage.types("ben", "general", "/gw scale 5")
    for _ in range(2):
        await stage.clicks("ana", await stage.message_with("Approve", "general"), "Approve")
    assert (await stage.world.plan()).state is PlanState.PLANNED
    assert stage.world.gateway.asked == []
    await stage.clicks("dev", await stage.message_with("Approve", "general"), "Approve")
    assert (await stage.world.settled()).state is PlanState.DONE


async def test_a_plan_that_is_denied_when_its_turn_comes_is_stopped_and_nothing_was_changed(governed: Governed) -> None:
    """Confirmed, and not begun yet: a freeze that begins then stops it."""
    stage = governed.stage
    await _approved(stage, "/gw scale 5")
    governed.write(policy(FREEZE, CHANGES, sale="2026-02-27"))
    assert await _locks(stage) is PlanState.FAILED
    said = await stage.asks_card()
    assert "The policy does not allow it any more: /gw scale is refused by the rule freeze" in said
    assert said.splitlines()[1].endswith("; nothing was changed")


async def test_who_confirmed_and_lost_the_right_since_stops_the_plan(governed: Governed) -> None:
    stage, directory = governed.stage, governed.stage.world.app.services.directory
    await _approved(stage, "/gw scale 5")
    directory.add(directory.find("ben").model_copy(update={"roles": frozenset({OrgRole.RESPONDER})}))
    assert await _locks(stage) is PlanState.FAILED
    assert "/gw scale is not for you: no rule of the policy allows it" in await stage.asks_card()
    assert stage.world.gateway.asked == []


async def _approved(stage: Stage, line: str) -> None:
    """A plan that was confirmed by ben, while the engine has not come to it."""
    assert (await stage.world.command("ben", "general", line)).accepted
    plan = await stage.world.plan()
    approve = {"source": PlanState.PLANNED, "to": PlanState.APPROVED, "approver": "ben"}

    def confirmed(tx: SqlTransaction) -> None:
        detail = {"plan": plan.id, "digest": tx.plans.move(plan.id, **approve).digest}
        tx.audit.append("confirmed", actor="ben", subject=plan.target.key, detail=detail)

    await stage.world.app.store.transact("approve", confirmed)


async def _locks(stage: Stage) -> PlanState:
    """The engine's first step; where the plan is then."""
    plan, services = await stage.world.plan(), stage.world.app.services
    await stage.world.app.store.transact("lock", lambda tx: running.lock(plan.id, services, tx))
    return (await stage.world.plan()).state


async def test_the_budget_counts_what_was_done_and_what_is_about_to_be(governed: Governed) -> None:
    stage = governed.stage
    stage.world.gateway.desired = 10
    governed.write(policy(BUDGET))
    await stage.runs("ben", "general", "/gw scale 8")
    assert await stage.asks("ben", "general", "/gw scale 5") == golden("""
        /gw scale is refused by the rule changes: it would remove 38% of the ready capacity of gateway.
          The budget is 40% within 15 min; 20% is gone already.
          Try: /policy explain /gw scale
          (You typed: /gw scale 5)
        """)
    assert "Budget: 20% of 40% used within 15 min" in await stage.asks("ben", "general", "/policy explain gw scale 7")
    await _approved(stage, "/gw scale 7")
    assert "; 32% is gone already" in await stage.asks("ben", "general", "/gw scale 6")


async def test_breaking_the_glass_skips_no_budget_no_denial_and_no_freeze(governed: Governed) -> None:
    stage, why = governed.stage, '--break-glass "it burns"'
    stage.world.gateway.desired = 10
    governed.write(policy(BUDGET))
    assert "it would remove 50% of the ready capacity" in await stage.asks("ben", "general", f"/gw scale 5 {why}")
    await stage.quietly("dev", "general", "/tocsin freeze looking")
    assert "All changes are frozen: looking." in await stage.asks("ben", "general", f"/gw scale 9 {why}")
    await stage.quietly("dev", "general", "/tocsin thaw")
    governed.write("rules:\n- {name: not-now, effect: deny, commands: [gw scale], reason: Not now.}\n")
    assert "refused by the rule not-now: Not now." in await stage.asks("ben", "general", f"/gw scale 9 {why}")
    assert stage.world.gateway.asked == []


async def test_a_cooldown_names_the_time_that_is_left(governed: Governed) -> None:
    stage = governed.stage
    governed.write(policy(CHANGES + "  cooldown: 10m\n"))
    await stage.runs("ben", "general", "/gw scale 5")
    said = await stage.asks("ben", "general", "/gw scale 6")
    assert "it was done here" in said
    assert "Again in 9 min." in said
    assert (await stage.world.command("ben", "general", "/gw undo")).accepted
    stage.later(minutes=11)
    assert (await stage.world.command("ben", "general", "/gw scale 6")).accepted


async def test_help_shows_what_the_policy_gives_the_reader_and_no_more(governed: Governed) -> None:
    stage = governed.stage
    governed.write(
        "rules:\n- {name: support-restarts, effect: allow, commands: [gw restart], who: {people: [chloe]}}\n"
    )
    assert "/gw restart" in await stage.asks("chloe", "general", "/help gw")
    assert "/gw scale" not in await stage.asks("chloe", "general", "/help gw")
    assert "/gw restart" not in await stage.asks("ben", "general", "/help gw")
    assert "Who may: @chloe" in await stage.asks("chloe", "general", "/help gw restart")
    assert "Restart gateway" in await stage.runs("chloe", "general", "/gw restart")


async def test_what_only_reads_can_be_denied(governed: Governed) -> None:
    stage = governed.stage
    governed.write("rules:\n- {name: secret, effect: deny, commands: [gw config], reason: It is not for chat.}\n")
    assert await stage.asks("ben", "general", "/gw config") == golden("""
        /gw config is refused by the rule secret: It is not for chat.
          Try: /policy explain /gw config
          (You typed: /gw config)
        """)
    assert "/gw config" not in await stage.asks("ben", "general", "/help gw")
    assert (await stage.world.command("ben", "general", "/gw status")).accepted
