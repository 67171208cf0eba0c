"""What a pager outside is to Tocsin: it rings people until somebody answers there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Ring(BaseModel):
    """One call. `key` is ours, so that a second try rings nobody twice; `target` as the settings name it."""

    model_config = ConfigDict(frozen=True)

    key: str
    target: str
    summary: str
    about: str = ""
    service: str = ""
    asked_by: str = ""


class Answered(BaseModel):
    """Somebody answered in the pager. `key` is ours; the name and the address are theirs there, where it tells."""

    model_config = ConfigDict(frozen=True)

    key: str
    name: str = ""
    email: str = ""


class Pager(Protocol):
    """All raise Rejected for what is refused for good, Overloaded and Unavailable for what is to be tried again."""

    name: str
    can_ask: bool

    async def call(self, ring: Ring) -> None:
        """Ring them, if they are not rung under this key already."""

    async def acknowledge(self, ring: Ring) -> None:
        """Somebody is on it: ring nobody any more."""

    async def resolve(self, ring: Ring) -> None:
        """It is over."""

    async def answered(self, keys: Sequence[str]) -> Sequence[Answered]:
        """Which of these somebody answered there."""

    async def close(self) -> None: ...
