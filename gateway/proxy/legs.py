"""What an exchange has to do with: its client, where its answer comes from, and who is told of that first."""

from __future__ import annotations

from typing import Protocol

from gateway.proxy.message import Refused, ResponseHead
from gateway.proxy.peers import Peer


class ClientSide(Protocol):
    """What an exchange needs of its client's connection."""

    peer: Peer

    def write(self, part: bytes) -> None: ...

    def write_whole(self, answer: bytes) -> None: ...

    def pause_body(self) -> None: ...

    def resume_body(self) -> None: ...

    def tunnel(self) -> bool: ...

    def untaken(self) -> int: ...

    def exchange_over(self, *, keep_alive: bool, now: float) -> None: ...

    def cut(self) -> None: ...


class AnswerTaker(Protocol):
    """Who is told what came back: the exchange itself, or who looks at it first."""

    def interim_answer(self, head: ResponseHead) -> None: ...

    def answer_started(self, head: ResponseHead) -> None: ...

    def answer_body(self, chunk: bytes) -> None: ...

    def answer_ended(self) -> None: ...

    def refuse(self, refused: Refused) -> None: ...


class AnswerWatcher(AnswerTaker, Protocol):
    """One that looks at it first, and is also told when nothing more will come."""

    def leg_over(self) -> None: ...


class Leg(Protocol):
    """Where an answer comes from: an upstream, what was kept of an earlier answer, or somebody else's request."""

    full: bool
    deadline: float

    @property
    def service(self) -> str | None: ...

    @property
    def connecting(self) -> bool: ...

    @property
    def connected(self) -> bool: ...

    def request_body(self, chunk: bytes) -> None: ...

    def request_ended(self) -> None: ...

    def pause_answer(self) -> None: ...

    def resume_answer(self) -> None: ...

    def fail(self, status: int, failure: str, message: str) -> None: ...

    def drop(self) -> None: ...

    def conclude(self) -> None: ...
