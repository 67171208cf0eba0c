"""What is known of one request and its answer, while they are on their way (see `Exchange`, which moves them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.proxy import rewriting
from gateway.proxy.admission import Admission, Identity, Suspension
from gateway.proxy.chunking import LAST_CHUNK, Framing
from gateway.proxy.legs import ClientSide, Leg
from gateway.proxy.message import Headers, RequestHead
from gateway.proxy.routing import Route
from gateway.proxy.upstream_leg import UpstreamLeg

if TYPE_CHECKING:
    from gateway.policies.compression import Choice
    from gateway.policies.encoding import Encoder
    from gateway.proxy.dataplane import Dataplane

# A body has no meaning for these, so an upstream may leave it unread and take it for the next request.
_BODY_UNDEFINED = frozenset({b"GET", b"HEAD"})
_UNFRAMED = Framing.NONE  # CPython 3.11 calls a function for a member of an enumeration, and each request has one.


class ExchangeState:
    """What is known of it; `route` is None until one was found.

    Rules may set `identity` and `request_headers`, and add to `answer_headers`: the client gets those with whatever
    answer it is given, that of the upstream or one of the gateway's own. Of an upstream's answer,
    `dropped_answer_headers` are left out. `at_end` is called when it is over. `make_leg` makes its way to an upstream,
    where that is not the usual one. `trace_id` and `span_id` are what its trace context says.
    """

    # There is one of these for each request: with a dictionary of its own, making one took half as long again.
    __slots__ = (
        "__weakref__",
        "_answer_done", "_client_deadline", "_client_ip", "_close", "_framing", "_isolated", "_last_chunk",
        "_leg", "_total_deadline", "_unsent", "_untaken", "admission", "answer_headers", "at_end", "client",
        "client_is_full", "compressing", "correlation", "detail", "dropped_answer_headers", "encoder",
        "error_type", "head", "identity", "label", "make_leg", "over", "plane", "received_bytes",
        "request_done", "request_headers", "route", "sent_bytes", "span_id", "started_at", "status",
        "trace_id", "trailers", "upgraded_at",
    )  # fmt: skip

    trailers: Headers
    """What came behind its body, as it came; not even set where nothing did."""
    _untaken: int | None
    """What the client had yet to take of its answer when that was seen last; set where it has ever been full."""

    def __init__(self, plane: Dataplane, client: ClientSide, head: RequestHead, *, whole: bool = False) -> None:
        """With `whole`, all of the request is there already: it has no body."""
        self.plane = plane
        self.client = client
        self.head = head
        self.correlation = rewriting.correlation_id(head)
        self.route: Route | None = None
        self.identity: Identity | None = None
        self.admission: Admission | Suspension | None = None
        self.request_headers: rewriting.HeaderEdits | None = None
        self.answer_headers: Headers = []
        self.dropped_answer_headers = rewriting.RESPONSE_OWN
        self.make_leg: Callable[..., UpstreamLeg] | None = None
        self.at_end: Callable[[], None] | None = None
        self.compressing: Choice | None = None
        """What its client takes, where its route's answers are compressed; `encoder` has the body where this one is."""
        self.encoder: Encoder | None = None
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.label = "_unmatched"
        self.status = 0
        self.error_type: str | None = None
        self.detail: str | None = None
        self.received_bytes = 0
        self.sent_bytes = 0
        self.started_at = now = plane.clock()
        self.request_done = whole
        self.over = False
        self.client_is_full = False
        """Whether the client does not read its answer."""
        self.upgraded_at = 0.0
        """When the client and the upstream went over to another protocol; 0 where they did not."""
        self._client_ip: bytes | None = None
        self._leg: Leg | None = None
        self._unsent: list[bytes] = []
        self._framing = _UNFRAMED
        self._isolated = not whole and head.has_body and head.method in _BODY_UNDEFINED
        self._close = not head.keep_alive or self._isolated
        self._answer_done = False
        self._last_chunk = LAST_CHUNK
        self._client_deadline = now + plane.client_timeout
        self._total_deadline = now + plane.request_timeout if whole else float("inf")

    @property
    def client_ip(self) -> bytes:
        """The client's address: the peer's, or what trusted proxies say of the one before them."""
        peer = self.client.peer
        if not peer.trusted:
            return peer.address
        if self._client_ip is None:
            self._client_ip = self.plane.proxies.client(peer, self.head)
        return self._client_ip

    @property
    def service(self) -> str | None:
        """The id of the upstream that the request was meant for when it was let through."""
        return None if self._leg is None else self._leg.service

    @property
    def upgrade(self) -> bytes:
        """The protocol that is asked of the upstream, because the client wants it and the route allows it."""
        wanted, route = self.head.upgrade, self.route
        return wanted if wanted and route is not None and wanted in route.upgrades and not self.head.has_body else b""

    @property
    def target(self) -> str | None:
        """The target there that was asked last."""
        return self._leg.target if isinstance(self._leg, UpstreamLeg) else None

    @property
    def retries(self) -> int:
        """How many of its targets were asked in vain."""
        return self._leg.retries if isinstance(self._leg, UpstreamLeg) else 0

    @property
    def has_time(self) -> bool:
        """Whether the time of the request is not over."""
        return self.plane.clock() <= self._total_deadline

    @property
    def request_is_whole(self) -> bool:
        """Whether the upstream has surely read all of the request, so that another may follow it."""
        return self.request_done and not self._isolated
