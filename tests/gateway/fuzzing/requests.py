"""The reading of requests: however they arrive they are the same, and what goes on to an upstream is exactly those."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import h11

from gateway.proxy.chunking import LAST_CHUNK, encoded
from gateway.proxy.message import Headers, Refused, RequestHead
from gateway.proxy.peers import Peer, TrustedProxies, ip_of
from gateway.proxy.reader import Limits, RequestReader
from gateway.proxy.rewriting import HeaderEdits, correlation_id, upstream_request
from tests.gateway.fuzzing.judging import Read, by_referee, cuts, demand
from tests.gateway.reading import ParserOnly, WholeFirst

_WIDE = Limits(head=65_536, target=16_384, body=1_000_000)
_NARROW = Limits(head=256, target=64, body=64)
_PROXIES = TrustedProxies(["10.0.0.0/8", "fd00::/8"])
_PEERS = (Peer(b"192.0.2.1", trusted=False), Peer(b"10.0.0.1", trusted=True))
_OF_HOSTS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~!$&'()*+,;=%-[]:"
_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})


class Heard:
    """Whole requests, in order, and a last one that is not whole."""

    def __init__(self) -> None:
        self.whole: list[tuple[RequestHead, bytes]] = []
        self.begun: tuple[RequestHead, bytes] | None = None
        self.trailers: list[Headers] = []

    def request_started(self, head: RequestHead) -> None:
        demand(self.begun is None, "a request begins in another one", head)
        self.begun = (head, b"")

    def request_body(self, chunk: bytes) -> None:
        demand(self.begun is not None and chunk, "a body of nobody", chunk)
        if self.begun is not None:
            self.begun = (self.begun[0], self.begun[1] + chunk)

    def request_trailers(self, fields: Headers) -> None:
        demand(self.begun is not None and fields, "trailers of nobody", fields)
        self.trailers.append(fields)

    def request_ended(self) -> None:
        demand(self.begun is not None, "the end of nothing")
        if self.begun is not None:
            self.whole.append(self.begun)
            self.begun = None


def _read(kind: type[RequestReader], parts: list[bytes], limits: Limits) -> tuple[Heard, str | None, bool]:
    """What was heard, why it was refused, and whether the last request said that none follows."""
    heard = Heard()
    reader = kind(heard, limits)
    for part in parts:
        try:
            reader.feed(part)
        except Refused as refused:
            demand(400 <= refused.status < 600 and refused.message, "a refusal without a reason", refused)
            return heard, refused.error, False
    return heard, None, reader.ended


def requests(data: bytes) -> None:
    """Requests are the same in whatever parts they come and by whichever way they are read; h11 sees them so, too."""
    heard, refused, ended = _read(RequestReader, [data], _WIDE)
    seen = (heard.whole, heard.trailers, heard.begun, refused is not None, ended)
    for kind in (RequestReader, WholeFirst, ParserOnly):
        for parts in cuts(data):
            again, why, last = _read(kind, parts, _WIDE)
            same = (again.whole, again.trailers, again.begun, why is not None, last) == seen
            demand(same, "other parts, another meaning", kind.__name__, parts, seen, (again.whole, again.begun, why))
    _repeated(data)
    _bounded(data)
    _agreed_upon(data, heard.whole)
    for head, _ in heard.whole:
        _unambiguous(head)
    for peer in _PEERS:
        _forwarded(heard.whole, peer)


def _repeated(data: bytes) -> None:
    """What is kept of one request for the next ones on its connection makes no difference to them."""
    parts = [part for parts in cuts(data) if len(parts) <= 8 for part in parts]
    heard, refused, _ = _read(WholeFirst, parts, _WIDE)
    again, why, _ = _read(ParserOnly, parts, _WIDE)
    same = (heard.whole, refused is None) == (again.whole, why is None)
    demand(same, "another meaning behind others", parts, heard.whole, again.whole)
    for peer in (*_PEERS, _PEERS[0]):
        _forwarded(heard.whole, peer)


def _unambiguous(head: RequestHead) -> None:
    """It is for one host, and its path leads nowhere but where it says."""
    hosts = [value for name, value in head.headers if name == b"host"]
    demand(len(hosts) == 1 or (not hosts and head.version == "1.0"), "not one host", head)
    demand(not head.authority.translate(None, _OF_HOSTS), "a host that is none", head)
    segments = unquote_to_bytes(head.path).replace(b"\\", b"/").split(b"/")
    demand(b".." not in segments and b"." not in segments, "it leads elsewhere", head)
    demand(head.target.partition(b"?")[0] == head.path and head.path[:1] == b"/", "another path", head)


def _bounded(data: bytes) -> None:
    """Nothing that is longer than its limit is passed on."""
    for parts in cuts(data):
        heard, _, _ = _read(RequestReader, parts, _NARROW)
        for head, body in [*heard.whole, *([heard.begun] if heard.begun else [])]:
            size = sum(len(name) + len(value) for name, value in head.headers)
            demand(size <= _NARROW.head, "a head beyond its limit", head)
            demand(len(head.target) <= _NARROW.target + 1, "a target beyond its limit", head)
            demand(len(body) <= _NARROW.body, "a body beyond its limit", body)


def _agreed_upon(data: bytes, whole: list[tuple[RequestHead, bytes]]) -> None:
    """Where h11 reads a request at all, it is the one that the gateway has read."""
    theirs, _ = by_referee(h11.SERVER, data)
    for (head, body), read in zip(whole, theirs, strict=False):
        demand(head.method == read.line[0], "another method", head, read)
        demand(read.line[2] == head.version.encode(), "another version", head, read)
        demand(body == read.body or read is theirs[-1], "another body", head, body, read)
        demand(len(head.headers) == len(read.headers), "other headers", head, read)


def _forwarded(whole: list[tuple[RequestHead, bytes]], peer: Peer) -> None:
    """A strict server behind the gateway reads exactly the requests that were let in."""
    wire = b"".join(_on_the_wire(head, body, peer) for head, body in whole)
    read, complete = by_referee(h11.SERVER, wire)
    demand(complete and len(read) == len(whole), "an upstream reads other requests", whole, wire, read)
    for (head, body), theirs in zip(whole, read, strict=True):
        _same(head, body, theirs)


def _on_the_wire(head: RequestHead, body: bytes, peer: Peer) -> bytes:
    correlation = correlation_id(head)
    edits = HeaderEdits(frozenset({b"x-own"}), ((b"x-own", b"1"),))
    start = upstream_request(
        head, target=head.target, authority=head.authority or b"h", peer=peer, correlation=correlation, edits=edits
    )
    demand(start.count(b"\r\n\r\n") == 1 and start.endswith(b"\r\n\r\n"), "a head with two ends", start)
    client = _PROXIES.client(peer, head)
    demand(ip_of(client.decode("latin-1")) is not None, "a client without an address", client, head)
    if not head.chunked:
        return start + body
    return start + b"".join([*(encoded(body) if body else []), LAST_CHUNK])


def _same(head: RequestHead, body: bytes, theirs: Read) -> None:
    demand(theirs.line == (head.method, head.target, b"1.1"), "another request line", head, theirs)
    demand(theirs.body == body, "another body behind it", head, body, theirs)
    demand(head.method in _METHODS or head.method.isupper(), "a method in disguise", head)
    names = [name for name, _ in theirs.headers]
    for name in (b"host", b"x-request-id", b"via", b"x-own", b"x-forwarded-for", b"x-forwarded-proto"):
        demand(names.count(name) == 1, "a header that is not there once", name, theirs)
    framings = names.count(b"content-length") + names.count(b"transfer-encoding")
    demand(framings == int(head.chunked or head.content_length is not None), "two framings", head, theirs)
    gone = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", *head.connection_options}
    own = {b"host", b"via", b"x-request-id", b"x-own", b"content-length", b"transfer-encoding"}
    left = (gone - own - {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}) & set(names)
    demand(not left, "a header of the connection went on", left, theirs)
    _end_to_end(head.headers, theirs.headers, gone | own)


def _end_to_end(sent: Headers, got: Headers, steering: set[bytes]) -> None:
    """What is end to end arrives as it was, in its order."""
    rewritten = {b"proxy-authenticate", b"proxy-authorization", b"http2-settings", b"forwarded", b"x-real-ip"}
    kept = [one for one in sent if one[0] not in steering | rewritten and not one[0].startswith(b"x-forwarded-")]
    arrived = [one for one in got if one[0] not in steering and not one[0].startswith(b"x-forwarded-")]
    behind = [one for one in arrived if one[0] not in rewritten]
    demand(behind == kept, "other headers behind the gateway", kept, behind)
