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

from collections.abc import Mapping, Sequence

from commands.cards import Code, Part, Rich, Who, coded, plain, rich


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """A request that is answered with what was wrong and what to do; nothing was changed.

    `message` is short and says what was wrong, `hint` what to do. `allowed` are the values that would do, perhaps with
    what they mean: they follow the hint, which leads up to them. `example` is a command to copy. `who` is the id of a
    person with whom the hint begins, named as the platform names people.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        allowed: Mapping[str, str] | Sequence[str] = (),
        example: str = "",
        who: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.allowed = dict(allowed) if isinstance(allowed, Mapping) else dict.fromkeys(allowed, "")
        self.example = example
        self.who = who

    @property
    def advice(self) -> Rich:
        """The hint and what is allowed: `Write it as 45s, 15m or 2h.`"""
        if self.who:
            return (Who(person=self.who), *coded(f" {self.hint}"))
        if not self.allowed:
            return coded(self.hint) if self.hint else ()
        parts: list[Part] = [f"{self.hint or 'Allowed:'} "]
        for n, (value, meaning) in enumerate(self.allowed.items()):
            last = n == len(self.allowed) - 1
            parts += [(" or " if last else ", ") if n else "", Code(text=value), f" ({meaning})" if meaning else ""]
        return rich(*(part for part in parts if part), ".")

    def words(self) -> str:
        """All of it in one line, for where there is no card."""
        return f"{self.message} {plain(self.advice)}".strip()


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
