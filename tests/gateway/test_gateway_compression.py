"""Compression of answers: who gets which coding of what, what the head then says, and that nothing is lost or held."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.policies.compression import Compression, chosen_coding
from gateway.policies.settings import CompressionSettings
from gateway.settings import Settings
from tests.gateway.one_worker import one_worker
from tests.gateway.origin import Clock, Origin, origin, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import Answer, Caller, Stage, staged, until

CODINGS = (b"zstd", b"br", b"gzip")
PAGE = b"<p>Tocsin rings, and rings again.</p>\n" * 200
ALL = {"accept_encoding": "gzip, deflate, br, zstd"}


def decoded(answer: Answer) -> bytes:
    coding = answer.headers.get("content-encoding")
    if coding == "gzip":
        return gzip.decompress(answer.body)
    if coding == "br":
        return brotli.decompress(answer.body)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(answer.body)
    assert coding is None
    return answer.body


async def whole(caller: Caller, *, to_head: bool = False) -> Answer:
    """The next answer, chunked or not."""
    answer = await caller.answer(to_head=to_head)
    if to_head or answer.headers.get("transfer-encoding") != "chunked":
        return answer
    body = b""
    while size := int(await caller._reader.readuntil(b"\r\n"), 16):
        body += await caller._reader.readexactly(size)
        await caller._reader.readexactly(2)
    await caller._reader.readuntil(b"\r\n")
    return answer._replace(body=body)


async def get(caller: Caller, target: str = "/", method: str = "GET", **headers: str) -> Answer:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    caller.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
    return await whole(caller, to_head=method == "HEAD")


@contextlib.asynccontextmanager
async def compressing(
    upstream: Origin, *, cache: dict[str, Any] | None = None, clock: Clock | None = None, **more: Any
) -> AsyncIterator[tuple[Stage, Caller]]:
    document = settings_for(upstream.url, **({} if cache is None else {"cache": cache}))
    chosen = CompressionSettings.model_validate({"enabled": True, **more})
    clocked = {} if clock is None else {"clock": clock}
    async with (
        staged(document, Compression(chosen).policy, **clocked) as stage,
        stage.caller() as caller,
    ):
        yield stage, caller


@pytest.mark.parametrize(
    ("accepted", "coding", "insists"),
    [
        (b"", None, False), (b"gzip", b"gzip", False), (b"gzip, deflate, br, zstd", b"zstd", False),
        (b"gzip, br", b"br", False), (b"zstd;q=0.5, gzip", b"gzip", False), (b"br;q=0, zstd;q=0.0, *", b"gzip", False),
        (b"X-GZip ; Q=0.3", b"gzip", False), (b"*;q=0", None, True), (b"identity;q=0", None, True),
        (b"gzip, identity;q=0", b"gzip", True), (b"gzip;q=0.5, identity", None, False), (b"*", b"zstd", False),
        (b"deflate", None, False), (b"gzip;q=2", None, False), (b"gzip;q=0.1234, br;q=0.100", b"br", False),
        (b"*;q=0, gzip", b"gzip", True), (b"identity", None, False), (b"gzip" + b"," * 1000, None, False),
    ],
)  # fmt: skip
def test_the_coding_is_what_the_client_likes_best(accepted: bytes, coding: bytes | None, insists: bool) -> None:
    assert chosen_coding(accepted, CODINGS) == (coding, insists)


async def test_the_head_of_a_compressed_answer_says_what_it_is() -> None:
    fields = {"content_type": "text/html; charset=utf-8", "etag": '"one"', "vary": "accept-language",
              "accept_ranges": "bytes"}  # fmt: skip
    async with origin() as upstream, compressing(upstream) as (stage, caller):
        upstream.answer = lambda _: reply(PAGE, **fields)
        for coding in ("gzip", "br", "zstd"):
            answer = await get(caller, accept_encoding=coding)
            assert decoded(answer) == PAGE
            told = answer.headers
            assert (told["content-encoding"], told["etag"], told["transfer-encoding"]) == (coding, 'W/"one"', "chunked")
            assert told["vary"] == "accept-language, accept-encoding"
            assert not {"content-length", "accept-ranges"} & told.keys()
            assert len(answer.body) < len(PAGE) / 10
            headers = (await get(caller, method="HEAD", accept_encoding=coding)).headers
            assert {**headers, "transfer-encoding": "chunked", "x-request-id": ""} == {**told, "x-request-id": ""}
        plain = await get(caller)
        assert (plain.body, plain.headers["etag"], plain.headers["accept-ranges"]) == (PAGE, '"one"', "bytes")
        assert plain.headers["vary"] == "accept-language, accept-encoding", "another client gets another one"
        caller.send("GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        old = await caller.answer()
        assert "transfer-encoding" not in old.headers
        assert gzip.decompress(await caller.rest()) == PAGE, "it ends with the connection"
        assert upstream.asked[0].headers["accept-encoding"] == "gzip", "the upstream may do it itself"
    assert stage.plane.in_flight == 0


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (200, {"content_type": "image/png"}), (200, {}), (200, {"content_type": "text/event-stream"}),
        (200, {"content_type": "text/plain", "content_encoding": "br"}),
        (200, {"content_type": "text/plain", "cache_control": "max-age=9, No-Transform"}),
        (206, {"content_type": "text/plain", "content_range": "bytes 0-7399/99999"}),
        (200, {"content_type": "text/plain", "repr_digest": "sha-256=:AAAA:"}),
    ],
)  # fmt: skip
async def test_what_may_not_or_need_not_be_changed_is_passed_on(status: int, fields: dict[str, str]) -> None:
    async with origin() as upstream, compressing(upstream) as (_, caller):
        upstream.answer = lambda _: reply(PAGE, status, etag='"one"', **fields)
        answer = await get(caller, **ALL)
        assert (answer.status, answer.body, answer.headers["etag"]) == (status, PAGE, '"one"')
        assert answer.headers.get("content-encoding") == fields.get("content_encoding")
        # The whole of which this is a part is another one for other clients.
        assert (answer.headers["content-length"], "vary" in answer.headers) == (str(len(PAGE)), status == 206)


async def test_short_answers_are_compressed_for_those_who_take_nothing_else() -> None:
    async with origin() as upstream, compressing(upstream, min_length=100) as (_, caller):
        upstream.answer = lambda asked: reply(b"x" * int(asked.target[1:]), content_type="application/problem+json")
        assert (await get(caller, "/99", **ALL)).headers.keys().isdisjoint({"content-encoding", "vary"})
        assert (await get(caller, "/100", **ALL)).headers["content-encoding"] == "zstd"
        short = await get(caller, "/1", accept_encoding="gzip, identity;q=0")
        assert (short.headers["content-encoding"], decoded(short)) == ("gzip", b"x")
        assert (await get(caller, "/0", accept_encoding="gzip, identity;q=0")).body == b""
        refused = await get(caller, "/100", accept_encoding="gzip", cache_control="no-transform")
        assert (refused.body, refused.headers["vary"]) == (b"x" * 100, "accept-encoding")


async def test_a_route_has_the_last_word_and_one_with_authentication_has_to_say_it() -> None:
    document = settings_for(
        "http://127.0.0.1:1", compression={"enabled": True, "level": 9},
        auth={"jwt_secret": "a-secret-for-tests-of-32-bytes-or-more"},
    )  # fmt: skip
    document["routes"][0]["auth_required"] = True
    document["routes"][1] |= {"auth_required": True, "compression": {"enabled": True, "encodings": ["gzip"]}}
    document["routes"][2]["compression"] = {"enabled": False}
    made = Settings.model_validate(document)
    found = [made.compression.of(one.compression, secret=one.auth_required) for one in made.routes]
    assert [one.enabled for one in found] == [False, True, False]
    assert (found[1].encodings, found[1].level, found[1].min_length) == (("gzip",), 9, 1024)
    assert [len(Compression(made.compression).policy(one)) for one in made.routes] == [0, 1, 0]
    for wrong in ({"level": 10}, {"types": ["text"]}, {"encodings": ["deflate"]}, {"encodings": []}):
        with pytest.raises(ValidationError):
            CompressionSettings.model_validate(wrong)


async def test_a_validator_of_a_compressed_answer_is_good_for_asking_again() -> None:
    async with origin() as upstream, compressing(upstream) as (_, caller):
        upstream.answer = lambda asked: reply("", 304, etag='"one"', content_type="text/plain")
        again = await get(caller, if_none_match='W/"one"', **ALL)
        assert (again.status, again.headers["etag"], again.headers["vary"]) == (304, 'W/"one"', "accept-encoding")
        assert (await get(caller, if_none_match='"one"')).headers["etag"] == '"one"'


async def test_a_stored_answer_is_compressed_for_each_client_on_its_way_out() -> None:
    async with (
        origin() as upstream,
        compressing(upstream, cache={"enabled": True}, clock=Clock()) as (stage, caller),
    ):
        large = bytes(range(256)) * 2000  # several slices
        upstream.answer = lambda asked: reply(
            large if asked.target == "/large" else PAGE,
            content_type="text/plain",
            etag='"one"',
            cache_control="max-age=60",
        )
        stored = await get(caller)
        assert (stored.body, stored.headers["content-length"]) == (PAGE, str(len(PAGE)))
        for coding in ("gzip", "zstd"):
            hit = await get(caller, accept_encoding=coding)
            told = hit.headers
            assert (told["content-encoding"], told["x-cache"], told["etag"]) == (coding, "HIT", 'W/"one"')
            assert (decoded(hit), told["vary"], "content-length" in told) == (PAGE, "accept-encoding", False)
        assert (await get(caller, accept_encoding="br", if_none_match='W/"one"')).status == 304
        assert (await get(caller, accept_encoding="br", range="bytes=0-9")).body == PAGE[:10]
        assert (await get(caller, method="HEAD", accept_encoding="br")).headers["content-encoding"] == "br"
        assert decoded(await get(caller, "/large", **ALL)) == large
        assert decoded(await get(caller, "/large", **ALL)) == large
        caller.send("GET /large HTTP/1.0\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
        assert (await caller.answer()).headers["x-cache"] == "HIT"
        assert gzip.decompress(await caller.rest()) == large
        assert upstream.targets() == ["/", "/large"]
        assert [one.body for one in stage.cache.store.variants(b"http://h/")] == [PAGE], "as the upstream has sent it"


Streaming = Callable[[asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def streaming(send: Streaming, head: str) -> AsyncIterator[str]:
    """The URL of an upstream that sends this head and then what `send` does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 200 OK\r\nconnection: close\r\n{head}\r\n".encode())
            await send(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def piece(caller: Caller) -> bytes:
    """The next chunk."""
    size = int(await caller._reader.readuntil(b"\r\n"), 16)
    return (await caller._reader.readexactly(size + 2))[:-2]


@pytest.mark.parametrize(
    ("media", "more"),
    [("text/plain", {}), ("text/event-stream", {"types": ["text/event-stream"], "encodings": ["gzip"]})],
)
async def test_a_slow_stream_is_not_held(media: str, more: dict[str, Any]) -> None:
    said = asyncio.Event()

    async def send(writer: asyncio.StreamWriter) -> None:
        for word in (b"data: one\n\n", b"data: two\n\n"):
            writer.write(word)
            await said.wait()
            said.clear()

    chosen = CompressionSettings.model_validate({"enabled": True, "encodings": ["gzip"], **more})
    async with streaming(send, f"content-type: {media}\r\n") as url, staged(
        settings_for(url), Compression(chosen).policy
    ) as stage, stage.caller() as caller:  # fmt: skip
        caller.send("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
        assert (await caller.answer()).headers["content-encoding"] == "gzip"
        reading = zlib.decompressobj(31)
        for word in (b"data: one\n\n", b"data: two\n\n"):
            found = b""
            while len(found) < len(word):
                found += reading.decompress(await piece(caller))
            assert found == word, "before the upstream says another one"
            said.set()


async def test_a_client_that_does_not_read_holds_the_upstream_and_one_that_leaves_frees_its_place() -> None:
    sent = [0]
    block = random.Random(1).randbytes(65_536)  # which no coder makes smaller

    async def send(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(block)
            await writer.drain()
            sent[0] += len(block)

    async with streaming(send, "content-type: text/plain\r\n") as url, staged(
        settings_for(url), Compression(CompressionSettings(enabled=True, max_concurrent=1)).policy
    ) as stage:  # fmt: skip
        async with stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
            await caller.until(b"\r\n\r\n")
            await until(lambda: any(one._full for one in stage.plane._connections), "a full client")
            assert sent[0] < 40_000_000, "what is between the two is bounded"
            async with stage.caller() as other:
                other.send("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
                found = await other.answer()
                assert "content-encoding" not in found.headers, "there is room for one at a time"
                assert found.headers["vary"] == "accept-encoding"
        await until(lambda: stage.plane.in_flight == 0)
        async with stage.caller() as caller:
            caller.send("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
            assert (await caller.answer()).headers["content-encoding"] == "gzip"


async def test_an_answer_that_breaks_off_is_broken_off() -> None:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(PAGE[:3000])
        await writer.drain()
        writer.transport.abort()

    async with streaming(send, f"content-type: text/plain\r\ncontent-length: {len(PAGE)}\r\n") as url, staged(
        settings_for(url), Compression(CompressionSettings(enabled=True)).policy
    ) as stage, stage.caller() as caller:  # fmt: skip
        caller.send("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not (await caller.rest()).endswith(b"0\r\n\r\n")
        await until(lambda: stage.plane.in_flight == 0)
        assert stage.records()[-1]["error_type"] == "truncated"


PARTS = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.builds(lambda word, many: word * many, st.binary(max_size=9), st.integers(0, 40_000)),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=PARTS, coding=st.sampled_from(["gzip", "br", "zstd"]), level=st.integers(1, 9), chunked=st.booleans())
async def test_what_comes_out_is_what_went_in(parts: list[bytes], coding: str, level: int, chunked: bool) -> None:
    body = b"".join(parts)

    async def send(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked and part else part if not chunked else b"")
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n" if chunked else b"")
        await writer.drain()

    framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
    chosen = CompressionSettings(enabled=True, min_length=1, level=level)
    async with streaming(send, f"content-type: text/plain\r\n{framing}\r\n") as url, staged(
        settings_for(url), Compression(chosen).policy
    ) as stage, stage.caller() as caller:  # fmt: skip
        answer = await get(caller, accept_encoding=coding)
        assert decoded(answer) == body
        assert ("content-encoding" in answer.headers) == (chunked or bool(body))


async def test_a_worker_compresses_by_its_configuration_and_by_the_next() -> None:
    async with origin() as upstream:
        upstream.answer = lambda _: reply(PAGE, content_type="text/html")
        document = settings_for(upstream.url, compression={"enabled": True})
        async with one_worker(document) as worker, worker.caller() as caller:
            assert decoded(await get(caller, accept_encoding="br")) == PAGE
            await worker.reload({**document, "compression": {"enabled": False}})
            assert (await get(caller, accept_encoding="br")).body == PAGE
