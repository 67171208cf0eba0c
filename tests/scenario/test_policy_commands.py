"""Transcripts of `/policy show` and `/policy explain`, and of refusals that a policy of one's own makes."""

from __future__ import annotations

from tests.scenario.stage import Stage, transcript

OWN = """
ask: "@dev"
people_sets:
  operators: {roles: [operator]}
windows:
  freeze: {zone: Europe/Berlin, from: 2026-03-02, until: 2026-03-08}
rules:
- name: freeze
  effect: deny
  classes: [mitigation, dangerous]
  when: {within: [freeze]}
  reason: Nothing changes in the week of the sale.
- name: changes
  effect: allow
  classes: [mitigation]
  who: {sets: [operators]}
  limits: {replicas: {min: 2, max: 8}}
"""


@transcript("/policy show")
async def test_the_policy_is_shown_and_each_rule_in_full(shared: Stage) -> None:
    await shared.news()
    assert await shared.types("eve", "general", "/policy show") == ""
    assert await shared.asks("eve", "general", "/policy show mitigations") == ""
    assert await shared.asks("eve", "general", "/policy show nosuch") == ""


@transcript("/policy explain")
async def test_a_command_is_explained_for_oneself_and_for_others(shared: Stage) -> None:
    await shared.news()
    assert await shared.types("ben", "general", "/policy explain /gw scale 10") == ""
    assert await shared.asks("ben", "general", "/policy explain /gw scale 60 --as @chloe") == ""
    assert await shared.asks("ben", "general", "/policy explain gw scale 60") == ""
    assert await shared.asks("ben", "general", "/policy explain /gw status") == ""
    assert await shared.asks("ben", "general", "/policy explain /incident note hello") == ""
    assert await shared.asks("ben", "general", "/policy explain /gw restart --as eve") == ""
    assert await shared.asks("ben", "general", "/policy explain /gw scael 3") == ""
