"""What can go wrong with a request, as a person is told it.

Refusal                  every refusal has a message and, where there is one, a way on
├── Malformed            the text is no command, or its arguments do not fit
├── NotAllowed           the person may not do this (who could is said)
├── WrongPlace           the command needs an incident's channel
├── NotFound             an incident, person, plan or message that does not exist
├── Conflict             the state does not allow it, or somebody else was first
└── Unavailable          a dependency did not answer; nothing was changed
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """A request that is answered with what was wrong and what to do; nothing was changed."""

    def __init__(self, message: str, *, hint: str = "", example: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.example = example


class Malformed(Refusal):
    """The text is no command, or its arguments do not fit."""


class NotAllowed(Refusal):
    """The person may not do this."""


class WrongPlace(Refusal):
    """The command needs an incident's channel."""


class NotFound(Refusal):
    """What was named does not exist."""


class Conflict(Refusal):
    """The state does not allow it, or somebody else was first."""


class Unavailable(Refusal):
    """A dependency did not answer."""
