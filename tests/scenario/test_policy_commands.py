"""Transcripts of `/policy show` and `/policy explain`, with the policy that Tocsin comes with."""

from __future__ import annotations

from tests.scenario.stage import Stage, golden, transcript


@transcript("/policy show")
async def test_the_policy_is_shown_and_each_rule_in_full(shared: Stage) -> None:
    await shared.news()
    assert await shared.types("eve", "general", "/policy show") == golden("""
        [#general, all]
        The policy
          The first rule that fits answers. What changes something and fits none is denied.
          dangerous · allow dangerous · operators, admins, the incident commander, the technical lead · 1 other person (operators, admins, the incident commander, the technical lead)
          undo · allow gw undo · operators, admins, the incident commander, the technical lead
          mitigations · allow mitigation · operators, admins, the incident commander, the technical lead · replicas 1 to 50
          proposals · allow mitigation · @tocsin · replicas 1 to 50; 1 other person (operators, admins, the incident commander, the technical lead)
          Version: (hash)
          From: the default that Tocsin comes with
          In force since: 2026-03-01 12:00 UTC
          (One in full: /policy show dangerous)
        """)  # noqa: E501
    assert await shared.asks("eve", "general", "/policy show Mitigations") == golden("""
        The rule mitigations
          Effect: allow
          Classes: mitigation
          Who: operators, admins, the incident commander, the technical lead
          Limits: replicas 1 to 50
          (policy (hash))
        """)
    assert await shared.asks("eve", "general", "/policy show nosuch") == golden("""
        The policy has no rule nosuch.
          Its rules: dangerous, undo, mitigations, proposals.
          Try: /policy show
          (You typed: /policy show nosuch)
        """)


@transcript("/policy explain")
async def test_a_command_is_explained_for_oneself_and_for_others(shared: Stage) -> None:
    await shared.news()
    assert await shared.types("ben", "general", "/policy explain /gw scale 10") == golden("""
        [#general, all]
        Ben Okafor may run /gw scale 10 here
          The rule mitigations allows it. It shows a plan first, and runs once that is confirmed.
          Limits: replicas 1 to 50
          Rule         Effect  Here          Why
          dangerous    allow   does not fit  it is about what is dangerous; this is mitigation
          undo         allow   does not fit  it is about gw undo, not gw scale
          mitigations  allow   decides       it fits
          proposals    allow   does not fit  it is for @tocsin; Ben Okafor is none of them
          (policy (hash))
        """)
    assert await shared.asks("ben", "general", "/policy explain gw scale 60") == golden("""
        Ben Okafor may not run /gw scale 60 here
          /gw scale is refused by the rule mitigations: replicas is 60.
          Allowed: 1 to 50.
          Rule         Effect  Here          Why
          dangerous    allow   does not fit  it is about what is dangerous; this is mitigation
          undo         allow   does not fit  it is about gw undo, not gw scale
          mitigations  allow   decides       it fits, but replicas is 60
          proposals    allow   does not fit  it is for @tocsin; Ben Okafor is none of them
          (policy (hash))
        """)
    assert await shared.asks("ben", "general", "/policy explain /gw scale 10 --as @chloe") == golden("""
        Chloé Martin may not run /gw scale 10 here
          /gw scale is not for you: no rule of the policy allows it.
          Who may: operators, admins, the incident commander, the technical lead. Ask one of them to run it.
          Rule         Effect  Here          Why
          dangerous    allow   does not fit  it is about what is dangerous; this is mitigation
          undo         allow   does not fit  it is about gw undo, not gw scale
          mitigations  allow   does not fit  it is for operators, admins, the incident commander, the technical lead; Chloé Martin is none of them
          proposals    allow   does not fit  it is for @tocsin; Chloé Martin is none of them
          (policy (hash))
        """)  # noqa: E501


async def test_what_the_policy_does_not_decide_is_explained_too(shared: Stage) -> None:
    assert await shared.asks("ben", "general", "/policy explain /incident note hello") == golden("""
        Ben Okafor may run /incident note here
          It writes to the record and changes nothing else; the policy does not decide about that.
          (@Ben Okafor: /policy explain /incident note hello)
        """)
    assert await shared.asks("ben", "general", "/policy explain /gw restart --as eve") == golden("""
        Eve Larsson may not run /gw restart here
          It is for operators, admins, the incident commander, the technical lead; Eve Larsson is none of them.
          (@Ben Okafor: /policy explain /gw restart --as eve)
        """)
    reading = await shared.asks("eve", "general", "/policy explain /gw status")
    assert reading.splitlines()[:2] == [
        "Eve Larsson may run /gw status here",
        "  It only reads, and no rule denies it.",
    ]


async def test_what_cannot_be_explained_says_what_could(shared: Stage) -> None:
    for line, said in (
        ("/policy explain /gw scael 3", "Did you mean /gw scale?"),
        ("/policy explain /gw scale many", "“many” is no whole number"),
        ("/policy explain /gw", "Name one: /gw block, /gw changes, /gw config,"),
        ("/policy explain /gw scale 3 --as nobody", "I know nobody called nobody."),
    ):
        assert said in await shared.asks("ben", "general", line)
