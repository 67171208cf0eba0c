"""What the page's scripts send and get, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.delivery import legible
from bot.platforms.console.rendering import Renderer
from bot.store.views import MessageView
from commands.people import Person


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("there is nothing to send")
    return text


#: The largest number that the databases keep.
LARGEST = 2**63 - 1
DeliveryId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(legible)]
#: Part of an address, or of its query.
Asked = Annotated[str, AfterValidator(legible)]
#: A long text that somebody wrote.
Written = Annotated[str, Field(max_length=200_000), AfterValidator(legible)]
Number = Annotated[int, Field(ge=0, le=LARGEST)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Said(_Body):
    """Something typed. `id` is made once by the page, so that sending again says it once."""

    channel: Name
    text: Annotated[str, AfterValidator(legible), AfterValidator(_not_empty)]
    thread: Annotated[str, Field(max_length=400), AfterValidator(legible)] | None = None
    id: DeliveryId


class Clicked(_Body):
    """A click on a button of a card."""

    channel: Name
    token: Name
    id: DeliveryId


class Seen(_Body):
    """How far a person has read."""

    channel: Name
    message: Number


def message_out(view: MessageView, reader: Person, renderer: Renderer) -> dict[str, Any]:
    """A message as the page takes it: where it belongs, and its HTML."""
    return {
        "id": view.id,
        "key": view.key,
        "channel": view.channel,
        "thread": view.thread,
        "pinned": view.pinned,
        "replies": view.replies,
        "author": view.author,
        "change": view.change,
        "html": renderer.in_place(view, reader),
    }
