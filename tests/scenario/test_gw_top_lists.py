"""Who asks a real gateway most, and what took longest there: what is typed, and what is shown."""

from __future__ import annotations

import re

from tests.scenario.stage import golden, transcript
from tests.scenario.steering import Steered


@transcript("/gw talkers")
async def test_who_asks_most_is_told_with_how_to_keep_them_out(here: Steered) -> None:
    assert here.get("/nowhere").status_code == 404
    for _ in range(3):
        assert here.get("/orders/1").status_code == 200
    said = await here.says("/gw talkers")
    assert re.match(r"Who asked gateway in the last 15 min: \d+ requests, 100% of them from 127\.0\.0\.1\n", said)
    assert "Counted since" in said
    assert re.search(r"127\.0\.0\.1 .* 100% ", said)
    assert "To keep one out: /gw block ADDRESS --for 1h" in said
    assert "all others" not in said
    assert await here.says("/gw talkers --by client") == golden("""
        Nobody asked gateway in the last 15 min
          Only who was let in by a token or a key is a client. Try: /gw talkers
          (@Ben Okafor: /gw talkers --by client)
        """)


@transcript("/gw slow")
async def test_the_slowest_requests_are_told_with_what_they_are_found_by(here: Steered) -> None:
    answer = here.get("/orders/7?token=hunter2")
    said = await here.says("/gw slow orders")
    assert said.startswith("Slowest requests of route orders at gateway in the last 15 min: ")
    assert "GET /orders/7" in said
    assert "hunter2" not in said
    assert answer.headers["x-request-id"] in said
    nothing = await here.says("/gw slow nothing --since 5m")
    assert nothing.startswith("No requests of route nothing at gateway in the last 5 min")


async def test_how_far_back_they_look_has_a_bound(here: Steered) -> None:
    for command in ("talkers", "slow"):
        said = await here.says(f"/gw {command} --since 1h")
        assert said.startswith("I can look 15 minutes back at most, not 1 h.")
    assert "requests, refused, failed" in await here.says("/gw talkers loudest")
