"""The messages of HTTP/1 as the proxy sees them. Header names are lower case; all text is bytes, as on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from gateway.proxy.plain_heads import Block

Header: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = list[Header]


class Refused(Exception):  # noqa: N818 - the decision is what matters, not whose error it was
    """A request that the gateway answers itself, with an error, and does not pass on.

    `status` is the HTTP status, `error` a short constant for machines, the message a sentence for people; `headers`
    are added to the answer. `content` is its media type and body, where that is not the usual JSON.
    """

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        headers: tuple[Header, ...] = (),
        content: tuple[bytes, bytes] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.headers = headers
        self.content = content


@dataclass(slots=True)
class RequestHead:
    """A request's line and headers, checked: nothing in it is ambiguous."""

    method: bytes
    target: bytes
    """Origin form: path and query."""
    path: bytes
    version: str
    """"1.0" or "1.1"."""
    headers: Headers
    authority: bytes
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expects_continue: bool
    connection_options: frozenset[bytes]
    upgrade: bytes = b""
    """The protocol that the client would rather speak from now on, lower case; empty where it does not ask."""
    block: Block | None = field(default=None, compare=False, repr=False)
    """What is known of its header lines, where the connection has sent the same before."""

    @property
    def has_body(self) -> bool:
        """Whether content follows the head."""
        return self.chunked or bool(self.content_length)


@dataclass(slots=True)
class ResponseHead:
    """An upstream's status line and headers."""

    status: int
    reason: bytes
    headers: Headers
    content_length: int | None
    chunked: bool
    connection_options: frozenset[bytes]
