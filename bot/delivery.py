"""What platforms hand to the pipeline, and what they get back."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeVar

from commands.captures import Message, What


@dataclass(frozen=True)
class TextDelivery:
    """A command that a person typed. `id` is the platform's own id of the delivery: a retry has the same.

    `text` is the whole line with its slash: `/incident declare sev1 API is down`. `person` is the id here of the
    person whom the platform has authenticated; the pipeline looks them up and authorises them.
    """

    platform: str
    id: str
    person: str
    channel: str
    text: str
    thread: str | None = None


@dataclass(frozen=True)
class ClickDelivery:
    """A click on a button. `token` is the single-use random id that the button carried.

    The token says which message and channel it belongs to; `channel` is where a refusal is told.
    """

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

    A command that first asks the outside is accepted when it is stored, and may be refused later: hand it in again,
    and the receipt says what came of it. `duplicate`: it had been taken before, and nothing happened this time.
    `reply_key` is the key of the message that answers it, and `channel` where that is; of a command that is still
    being worked on, the first receipt has the key that an answer will most likely have, a later one has none.
    """

    accepted: bool
    duplicate: bool = False
    reply_key: str = ""
    channel: str = ""


class Intake(Protocol):
    """The pipeline, as a platform sees it.

    All raise `StoreUnavailable` when nothing could be stored, and `NotAllowed` for a person who is not known.
    """

    async def command(self, delivery: TextDelivery) -> Receipt: ...

    async def click(self, delivery: ClickDelivery) -> Receipt: ...

    async def capture(self, delivery: CaptureDelivery) -> Receipt: ...


class OwnIntake(Protocol):
    """The pipeline, as the bot itself sees it: what is handed in here was asked by nobody."""

    async def by_itself(self, delivery: TextDelivery) -> Receipt: ...


Delivery = TypeVar("Delivery", TextDelivery, ClickDelivery)


def legible(text: str) -> str:
    """Text that any database and any terminal can take: no NUL, no half of a character."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def legibly(delivery: Delivery) -> Delivery:
    """The delivery with nothing in it that could not be stored."""
    written = {one.name: getattr(delivery, one.name) for one in fields(delivery)}
    return replace(delivery, **{name: legible(text) for name, text in written.items() if text})
