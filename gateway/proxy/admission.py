"""Whether a routed request is let through: a route's rules, asked one after the other before it is forwarded.

A rule is called with the exchange. It returns None to let it pass, raises `Refused` to answer it with an error or
`Answered` with what is none, or returns a coroutine where it has to ask elsewhere; only then does the request get a
task, in which that rule and those after it are awaited. A route's rules are worked out when the settings are loaded, by
its policies, in their order (see `gateway.configured`): limits by address, then authentication, then limits by who the
client is. So nobody can keep the gateway busy with bad credentials, and who is limited as a user is surely that user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.proxy.message import Refused
from gateway.proxy.replies import Answered

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

#: What a rule that asks elsewhere returns; it may raise `Refused`, too.
Asking: TypeAlias = "Coroutine[Any, Any, None] | Awaited"
Rule: TypeAlias = "Callable[[Exchange], Asking | None]"
#: The rules that one policy asks of a route; none where it has nothing to say.
Policy: TypeAlias = "Callable[[RouteSettings], tuple[Rule, ...]]"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request, as authentication has found out."""

    subject: str
    client: str
    """The id of the API key, or of the client that the token was given to."""
    roles: frozenset[str]
    scheme: str


class Awaited:
    """One answer that a rule waits for; `conclude` then decides, as the rule would have. It spares a task."""

    __slots__ = ("answer", "conclude")

    def __init__(self, answer: asyncio.Future[Any], conclude: Callable[[], None]) -> None:
        self.answer = answer
        self.conclude = conclude

    def __await__(self) -> Generator[Any, None, None]:
        yield from self.answer
        self.conclude()


def decide(exchange: Exchange, rules: Iterable[Rule], admitted: Callable[[Exchange], None]) -> None:
    """Ask the rules; `admitted` is called when all have let the exchange pass, at once if none asks elsewhere."""
    remaining = iter(rules)
    for rule in remaining:
        try:
            asking = rule(exchange)
        except Answered as answered:
            exchange.reply(answered.reply)
            return
        except Exception as error:
            exchange.refuse(_answer_to(error))
            return
        if asking is None:
            continue
        if isinstance(asking, Awaited):
            exchange.admission = Suspension(exchange, asking, remaining, admitted)
        else:
            exchange.admission = Admission(exchange, asking, remaining, admitted)
        return
    admitted(exchange)


class Suspension:
    """A request that waits for one answer, without a task of its own."""

    __slots__ = ("_admitted", "_awaited", "_deadline", "_exchange", "_remaining")

    def __init__(
        self,
        exchange: Exchange,
        awaited: Awaited,
        remaining: Iterator[Rule],
        admitted: Callable[[Exchange], None],
    ) -> None:
        self._exchange = exchange
        self._awaited = awaited
        self._remaining = remaining
        self._admitted = admitted
        self._deadline = exchange.plane.clock() + exchange.plane.request_timeout
        awaited.answer.add_done_callback(self._go_on)

    def _go_on(self, answer: asyncio.Future[Any]) -> None:
        exchange = self._exchange
        if exchange.admission is not self:
            return
        exchange.admission = None
        if answer.cancelled():
            exchange.refuse(_answer_to(RuntimeError("a rule was cancelled")))
        else:
            decide(exchange, chain((self._conclude,), self._remaining), self._admitted)

    def _conclude(self, _exchange: Exchange) -> None:
        self._awaited.conclude()

    def check_deadline(self, now: float) -> None:
        """Answer a request that has waited for as long as one may take."""
        if now > self._deadline:
            self._exchange.refuse(_undecided())

    def cancel(self) -> None:
        """Nobody waits for the decision any more."""
        self._exchange.admission = None


class Admission:
    """A request that waits for what a rule asks elsewhere. Its body is not read meanwhile, but for what came along."""

    __slots__ = ("_asking", "_deadline", "_exchange", "_task")

    def __init__(
        self,
        exchange: Exchange,
        asking: Coroutine[Any, Any, None],
        remaining: Iterator[Rule],
        admitted: Callable[[Exchange], None],
    ) -> None:
        self._exchange = exchange
        self._asking = asking
        self._deadline = exchange.plane.clock() + exchange.plane.request_timeout
        self._task = asyncio.get_running_loop().create_task(self._decide(remaining, admitted))
        self._task.add_done_callback(self._ended)

    async def _decide(self, remaining: Iterator[Rule], admitted: Callable[[Exchange], None]) -> None:
        try:
            await self._asking
            for rule in remaining:
                asking = rule(self._exchange)
                if asking is not None:
                    await asking
            if self._is_over():
                admitted(self._exchange)
        except Answered as answered:
            if self._is_over():
                self._exchange.reply(answered.reply)
        except Exception as error:
            refused = _answer_to(error)
            if self._is_over() or not self._exchange.over:
                self._exchange.refuse(refused)

    def _is_over(self) -> bool:
        """Whether it was this that the exchange waited for until now; not where it was cancelled."""
        waited, self._exchange.admission = self._exchange.admission is self, None
        return waited

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._asking.close()  # It was never begun where the client left at once.
        if self._exchange.admission is self:
            # What it waited for was cancelled by somebody else.
            self._exchange.admission = None
            self._exchange.refuse(_answer_to(RuntimeError("a rule was cancelled")))

    def check_deadline(self, now: float) -> None:
        """Answer a request that has waited for as long as one may take."""
        if now > self._deadline:
            self._exchange.refuse(_undecided())

    def cancel(self) -> None:
        """Nobody waits for the decision any more."""
        self._exchange.admission = None
        self._task.cancel()


def _undecided() -> Refused:
    return Refused(504, "timeout", "it was not decided in time whether the request may pass")


def _answer_to(error: Exception) -> Refused:
    """What the client is told; a failure of a rule is also logged, and never lets a request through."""
    if isinstance(error, Refused):
        return error
    context = {"message": "a rule of a route failed", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
    return Refused(500, "internal_error", "the gateway failed to decide whether the request may pass")
