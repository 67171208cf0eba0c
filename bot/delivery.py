"""What platforms hand to the pipeline, and what they get back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from commands.captures import Message, What


@dataclass(frozen=True)
class TextDelivery:
    """A command that a person typed. `id` is the platform's own id of the delivery: a retry has the same.

    `text` is the whole line with its slash: `/incident declare sev1 API is down`. `person` is the person's
    id as the platform has authenticated it; the pipeline maps it and authorises it.
    """

    platform: str
    id: str
    person: str
    channel: str
    text: str
    thread: str | None = None


@dataclass(frozen=True)
class ClickDelivery:
    """A click on a button. `token` is the single-use random id that the button carried."""

    platform: str
    id: str
    person: str
    channel: str
    token: str


@dataclass(frozen=True)
class CaptureDelivery:
    """A message that somebody puts on an incident's timeline or takes off it, or what became of it since.

    `added` and `taken_off` are the wish of `person`, in `channel`. What was `edited` or `deleted` is followed wherever
    it stands, whoever did it. `quiet`: nobody waits for a word about it, unless it is refused.
    """

    platform: str
    id: str
    person: str
    channel: str
    what: What
    message: Message
    quiet: bool = False


@dataclass(frozen=True)
class Receipt:
    """What became of a delivery. `accepted` False: it was refused, and the person was told why in chat.

    `duplicate`: it had been taken before, and nothing happened this time. `reply_key` is the key of the
    message that answers it, `channel` where that message is.
    """

    accepted: bool
    duplicate: bool = False
    reply_key: str = ""
    channel: str = ""


class Intake(Protocol):
    """The pipeline, as a platform sees it. All raise `StoreUnavailable` when nothing could be stored."""

    async def command(self, delivery: TextDelivery) -> Receipt: ...

    async def click(self, delivery: ClickDelivery) -> Receipt: ...

    async def capture(self, delivery: CaptureDelivery) -> Receipt: ...
