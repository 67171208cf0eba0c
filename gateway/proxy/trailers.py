"""Fields behind a request's body (RFC 9110, 6.5): those that may go on to the upstream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.proxy.chunking import may_trail
from gateway.proxy.message import Headers
from gateway.proxy.rewriting import dropped_of

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_DASHES = re.compile(rb"[_-]+")
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")


def forwarded(exchange: Exchange) -> Headers:
    """Those that the head has announced by `Trailer`, and that could not do in a head what a head may not do.

    An upstream may take them for fields of the head. So none goes on that would be dropped there or is written by the
    gateway, none that the head has already, and none that is one of these with "_" or several "-" for "-".
    """
    trailers: Headers = getattr(exchange, "trailers", [])
    if not trailers:
        return []
    head, edits = exchange.head, exchange.request_headers
    announced = {
        name.strip().lower() for field, value in head.headers if field == b"trailer" for name in value.split(b",")
    }
    dropped = dropped_of(exchange.client.peer, edits) | head.connection_options | {name for name, _ in head.headers}
    if edits is not None:
        dropped |= {name for name, _ in edits.added}
    return [
        (name, value)
        for name, value in trailers
        if name in announced
        and may_trail(name)
        and dropped.isdisjoint((name, _DASHES.sub(b"-", name)))
        and may_trail(_DASHES.sub(b"-", name))
        and _VALUE.fullmatch(value)
    ]
