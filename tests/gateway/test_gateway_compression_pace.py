"""A body that is compressed comes no faster than it is coded, and what is said behind it is true of the coded one."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
from collections.abc import AsyncIterator

import uvloop

from gateway.policies.compression import Compression
from gateway.policies.settings import CompressionSettings
from tests.gateway.origin import origin
from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged, until


@contextlib.asynccontextmanager
async def compressing(body: bytes, fields: str) -> AsyncIterator[Stage]:
    """A plane before an upstream that always answers so."""
    async with (
        origin() as upstream,
        staged(settings_for(upstream.url), Compression(CompressionSettings(enabled=True)).policy) as stage,
    ):
        upstream.answer = lambda _: f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{fields}\r\n".encode() + body
        yield stage


def test_a_client_that_reads_again_has_the_upstream_not_read_before_the_encoder_is_done() -> None:
    uvloop.run(_reading_again())  # The other loop reads too slowly to be ahead of it.


async def _reading_again() -> None:
    body = random.Random(1).randbytes(2_000_000)
    async with compressing(body, f"content-length: {len(body)}\r\n") as stage, stage.caller() as caller:
        caller.send("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
        behind = 0
        async with asyncio.timeout(60):
            while stage.plane.in_flight or not behind:
                for connection in stage.plane._connections:
                    exchange = connection._current
                    encoder = None if exchange is None else exchange.encoder
                    if exchange is None or encoder is None or not encoder.is_behind:
                        continue
                    waiting = sum(len(part) for part in encoder._left)
                    assert waiting <= 262_144, "it waits for no more than one read has brought"
                    behind += 1
                    connection.pause_writing()
                    connection.resume_writing()
                await asyncio.sleep(0)
                if caller._reader._buffer:  # type: ignore[attr-defined]
                    await caller._reader.read(65_536)
        assert behind, "it has had more to do than one slice"


async def test_digests_behind_a_compressed_body_are_not_passed_on() -> None:
    body = b"a line\n" * 1000
    trailers = b'content-digest: sha-256=:AAAA:\r\nETag: "one"\r\nx-took: 3\r\n'
    chunked = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)
    async with compressing(chunked, "transfer-encoding: chunked\r\n") as stage, stage.caller() as caller:
        for coding, expected in (("gzip", b"x-took: 3\r\n"), ("identity", trailers.replace(b"ETag", b"etag"))):
            caller.send(f"GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nAccept-Encoding: {coding}\r\n\r\n")
            head = await caller.answer()
            assert head.headers.get("content-encoding", "identity") == coding
            found = b""
            while size := int(await caller._reader.readuntil(b"\r\n"), 16):
                found += (await caller._reader.readexactly(size + 2))[:-2]
            assert (gzip.decompress(found) if coding == "gzip" else found) == body
            told = b""
            while (line := await caller._reader.readuntil(b"\r\n")) != b"\r\n":
                told += line
            assert told == expected
        await until(lambda: stage.plane.in_flight == 0)
