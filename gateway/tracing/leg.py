"""The leg of a request that is traced: a client span for each time that a target was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.proxy.legs import AnswerWatcher
from gateway.proxy.message import ResponseHead
from gateway.proxy.plain_heads import PlainAnswer
from gateway.proxy.pool import UpstreamPool
from gateway.proxy.target_pool import TargetPool
from gateway.proxy.upstream_leg import UpstreamLeg

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.tracing.spans import ClientSpan, RequestTrace


class TracedLeg(UpstreamLeg):
    """Sends each attempt with the id of its span. A span ends with the last byte of the answer, or with its failure."""

    __slots__ = ("_edits", "_failure", "_span", "_trace")

    def __init__(
        self,
        trace: RequestTrace,
        exchange: Exchange,
        pool: UpstreamPool,
        unsent: list[bytes],
        watcher: AnswerWatcher | None,
    ) -> None:
        super().__init__(exchange, pool, unsent, watcher)
        self._trace = trace
        self._edits = exchange.request_headers
        self._span: ClientSpan | None = None
        self._failure: str | None = None

    def _go_to(self, target: TargetPool[Any], *, fresh: bool = False) -> None:
        resent = 0 if self._span is None else self._span.resent + 1
        self._ended(self._failure)
        self._span = self._trace.asked(self._exchange, self._pool.id, target, resent)
        self._exchange.request_headers = self._trace.context.edits_for(self._span.id, self._edits)
        super()._go_to(target, fresh=fresh)

    def whole_answer(self, answer: PlainAnswer, body: bytes) -> bool:  # noqa: ARG002 - the parts tell the span
        return False

    def answer_started(self, head: ResponseHead) -> None:
        if self._span is not None:
            self._span.answered(head.status)
        super().answer_started(head)

    def upgraded(self, head: ResponseHead) -> None:
        # What they say to each other from now on may take hours, and is no request.
        if self._span is not None:
            self._span.answered(head.status)
        self._ended(None)
        super().upgraded(head)

    def answer_ended(self) -> None:
        self._ended(None)
        super().answer_ended()

    def upstream_failed(self, failure: str) -> None:
        self._failure = failure
        super().upstream_failed(failure)

    def _failed(self, status: int, failure: str, message: str, *, is_safe: bool, unreachable: bool = False) -> None:
        self._failure = failure
        super()._failed(status, failure, message, is_safe=is_safe, unreachable=unreachable)

    def conclude(self) -> None:
        self._ended(self._failure or self._exchange.error_type)
        super().conclude()

    def _ended(self, failure: str | None) -> None:
        if self._span is not None:
            self._span.end(failure)
        self._failure = None
