"""How the simulator says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):  # noqa: N818 - an answer
    """A Web API call that changes nothing: the name of Slack's error and what else the answer carries."""

    def __init__(self, error: str, messages: list[str] | None = None, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages or []
        self.more = more

    def answer(self) -> dict[str, Any]:
        """As Slack writes it."""
        body: dict[str, Any] = {"ok": False, "error": self.error, **self.more}
        if self.messages:
            body["response_metadata"] = {"messages": self.messages}
        return body


class NotPossible(AssertionError):  # noqa: N818 - what a person reads
    """A human tried what Slack's own client does not let them do: the test that asked for it is wrong."""
