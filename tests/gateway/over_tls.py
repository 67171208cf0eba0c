"""A listener with TLS for tests: its settings and its log, a plane behind it, and a caller that names a host."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

from gateway.listening.settings import ListenerTlsSettings
from gateway.proxy.downstream import DownstreamConnection
from tests.gateway.certificates import Authority, Signed
from tests.gateway.stage import Caller, Stage


class Heard(list[tuple[str, str]]):
    """(level, kind) of what would be in the log."""

    def event(self, level: str, _component: str, kind: str, _text: str, **_: Any) -> None:
        self.append((level, kind))


def settings_of(first: Signed, *others: Signed, **more: Any) -> ListenerTlsSettings:
    """A listener that shows the first certificate to whoever names no host of the others."""
    listed = [{"cert_path": str(one.certificate), "key_path": str(one.key)} for one in others]
    return ListenerTlsSettings.model_validate(
        {"cert_path": str(first.certificate), "key_path": str(first.key), "certificates": listed, **more}
    )


@contextlib.asynccontextmanager
async def listening(stage: Stage, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The stage's plane behind TLS as well; its port."""
    server = await asyncio.get_running_loop().create_server(
        lambda: DownstreamConnection(stage.plane), "127.0.0.1", 0, ssl=context
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@contextlib.asynccontextmanager
async def calling(port: int, authority: Authority, name: str, **limits: Any) -> AsyncIterator[tuple[Caller, Any]]:
    """(a caller that names this host, the certificate that it was shown)."""
    context = ssl.create_default_context(cafile=str(authority.path))
    for attribute, value in limits.items():
        setattr(context, attribute, value)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    try:
        yield Caller(reader, writer), writer.get_extra_info("peercert")
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
