"""Targets and circuit breakers of a real gateway: what is typed, what is planned, what came of it."""

from __future__ import annotations

from tests.scenario.stage import golden, transcript
from tests.scenario.steering import Steered, done, timeless


@transcript("/gw upstreams")
async def test_upstreams_are_told_with_what_was_ordered_of_them(here: Steered) -> None:
    said = timeless(await here.says("/gw upstreams"))
    assert [" ".join(line.split()) for line in said.splitlines()] == [
        "1 upstream of gateway: all targets are well",
        "Upstream Target Address State Share Weight In flight",
        "backend blue (address) healthy 50% 1 0",
        "backend green (address) healthy 50% 1 0",
        "(To take one out: /gw drain UPSTREAM TARGET for 30m)",
    ]
    here.order("/admin/upstreams/overrides", upstream="backend", weights={"blue": 3})
    said = timeless(await here.says("/gw upstreams backend"))
    assert "backend: blue=3, by zoe until (time) UTC" in said
    assert "blue (address) healthy 75% 3 (settings: 1) 0" in " ".join(said.split())
    assert (await here.says("/gw upstreams users")).splitlines()[:2] == [
        "gateway has no upstream 'users'.", "  It has backend.",
    ]  # fmt: skip


@transcript("/gw drain", "/gw undrain")
async def test_a_target_is_drained_for_a_while_and_let_back(here: Steered) -> None:
    assert timeless(await here.says("/gw drain backend blue for 10m")) == golden("""
        Drain blue of the upstream backend?
          Now: healthy, 50% of the requests, 0 in flight
          Then: green 100%
          Lasts: 10 min, then Tocsin takes it back
          Undo: /gw undo, or /gw undrain
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await here.says("/deny")
    assert done(await here.runs("/gw drain backend blue for 10m")) == golden("""
        Done: Drain blue of the upstream backend
          No requests go to blue, and none is under way there
          Temporary: until (time) UTC, then Tocsin takes it back
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    (order,) = here.ask("/admin/upstreams/overrides")["overrides"]
    assert (order["drain"], order["actor"]) == (["blue"], "ben")
    assert (await here.bot.plan(order["reason"].removesuffix(" by ben"))).state == "done"
    assert timeless(await here.says("/gw drain backend blue")) == golden("""
        blue is drained already, by ben, … left.
          Try: /gw upstreams
          (You typed: /gw drain backend blue)
        """)
    assert timeless(await here.says("/gw drain backend green")) == golden("""
        Then no target of backend that is well would take requests.
          It has blue (drained, weight 0), green (healthy, weight 1).
          Try: /gw upstreams
          (You typed: /gw drain backend green)
        """)
    assert done(await here.runs("/gw undrain backend blue")) == golden("""
        Done: Send requests to blue of the upstream backend again
          Now blue is healthy, with weight 1
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert here.ask("/admin/upstreams/overrides") == {"overrides": []}


async def test_an_undo_takes_away_its_own_order_and_leaves_those_of_others(here: Steered) -> None:
    await here.runs("/gw drain backend blue")
    theirs = here.order("/admin/upstreams/overrides", upstream="backend", drain=["blue"])
    shown = done(await here.runs("/gw undo"))
    assert shown.startswith("Done: Undo: send requests to blue of the upstream backend again")
    assert [one["id"] for one in here.ask("/admin/upstreams/overrides")["overrides"]] == [theirs["id"]]


async def test_what_somebody_else_took_away_is_not_undone(here: Steered) -> None:
    await here.runs("/gw drain backend blue")
    (order,) = here.ask("/admin/upstreams/overrides")["overrides"]
    here.process.admin.delete(f"/admin/upstreams/overrides/{order['id']}").raise_for_status()
    assert (await here.says("/gw undo")).startswith("Somebody changed gateway since, so “Drain blue")


async def test_a_drain_ends_with_its_time(here: Steered) -> None:
    await here.runs("/gw drain backend blue for 10m")
    plan = await here.bot.plan()
    await here.bot.command("ben", "general", f"/lease revert {plan.id}")
    await here.bot.until(here.is_nothing_held)
    assert here.ask("/admin/upstreams/overrides") == {"overrides": []}
    assert "Nothing is temporary" in await here.says("/leases")


async def test_an_order_for_two_targets_is_not_taken_away_for_one(here: Steered) -> None:
    here.order("/admin/upstreams/overrides", upstream="backend", drain=["blue"], weights={"green": 5})
    said = timeless(await here.says("/gw undrain backend blue"))
    assert said.splitlines()[0] == "The order that drains it is about green as well, by zoe, … left, by hand."


@transcript("/gw weight", "/gw weight auto")
async def test_blue_goes_to_green_at_once_and_back(here: Steered) -> None:
    said = timeless(await here.says("/gw weight backend blue=0 green=1 --for 1h"))
    assert said.splitlines()[:5] == [
        "Weigh the targets of the upstream backend: blue 0, green 1?",
        "  Now: blue 50%, green 50%",
        "  Then: green 100%",
        "  Lasts: 1 h, then Tocsin takes it back",
        "  Undo: /gw undo, or /gw weight auto",
    ]
    await here.says("/deny")
    shown = await here.runs("/gw weight backend blue=0 green=1 --for 1h")
    assert "Requests go to green 100%; " in shown
    weights = {one["target"]: one["weight"] for one in here.ask("/admin/upstreams/backend")["targets"]}
    assert weights == {"blue": 0, "green": 1}
    assert "Requests go to blue 50%, green 50%; " in await here.runs("/gw weight auto backend")
    assert (await here.says("/gw weight auto backend")).splitlines()[0] == (
        "The targets of backend have the weights of the settings."
    )


async def test_weights_that_make_no_sense_are_refused(here: Steered) -> None:
    assert await here.says("/gw weight backend blue=much") == golden("""
        “blue=much” is no weight.
          Write target=weight for each, from 0 to 1,000; how long it lasts is --for 1h.
          Try: /gw weight user-service blue=9 green=1 --for 1h
          (You typed: /gw weight backend blue=much)
        """)
    assert (await here.says("/gw weight backend red=1")).splitlines()[1] == "  It has blue or green."
    assert (await here.says("/gw weight backend blue=0 green=0")).startswith("Then no target of backend that is well")
    here.order("/admin/upstreams/overrides", upstream="backend", drain=["blue"])
    assert (await here.says("/gw weight backend blue=2")).splitlines()[:2] == [
        "blue is drained; a weight would send requests to it again.",
        "  Try: /gw undrain backend blue",
    ]


@transcript("/gw breaker", "/gw breaker open", "/gw breaker closed", "/gw breaker auto")
async def test_a_breaker_is_forced_for_a_while(here: Steered) -> None:
    assert await here.says("/gw breaker") == golden("""
        gateway: no circuit breaker is open
          Upstream  Breaker  Failures in a row  Forced  Routes
          backend   closed   0                  -       users, orders
          (To force one: /gw breaker closed UPSTREAM for 10m)
        """)
    said = timeless(await here.says("/gw breaker open backend for 10m"))
    assert said.splitlines()[0] == "Force the breaker of backend open: its requests are answered with 503?"
    assert "/approve plan-20260301-… backend" in said
    assert "Now: closed, 0 failures in a row" in said
    assert "Routes: users, orders" in said
    await here.says("/deny")
    shown = await here.agreed("/gw breaker open backend for 10m")
    assert "Forced open in all workers; " in shown
    assert "Temporary: until 12:1" in shown
    here.eventually(lambda: here.get("/orders/1").status_code == 503)
    said = timeless(await here.says("/gw breaker"))
    assert said.splitlines()[0] == "gateway: nothing is let through to backend"
    assert "open by @Dev Patel until (time) UTC" in said
    assert "No longer forced; " in await here.runs("/gw breaker auto backend")
    here.eventually(lambda: here.get("/orders/1").status_code == 200)
    assert "Forced closed in all workers; " in await here.runs("/gw breaker closed backend for 5m")


async def test_a_breaker_command_in_the_wrong_order_says_the_right_one(here: Steered) -> None:
    assert await here.says("/gw breaker backend open") == golden("""
        /gw breaker backend shows it as it is.
          To force one, the state comes first: open, closed, or auto.
          Try: /gw breaker open backend
          (You typed: /gw breaker backend open)
        """)
    assert (await here.says("/gw breaker closed users")).splitlines()[:2] == [
        "gateway has no upstream 'users'.", "  It has backend.",
    ]  # fmt: skip
    assert (await here.says("/gw breaker closed backend for 13h")).startswith("A breaker is forced for 12 h at most.")
