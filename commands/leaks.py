"""What must not stand in a text for the public: our hosts and addresses, people, secrets, and words of one's own.

A text is refused with what was found and in which line, never changed in silence: whoever wrote it says it otherwise.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict

from commands.errors import Malformed
from commands.people import Person
from commands.presentation.words import cut
from commands.redaction import MASK, redact

#: Also one that was masked on its way here.
_EMAIL = re.compile(r"[\w.+*-]++@[\w-]++(?:\.[\w-]++)++")
_HANDLE = re.compile(r"(?<![\w.@*-])<?@[A-Za-z][\w.-]*+")
_HOST = re.compile(
    r"(?i)(?<![\w.-])(?:[a-z0-9-]++\.)++"
    r"(?:internal|local|localdomain|lan|corp|intranet|private|svc|cluster|home|arpa|test)(?![\w-])"
)
_LOCALHOST = re.compile(r"(?i)(?<![\w.-])localhost(?![\w-])")
_ADDRESS = re.compile(r"(?<![\w.:])\[?[0-9A-Fa-f:.]*[:.][0-9A-Fa-f:.]*[0-9A-Fa-f:](?![\w])")
_MOST = 6


class Leak(BaseModel):
    """What was found, where, and what it is."""

    model_config = ConfigDict(frozen=True)

    line: int
    found: str
    kind: str

    def words(self) -> str:
        """`line 2: 10.0.0.3 (an address)`."""
        return f"line {self.line}: {cut(self.found, 60)} ({self.kind})"


def leaks(text: str, people: Iterable[Person], blocked: Iterable[str]) -> list[Leak]:
    """Everything that is not for the public, in the order of the lines."""
    known, words = list(people), list(blocked)
    return [
        leak
        for number, line in enumerate(text.splitlines(), start=1)
        for leak in dict.fromkeys(Leak(line=number, found=found, kind=kind) for found, kind in _in(line, known, words))
    ]


def check(text: str, people: Iterable[Person], blocked: Iterable[str], *, example: str) -> None:
    """Raises Malformed, with what was found and where. What is found is said to the writer alone."""
    found = leaks(text, people, blocked)
    if found:
        raise Malformed("That is not for the public.", hint=f"{listed(found)}. Say it without.", example=example)


def listed(found: list[Leak]) -> str:
    """The first few."""
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(leak.words() for leak in found[:_MOST]) + more


def _in(line: str, people: list[Person], blocked: list[str]) -> Iterator[tuple[str, str]]:
    mails = [found[0] for found in _EMAIL.finditer(line)]
    yield from ((mail, "an e-mail address") for mail in mails)
    yield from ((found[0].lstrip("<"), "a person") for found in _HANDLE.finditer(line))
    for person in people:
        name = next((name for name in _names(person) if _stands(name, line)), "")
        yield from [(name, "a person")] if name else []
    for pattern in (_HOST, _LOCALHOST):
        yield from ((found[0], "an internal host") for found in pattern.finditer(line))
    yield from ((found[0], "an address") for found in _ADDRESS.finditer(line) if _is_address(found[0]))
    if MASK in line or MASK in redact(line):
        yield MASK, "a secret"
    yield from ((word, "a blocked word") for word in blocked if word and _stands(word.casefold(), line.casefold()))


def _names(person: Person) -> list[str]:
    """The whole name, and each part of it that is written large. An id alone may be a word of the language."""
    parts = [part for part in person.name.split() if len(part) > 2 and part[0].isupper()]
    return list(dict.fromkeys([person.name, *parts])) if len(parts) > 1 else [person.name]


def _stands(word: str, line: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line) is not None


def _is_address(text: str) -> bool:
    """An IP address, perhaps with a port; `12:05` and `1.2` are none."""
    for one in (text.strip("[]."), text.strip("[].").rpartition(":")[0].strip("[]")):
        try:
            ipaddress.ip_address(one.rstrip(":") if "::" not in one else one)
        except ValueError:
            continue
        return True
    return False
