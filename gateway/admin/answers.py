"""What answers of the admin API are made of. An answer has the fields of its model and no other."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

#: ISO 8601 in UTC.
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class Answer(BaseModel):
    """A JSON object."""


class Order(Answer):
    """What an operator has ordered, until it expires or is undone."""

    id: str
    actor: str
    reason: str
    created_at: Moment
    expires_at: Moment


class Refusal(Answer):
    """What was wrong with the last attempt to load a configuration."""

    at: Moment
    cause: str
    actor: str
    message: str


class OperationAnswer(Answer):
    """A scale or a restart, and how far it is."""

    class Progress(Answer):
        """Workers that came or went, of those that are to."""

        done: int
        total: int

    operation_id: str
    kind: str
    state: str
    actor: str
    reason: str
    started_at: Moment
    finished_at: Moment | None
    before: dict[str, int]
    after: dict[str, int]
    progress: Progress
    error: str | None


class Difference(Answer):
    """A key of the configuration that differs; secrets are masked."""

    key: str
    before: Any
    after: Any
