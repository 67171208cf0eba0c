"""Parts of answers that may be compressed: nobody puts together bytes of a coded answer and of a plain one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.policies.compression import Compression
from gateway.policies.settings import CompressionSettings
from tests.gateway.origin import Asked, origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import Caller, staged

PAGE = "<p>Tocsin rings, and rings again.</p>\n" * 200
CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT"
FIELDS = {"etag": '"v1"', "last_modified": CHANGED, "content_type": "text/html", "cache_control": "max-age=60"}
CODED = {"accept_encoding": "gzip"}


def answer(asked: Asked) -> bytes:
    """As a server of files answers: by the condition of a range, if there is one."""
    if "range" in asked.headers and asked.headers.get("if-range") in (None, CHANGED, '"v1"'):
        return reply(PAGE[100:], 206, content_range=f"bytes 100-{len(PAGE) - 1}/{len(PAGE)}", **FIELDS)
    return reply(PAGE, accept_ranges="bytes", **FIELDS)


@contextlib.asynccontextmanager
async def asking(*, cached: bool, content_type: str = "text/html") -> AsyncIterator[Caller]:
    async with origin() as upstream:
        upstream.answer = lambda asked: answer(asked).replace(b"text/html", content_type.encode())
        document: dict[str, Any] = settings_for(upstream.url, cache={"enabled": cached})
        policy = Compression(CompressionSettings.model_validate({"enabled": True})).policy
        async with staged(document, policy) as stage:
            if cached:
                async with stage.caller() as first:
                    await first.get("/")
            async with stage.caller() as caller:
                yield caller


async def head(caller: Caller, **headers: str) -> tuple[int, dict[str, str]]:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    caller.send(f"GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
    found = await caller.answer()
    return found.status, found.headers


async def test_who_goes_on_with_a_coded_answer_by_its_date_gets_all_of_it() -> None:
    # The date is that of both; a client that has half of the coded one would put plain bytes behind it.
    async with asking(cached=True) as caller:
        status, headers = await head(caller, range="bytes=100-", if_range=CHANGED, **CODED)
        assert (status, headers["content-encoding"], headers["etag"]) == (200, "gzip", 'W/"v1"')


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("more", [{"if_range": CHANGED}, {"if_range": '"v1"', **CODED}, CODED, {}])
async def test_all_others_get_their_part_and_are_told_what_it_was_chosen_by(cached: bool, more: dict[str, str]) -> None:
    async with asking(cached=cached) as caller:
        status, headers = await head(caller, range="bytes=100-", **more)
        assert (status, headers["etag"], headers["vary"]) == (206, '"v1"', "accept-encoding")
        assert "content-encoding" not in headers


async def test_a_part_of_what_is_never_coded_is_chosen_by_nothing() -> None:
    async with asking(cached=False, content_type="image/png") as caller:
        status, headers = await head(caller, range="bytes=100-", **CODED)
        assert (status, headers.get("vary")) == (206, None)
