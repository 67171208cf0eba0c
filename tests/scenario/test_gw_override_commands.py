"""Limits, routes, the log, blocks and maintenance of a real gateway: what is planned, and what came of it."""

from __future__ import annotations

from tests.scenario.stage import golden, transcript
from tests.scenario.steering import Steered, done, timeless


@transcript("/gw limit", "/gw limit auto")
async def test_a_route_is_limited_for_a_while(here: Steered) -> None:
    assert timeless(await here.says("/gw limit orders 2 per 60s for 1h")) == golden("""
        Limit the route orders to 2 requests in 1 min?
          Now: no limit
          Then: 2 in 1 min for each ip
          Requests: …
          Lasts: 1 h, then Tocsin takes it back
          Undo: /gw undo, or /gw limit auto
          Afterwards: Tocsin compares errors and p95 with before
          Confirm before: 12:05 UTC
          [Confirm] [Veto] [Cancel]
          (asked by @Ben Okafor)
        """)
    await here.says("/deny")
    shown = done(await here.runs("/gw limit orders 2 per 60s for 1h"))
    assert shown.splitlines()[1] == "  2 in 1 min for each ip, in 1 worker"
    assert [here.get("/orders/1").status_code for _ in range(3)] == [200, 200, 429]
    assert done(await here.runs("/gw limit auto orders")).splitlines()[:2] == [
        "Done: Limit the route orders as the settings say", "  No limit",
    ]  # fmt: skip
    assert here.get("/orders/1").status_code == 200


async def test_a_limit_keeps_those_that_count_by_something_else(here: Steered) -> None:
    strict = [{"limit": 5, "window_secs": 1, "key_type": "user"}]
    here.order("/admin/config/overrides", changes={"routes.users.rate_limit": strict})
    said = await here.says("/gw limit users 20 per 1s --by ip+route")
    assert "Now: 5 in 1 s for each user" in said
    assert "Then: 5 in 1 s for each user; 20 in 1 s for each ip+route" in said
    assert "Careful: this lets more through than before" in await here.says("/gw limit users 20 per 1s")


async def test_limits_that_make_no_sense_are_refused(here: Steered) -> None:
    for line, words in (
        ("/gw limit users 0 per 60s", "A limit is one request at least."),
        ("/gw limit users 10 per 2d", "A limit counts in one second up to 1 d."),
        ("/gw limit users 10 per 60s --by moon", "“moon” is nothing to count by."),
        ("/gw limit users 10", "/gw limit: window is missing (in how long, as 60s)."),
        ("/gw limit nope 10 per 60s", "gateway has no route 'nope'."),
        ("/gw limit auto users", "The route users has the limits of the settings."),
    ):
        assert (await here.says(line)).splitlines()[0] == words


@transcript("/gw route disable", "/gw route enable")
async def test_a_route_is_switched_off_by_two_and_on_by_one(here: Steered) -> None:
    said = timeless(await here.says("/gw route disable orders for 20m"))
    assert "Type the name of the target to confirm it: /approve plan-20260301-… orders" in said
    assert "Then: its requests are answered with 503 route_disabled" in said
    await here.says("/deny")
    shown = done(await here.agreed("/gw route disable orders for 20m"))
    assert shown.startswith("Done: Disable the route orders: its requests are answered with 503\n")
    assert here.get("/orders/1").status_code == 503
    # It counts when its second is over: what is measured before the next change has it, or that change made it worse.
    here.eventually(lambda: here.ask("/admin/metrics/summary?window=30")["window"]["errors"] > 0)
    assert done(await here.runs("/gw route enable orders")).splitlines()[1] == "  Its requests are passed on"
    assert here.get("/orders/1").status_code == 200
    assert (await here.says("/gw route enable orders")).startswith("No order disables the route orders.")


@transcript("/gw loglevel", "/gw loglevel auto")
async def test_the_log_says_more_for_a_while(here: Steered) -> None:
    assert done(await here.runs("/gw loglevel debug for 15m")) == golden("""
        Done: Have gateway log from level DEBUG on
          Level DEBUG, in 1 worker
          Temporary: until (time) UTC, then Tocsin takes it back
          (asked by @Ben Okafor, confirmed by @Ben Okafor)
        """)
    assert here.ask("/admin/config")["config"]["logging"]["level"] == "DEBUG"
    assert (await here.says("/gw loglevel debug")).startswith("It is so already: level DEBUG.")
    assert done(await here.runs("/gw loglevel auto")).splitlines()[1] == "  Level INFO"
    assert (await here.says("/gw loglevel loud")).startswith("“loud” is no level.")


@transcript("/gw block", "/gw unblock", "/gw blocks")
async def test_an_address_is_kept_out_by_the_gateway_itself(here: Steered) -> None:
    said = timeless(await here.says("/gw block 127.0.0.0/8 for 1h"))
    assert said.splitlines()[0] == "Block 127.0.0.0/8 from gateway?"
    assert "Blocked now: nothing\n  They get: 403" in said
    await here.says("/deny")
    shown = done(await here.agreed("/gw block 127.0.0.0/8 for 1h"))
    assert "127.0.0.0/8 gets 403 from all workers" in shown
    here.eventually(lambda: here.get("/orders/1").status_code == 403)
    said = timeless(await here.says("/gw blocks"))
    assert said.splitlines()[0] == "1 network blocked from gateway"
    assert " ".join(said.splitlines()[2].split()).startswith("block 127.0.0.0/8 kept out @Dev Patel 2")
    assert (await here.says("/gw block 127.0.0.0/8")).startswith("127.0.0.0/8 is blocked already, by dev, ")
    assert done(await here.runs("/gw unblock 127.0.0.0/8")).splitlines()[1] == "  Let in again"
    here.eventually(lambda: here.get("/orders/1").status_code == 200)
    assert (await here.says("/gw blocks")).startswith("Nobody is blocked from gateway")
    assert (await here.says("/gw unblock 127.0.0.1")).startswith("127.0.0.1/32 is not blocked.")


async def test_what_stands_before_the_gateway_is_not_blocked(here: Steered) -> None:
    here.order("/admin/config/overrides", changes={"server.trusted_proxies": ["10.1.0.0/16"]})
    assert (await here.says("/gw block 10.1.2.3")).startswith("10.1.0.0/16 is of the proxies before gateway")


@transcript("/gw maintenance on", "/gw maintenance off")
async def test_everybody_is_shown_the_page_by_the_gateway_itself(here: Steered) -> None:
    said = timeless(await here.says("/gw maintenance on for 5m"))
    assert "They get: 503 with “the service is down for maintenance”, or the page of the settings" in said
    assert "Pass all the same: nobody" in said
    await here.says("/deny")
    assert "The page is shown by all workers" in await here.agreed("/gw maintenance on for 5m")
    here.eventually(lambda: here.get("/orders/1").status_code == 503)
    assert "Requests are answered again" in await here.runs("/gw maintenance off")
    here.eventually(lambda: here.get("/orders/1").status_code == 200)
    assert (await here.says("/gw maintenance off --service web")).startswith(
        "gateway runs as local processes: there is no Service 'web' before it."
    )


@transcript("/gw overrides")
async def test_everything_that_is_ordered_is_told_whoever_ordered_it(here: Steered) -> None:
    assert (await here.says("/gw overrides")).startswith("gateway goes by its settings: nothing is ordered otherwise")
    one = {"routes.users.rate_limit": {"limit": 3, "window_secs": 60}, "cache.default_ttl": 5}
    here.order("/admin/config/overrides", changes=one)
    here.order("/admin/circuit-breaker/overrides", upstream="*", state="closed")
    await here.runs("/gw loglevel debug for 15m")
    said = timeless(await here.says("/gw overrides"))
    rows = [" ".join(line.split()) for line in said.splitlines()]
    assert rows[0] == "4 orders above the settings of gateway"
    assert any(row.startswith("limit users 3 in 1 min for each ip zoe ") for row in rows)
    assert any(row.startswith("setting cache.default_ttl 5 zoe ") for row in rows)
    assert any(row.startswith("breaker * forced closed zoe ") for row in rows)
    assert any(row.startswith("loglevel the log DEBUG @Ben Okafor ") for row in rows)


@transcript("/gw blocks")
async def test_faults_of_a_drill_and_blocked_clients_are_not_forgotten(here: Steered) -> None:
    here.order("/admin/faults", route="orders", latency_ms=2000, error_rate=0.25)
    here.order("/admin/blocks/clients", client="batch")
    here.order("/admin/blocks", network="192.0.2.9")
    rows = [" ".join(line.split()) for line in timeless(await here.says("/gw overrides")).splitlines()]
    assert rows[0] == "3 orders above the settings of gateway"
    assert any(row.startswith("fault orders 2,000 ms late, 25% answered with 503 zoe ") for row in rows)
    assert any(row.startswith("client block batch kept out zoe ") for row in rows)
    blocked = timeless(await here.says("/gw blocks"))
    assert blocked.startswith("1 network and 1 client blocked from gateway")
    assert "fault" not in blocked
