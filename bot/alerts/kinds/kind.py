"""What a kind of sender is, and what most kinds have in common: a token, and JSON."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.alerts.settings import ReceiverSettings
from bot.paging.pager import Answered
from commands.domain.alert import Alert


class Unreadable(Exception):  # noqa: N818 - an answer to the sender
    """What was sent is not what this kind of sender sends; the message says what is wrong, without its content."""


@dataclass(frozen=True)
class Delivery:
    """One request. `given` is what stands behind the receiver's name in the address; headers in small letters."""

    receiver: str
    headers: Mapping[str, str]
    body: bytes
    given: str = ""
    service: str = ""


@dataclass(frozen=True)
class Heard:
    """What a delivery says. `id`: the sender's own of it, the same when it is sent again; empty where there is none.

    `confirm`: an address that is to be called, since the sender asks whether it is welcome. `answers`: of our pages.
    """

    alerts: tuple[Alert, ...] = ()
    id: str = ""
    confirm: str = ""
    answers: tuple[Answered, ...] = ()


class Kind(Protocol):
    """A kind of sender."""

    name: str

    def wrong(self, settings: ReceiverSettings) -> str:
        """What a receiver's settings lack, or nothing."""

    async def admits(self, delivery: Delivery, settings: ReceiverSettings) -> bool:
        """Whether it is genuine. Compared in constant time."""

    def read(self, delivery: Delivery, settings: ReceiverSettings) -> Heard:
        """What it says. Raises Unreadable."""

    async def confirm(self, url: str) -> bool:
        """Answer a sender that asks whether it is welcome; whether that was done."""


Read = Callable[[dict[str, Any], Delivery, ReceiverSettings], Heard]


@dataclass(frozen=True)
class ByToken:
    """A sender that shows a token: as Bearer, as the password of Basic, or at the end of the address."""

    name: str
    reading: Read
    check: Callable[[ReceiverSettings], str] = lambda _: ""

    def wrong(self, settings: ReceiverSettings) -> str:
        """See Kind."""
        if not settings.token.get_secret_value():
            return "it needs a token, which the sender shows"
        return self.check(settings)

    async def admits(self, delivery: Delivery, settings: ReceiverSettings) -> bool:
        """See Kind."""
        return same(shown(delivery), settings.token.get_secret_value())

    def read(self, delivery: Delivery, settings: ReceiverSettings) -> Heard:
        """See Kind."""
        return self.reading(document(delivery.body), delivery, settings)

    async def confirm(self, url: str) -> bool:  # noqa: ARG002
        """Who has a token needs no other welcome."""
        return False


def shown(delivery: Delivery) -> str:
    """The token that a delivery shows."""
    scheme, _, value = delivery.headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "bearer":
        return value.strip()
    if scheme.casefold() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return delivery.given


def same(given: str, wanted: str) -> bool:
    """Compared in constant time; nothing is never right."""
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def document(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Unreadable."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"The body is no JSON{where}.") from None
    if not isinstance(content, dict):
        raise Unreadable(f"The body must be a JSON object, not a {type(content).__name__}.")
    return content
