"""What is fetched while a request changes it is of before: it is stored in no window between the two."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from gateway.control import Message
from tests.gateway.caching import scene
from tests.gateway.one_worker import OneWorker, one_worker
from tests.gateway.origin import Asked, reply
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until


@dataclass
class Slow:
    """An upstream whose word is changed by a POST, in the midst of its answer to it: a GET is answered at once."""

    url: str = ""
    word: str = "old"
    asked: int = 0
    begun: bool = False
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    self.asked += 1
                    writer.write(reply(self.word, cache_control="max-age=60, stale-while-revalidate=60"))
                    continue
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndo")
                self.begun = True
                await self.go_on.wait()
                self.word = "new"
                if self.breaks:
                    break
                writer.write(b"ne")
        writer.close()


@contextlib.asynccontextmanager
async def slow() -> AsyncIterator[Slow]:
    upstream = Slow()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()


async def test_what_was_fetched_while_an_answer_to_a_change_was_under_way_is_forgotten_at_its_end() -> None:
    async with (
        slow() as upstream,
        staged(settings_for(upstream.url, cache={"enabled": True})) as stage,
        stage.caller() as writer,
        stage.caller() as reader,
    ):
        writer.send("POST /a HTTP/1.1\r\nHost: h\r\n\r\n")
        await until(lambda: upstream.begun)
        assert (await reader.get("/a")).body == b"old"
        assert stage.cache.store.size == 1
        upstream.go_on.set()
        assert (await writer.answer()).body == b"done"
        assert (await reader.get("/a")).body == b"new"


async def test_the_same_where_that_answer_breaks_off() -> None:
    async with slow() as upstream, staged(settings_for(upstream.url, cache={"enabled": True})) as stage:
        upstream.breaks = True
        async with stage.caller() as writer, stage.caller() as reader:
            writer.send("POST /a HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: upstream.begun)
            await reader.get("/a")
            upstream.go_on.set()
            await writer.rest()
            assert (await reader.get("/a")).body == b"new"


async def test_a_refresh_in_the_background_that_began_before_a_change_is_not_stored() -> None:
    async with scene() as here:
        word, release = "old", asyncio.Event()

        async def answered(asked: Asked) -> bytes:
            nonlocal word
            if asked.method == "POST":
                word = "new"
                return reply("done")
            said = word
            if len(here.origin.asked) == 2:
                await release.wait()
            return reply(said, cache_control="max-age=10, stale-while-revalidate=60")

        here.origin.answer = answered
        await here.get("/a")
        here.clock.now += 20
        assert (await here.get("/a")).body == b"old", "stale, while it is fetched anew"
        await until(lambda: len(here.origin.asked) == 2)
        await here.ask("POST", "/a", "x")
        release.set()
        await until(lambda: here.stage.cache.refreshing.under_way == 0)
        assert here.stage.cache.store.size == 0
        assert (await here.get("/a")).body == b"new"


def _changed(worker: OneWorker) -> list[Message]:
    return [one for one in worker.said if one["type"] == "changed"]


async def test_what_was_changed_by_a_request_of_an_earlier_configuration_is_forgotten_by_the_later_one() -> None:
    async with slow() as upstream:
        document: dict[str, Any] = settings_for(upstream.url, cache={"enabled": True})
        async with one_worker(document) as worker, worker.caller() as writer, worker.caller() as reader:
            writer.send("POST /a HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: upstream.begun)
            document["cache"]["default_ttl"] = "2m"
            await worker.reload(document)
            assert (await reader.get("/a")).body == b"old"
            told = len(_changed(worker))
            upstream.go_on.set()
            assert (await writer.answer()).body == b"done"
            assert (await reader.get("/a")).body == b"new"
            await until(lambda: len(_changed(worker)) > told, "the word for other workers")
            assert _changed(worker)[-1]["keys"] == ["http://h/a"]


async def test_a_worker_that_drains_says_what_its_last_requests_have_changed() -> None:
    async with slow() as upstream:
        document = settings_for(upstream.url, cache={"enabled": True})
        async with one_worker(document) as worker, worker.caller() as writer:
            writer.send("POST /a HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: upstream.begun)
            await until(lambda: _changed(worker), "the word of its beginning")
            worker.tell("drain", timeout=60)
            upstream.go_on.set()
            assert (await writer.answer()).body == b"done"
            writer.writer.close()
            await until(lambda: len(_changed(worker)) == 2, "the word of its end")
