"""One request and its answer: from the routed head to the last byte, with back-pressure both ways.

An exchange belongs to one client connection. It is told what happens on the client's side by method calls, and on the
upstream's by its leg; it awaits nothing itself.
"""

from __future__ import annotations

from gateway.proxy import rewriting
from gateway.proxy.chunking import LAST_CHUNK, Framing, chosen_framing, encoded, last_chunk, takes_trailers
from gateway.proxy.exchange_state import ExchangeState
from gateway.proxy.kept_leg import KeptLeg
from gateway.proxy.legs import AnswerWatcher, Leg
from gateway.proxy.message import Headers, Refused, ResponseHead
from gateway.proxy.plain_heads import PlainAnswer
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.replies import Reply, error_reply
from gateway.proxy.upstream_leg import UpstreamLeg

_DISCARDABLE_BODY = 65_536
# CPython 3.11 calls a function for a member of an enumeration.
_CHUNKED, _CLOSE = Framing.CHUNKED, Framing.CLOSE


class Exchange(ExchangeState):
    """A request on its way, and what moves it."""

    __slots__ = ()

    # From the client.

    def request_body(self, chunk: bytes) -> None:
        """A part of the request's body arrived."""
        self.received_bytes += len(chunk)
        self.touch_client()
        if self._answer_done or self.over:
            return
        if self._leg is not None:
            self._leg.request_body(chunk)
        else:
            self._unsent.append(chunk)
            self.client.pause_body()

    def request_ended(self) -> None:
        """The request is complete."""
        self.request_done = True
        self._total_deadline = self.plane.clock() + self.plane.request_timeout
        if self._answer_done:
            self._end()
        elif self._leg is not None:
            self._leg.request_ended()

    def client_gone(self) -> None:
        """The client closed its connection: nobody waits for the answer."""
        if not self.over:
            # Either side may end what they have between them.
            self._conclude(self.status or 499, None if self.upgraded_at else "client_disconnected")

    def client_full(self) -> None:
        """The client does not read; stop reading its answer."""
        self.client_is_full = True
        self._untaken = None
        self.touch_client()
        self.pause_answer()

    def client_ready(self) -> None:
        """The client reads again."""
        self.client_is_full = False
        self.resume_answer()

    def touch_client(self) -> None:
        """Something happened, so the client's time starts anew."""
        self._client_deadline = self.plane.clock() + self.plane.client_timeout

    def refuse(self, refused: Refused) -> None:
        """Answer with an error, or cut the connection when an answer has begun."""
        self.error_type = self.error_type or refused.error
        self.detail = refused.message
        self._drop()
        if self.status:
            self._cut(refused.error)
        else:
            self.reply(error_reply(refused, self.correlation))

    def reply(self, reply: Reply) -> None:
        """Answer with what the gateway wrote itself."""
        self.status = reply.status
        self._answer_done = True
        self._close = self._close or not self._may_keep_alive()
        without_body = self.head.method == b"HEAD"
        self.sent_bytes = 0 if without_body else len(reply.body)
        self.client.write(
            reply.encoded(
                correlation=self.correlation, close=self._close, without_body=without_body, added=self.answer_headers
            )
        )
        if self.request_done or self._close:
            self._end()
        else:
            self.touch_client()
            self.client.resume_body()

    def _may_keep_alive(self) -> bool:
        if self.plane.draining:
            return False
        # A short body is read and dropped; for a long one it is cheaper to close.
        length = self.head.content_length
        small = length is not None and length <= _DISCARDABLE_BODY and not self.head.expects_continue
        return self.request_done or small or not self.head.has_body

    # Towards the upstream, and back.

    def forward(self, pool: UpstreamPool, watcher: AnswerWatcher | None = None) -> None:
        """Pass the request on to its route's upstream; `watcher` gets the answer first and passes it on to this one."""
        make_leg = self.make_leg or UpstreamLeg
        self._leg = leg = make_leg(self, pool, self._unsent, watcher)
        leg.begin()

    def wait(self, leg: Leg) -> None:
        """Have the answer come from `leg`, which begins by itself."""
        self._leg = leg

    def answer_kept(self, status: int, head: bytes, body: bytes | memoryview, service: str | None) -> None:
        """Answer a request without a body with what was kept of an earlier answer; `head` is whole but for its end."""
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.conclude()
        self.status = status
        if self.compressing is not None:
            head, self._framing = self.compressing.kept(self, status, head)
        self._close = self._close or self._framing is _CLOSE or self.plane.draining
        close = b"connection: close\r\n" if self._close else b""
        self.client.write(b"%bx-request-id: %b\r\n%b\r\n" % (head, self.correlation, close))
        self._leg = kept = KeptLeg(self, body, service)
        kept.resume_answer()

    def kept_ended(self) -> None:
        """It is complete."""
        if self.encoder is not None:
            self.encoder.end(self.kept_ended)
            return
        if self._framing is _CHUNKED:
            self.client.write(LAST_CHUNK)
        self._answer_done = True
        if self.request_done:
            self._end()

    def interim_answer(self, head: ResponseHead) -> None:
        """A 1xx of the upstream."""
        if self.head.version == "1.1" and (head.status != 100 or self.head.expects_continue):
            self.client.write(rewriting.interim_response(head))

    def upgraded(self, head: ResponseHead) -> None:
        """The upstream goes over to the other protocol: from now on, bytes are passed on as they are."""
        if not self.client.tunnel():
            words = "the other protocol began, or the client's side was closed, before the answer that allows it"
            self.refuse(Refused(400, "early_data", words))
            return
        self.status = 101
        self.upgraded_at = self.plane.clock()
        self.plane.tunnels += 1
        self._close = True
        self.touch_client()
        self.client.write(rewriting.switching_response(head, self.correlation, self.answer_headers))

    def answer_started(self, head: ResponseHead) -> None:
        """The upstream's answer begins."""
        if self.compressing is not None:
            head = self.compressing.answered(self, head)
        self.status = head.status
        self._framing = chosen_framing(self.head, head)
        self._close = self._close or self._framing is _CLOSE or self.plane.draining
        bodiless = head.status == 204
        self.client.write(
            rewriting.client_response(
                head,
                correlation=self.correlation,
                chunked=self._framing is _CHUNKED,
                length=None if bodiless or head.chunked else head.content_length,
                close=self._close,
                added=self.answer_headers,
                dropped=self.dropped_answer_headers,
            )
        )

    def answer_whole(self, answer: PlainAnswer, body: bytes, now: float) -> None:
        """All of it at once, for a request that is whole: what the calls around this one do, in one write."""
        plane, head = self.plane, answer.head
        self.status = head.status
        self.sent_bytes = len(body)
        self._answer_done = True
        close = self._close = self._close or plane.draining
        parts = [answer.lines_without(self.dropped_answer_headers)]
        for name, value in self.answer_headers:
            parts += (name, b": ", value, b"\r\n")
        end = b"\r\nconnection: close\r\n\r\n" if close else b"\r\n\r\n"
        parts += (b"x-request-id: ", self.correlation, end, body)
        self.client.write_whole(b"".join(parts))
        self.over = True
        plane.concluded(self, now)
        if self.at_end is not None:
            self.at_end()
            self.at_end = None
        self._leg = None
        self.client.exchange_over(keep_alive=not close, now=now)

    def answer_body(self, chunk: bytes, *, coded: bool = False) -> None:
        """A part of its body; `coded`: as the encoder gives it."""
        if self.encoder is not None and not coded:
            self.encoder.take(chunk)
            return
        self.sent_bytes += len(chunk)
        if self._framing is _CHUNKED:
            for part in encoded(chunk):
                self.client.write(part)
        else:
            self.client.write(chunk)

    def answer_trailers(self, fields: Headers) -> None:
        """Fields behind its body, for clients that read them."""
        if self._framing is _CHUNKED and takes_trailers(self.head):
            kept = [one for one in fields if one[0] not in self.dropped_answer_headers]
            self._last_chunk = last_chunk(kept if self.encoder is None else self.encoder.trailers(kept))

    def answer_ended(self) -> None:
        """It is complete."""
        if self.encoder is not None:
            self.encoder.end(self.answer_ended)
            return
        if self._framing is _CHUNKED:
            self.client.write(self._last_chunk)
        self._answer_done = True
        # A request that is still arriving cannot be told from the next one: `_end` closes.
        self._end()

    def pause_answer(self) -> None:
        """Read no more of it for now."""
        if self._leg is not None:
            self._leg.pause_answer()

    def resume_answer(self) -> None:
        """Undo `pause_answer`, unless the client does not read, or the encoder has enough to do."""
        encoder = self.encoder
        if self._leg is not None and not self.client_is_full and (encoder is None or not encoder.is_behind):
            self._leg.resume_answer()

    # Time.

    def check_deadlines(self, now: float) -> None:
        """Act on what took too long; called several times a second."""
        leg = self._leg
        if self.over or (leg is not None and leg.connecting):
            return
        if self.upgraded_at:
            self._check_tunnel(now)
        elif self.admission is not None:
            self.admission.check_deadline(now)
        elif self.client_is_full or self._client_owes_body():
            if self.client_is_full and self._untaken is None:
                self._untaken = self.client.untaken()
            elif now > self._client_deadline and not (self.client_is_full and self._client_takes()):
                self.refuse(Refused(408, "client_timeout", "the request or its answer stalled on the client's side"))
        elif (leg is not None and leg.is_late(now)) or (now > self._total_deadline and not self.status):
            self._upstream_too_slow(leg)

    def _client_takes(self) -> bool:
        """Whether it has taken some of its answer since it was last seen: it is slow then, and not silent."""
        before, self._untaken = self._untaken or 0, self.client.untaken()
        if self._untaken >= before:
            return False
        self.touch_client()
        return True

    def _check_tunnel(self, now: float) -> None:
        heard = self._client_deadline - self.plane.client_timeout
        if isinstance(self._leg, UpstreamLeg):
            heard = max(heard, self._leg.heard_at)
        if now - heard > self.plane.settings.server.tunnel_idle_timeout_secs:
            self.end_tunnel("both sides were silent for too long")

    def end_tunnel(self, why: str) -> None:
        """End what the client and the upstream have between them."""
        self.detail = why
        self._conclude(self.status, None)
        self.client.cut()

    def _client_owes_body(self) -> bool:
        leg = self._leg
        if self.request_done or (leg is not None and leg.full):
            return False
        return self._answer_done or (leg is not None and leg.connected)

    def _upstream_too_slow(self, leg: Leg | None) -> None:
        message = "the upstream did not answer in time"
        if leg is not None:
            leg.fail(504, "timeout", message)
        else:
            self.refuse(Refused(504, "timeout", message))

    # The end.

    def _drop(self) -> None:
        if self.admission is not None:
            self.admission.cancel()
        if self._leg is not None:
            self._leg.drop()
        self._unsent.clear()

    def _end(self) -> None:
        # While draining, a client that was not told `Connection: close` may be sending its next request.
        keep_alive = self.request_done and not self._close
        self._conclude(self.status, self.error_type)
        self.client.exchange_over(keep_alive=keep_alive, now=self.plane.clock())

    def _cut(self, error_type: str) -> None:
        # The head is out, so the only honest sign of a broken answer is a broken connection.
        self._conclude(self.status, error_type)
        self.client.cut()

    def _conclude(self, status: int, error_type: str | None) -> None:
        if self.over:
            return
        self.over = True
        if self.upgraded_at:
            self.plane.tunnels -= 1
        self.status = status
        self.error_type = error_type
        if self.encoder is not None:
            self.encoder.drop()
        if self._leg is not None:
            self._leg.conclude()
        self._drop()
        self.plane.concluded(self, self.plane.clock())
        if self.at_end is not None:
            self.at_end()
            self.at_end = None
        # They refer to each other, and would wait for the collector.
        self._leg = None
