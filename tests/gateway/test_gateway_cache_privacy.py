"""Whoever asks in whatever order: nobody is given from the cache what was made for somebody else."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.caching import Scene, scene
from tests.gateway.origin import Asked, reply

NOBODY = "nobody"
#: What an upstream says of an answer, and whether that is for all although somebody has asked.
TOLD: list[tuple[dict[str, str], bool]] = [
    ({"cache_control": "max-age=60"}, False),
    ({"cache_control": "max-age=60, stale-while-revalidate=600", "etag": '"v"'}, False),
    ({"cache_control": "private, max-age=60"}, False),
    ({"cache_control": "max-age=60", "set_cookie": "a=b"}, False),
    ({"cache_control": "public, max-age=60", "set_cookie": "a=b"}, False),
    ({"cache_control": "no-cache", "etag": '"v"'}, False),
    ({"cache_control": "public, max-age=60", "vary": "cookie, authorization, x-api-key"}, False),
    ({"cache_control": "max-age=60", "vary": "*"}, False),
    ({"expires": "Thu, 01 Jan 2099 00:00:00 GMT"}, False),
    ({"cache_control": "public, max-age=60"}, True),
    ({"cache_control": "s-maxage=60"}, True),
    ({"cache_control": "max-age=60, must-revalidate", "etag": '"v"'}, True),
]
CREDENTIALS = ("cookie", "authorization", "x-api-key")


class Upstream:
    """Tells in each answer who it is for, and whether others may be given it; asked again, it has not changed."""

    def __init__(self) -> None:
        self.told = TOLD[0]

    def answer(self, asked: Asked) -> bytes:
        who = next((asked.headers[name] for name in CREDENTIALS if name in asked.headers), NOBODY)
        fields, for_all = self.told
        status: int = 304 if asked.headers.get("if-none-match") == fields.get("etag", "") else 200
        body = "" if status == 304 else f"{who} {'all' if for_all else 'own'}"
        return reply(body, status, **dict[str, Any](fields))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]),
        st.sampled_from([None, *CREDENTIALS]),
        st.sampled_from(["ana", "ben"]),
        st.sampled_from(range(len(TOLD))),
        st.sampled_from([0, 0, 30, 90]),
        st.sampled_from(
            [{}, {}, {"cache-control": "no-cache"}, {"cache-control": "max-stale"}, {"range": "bytes=0-2"}]
        ),
    ),
    min_size=2,
    max_size=12,
)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_nobody_is_given_what_is_somebody_elses(steps: list[Any]) -> None:
    async def run() -> None:
        async with scene(stale_if_error=60) as here:
            upstream = Upstream()
            here.origin.answer = upstream.answer
            for step in steps:
                await ask(here, upstream, *step)

    asyncio.run(run())


async def ask(
    here: Scene, upstream: Upstream, method: str, kind: str | None, name: str, told: int, pause: float, more: Any
) -> None:
    here.clock.now += pause
    upstream.told = TOLD[told]
    headers = {**more, **({kind: name} if kind else {})}
    answer = await here.ask(method, "/", "", **headers)
    if method != "GET" or answer.status != 200:
        return
    made_for = answer.body.decode().split(" ")[0]
    if made_for not in (NOBODY if kind is None else name, NOBODY):
        assert answer.body.endswith(b"all"), (headers, answer)
    if answer.headers["x-cache"] in ("HIT", "STALE"):
        assert "set-cookie" not in answer.headers
