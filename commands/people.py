"""People and what they may do in the organisation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from commands.errors import NotFound


class OrgRole(StrEnum):
    """Standing permissions. Incident roles (commander, leads) are held per incident and come on top."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    OPERATOR = "operator"
    ADMIN = "admin"


class Person(BaseModel):
    """Somebody who is known to Tocsin. `id` never changes; it is what the audit records.

    `groups` are those of chat platforms that the settings name, each after its platform: `slack:sre`.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    roles: frozenset[OrgRole] = frozenset({OrgRole.RESPONDER})
    timezone: str = "UTC"
    title: str = ""
    phone: str = ""
    email: str = ""
    handle: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def mention(self) -> str:
        """What people type after an @ to mean this person."""
        return self.handle or self.id


SYSTEM = Person(id="tocsin", name="Tocsin", roles=frozenset({OrgRole.RESPONDER}))


class Directory:
    """The people that are known, found by id, handle or name: the configured ones, and whom a platform vouched for."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._people = {person.id: person for person in people}

    def add(self, person: Person) -> None:
        """Know somebody, or what is new about them."""
        self._people[person.id] = person

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def get(self, person_id: str) -> Person | None:
        """The person with this id, or None."""
        return SYSTEM if person_id == SYSTEM.id else self._people.get(person_id)

    def find(self, mention: str) -> Person:
        """The person that `@ana` or `ana` or `<@ana>` names.

        Raises:
            NotFound: nobody has that name; the message lists who there is.
        """
        name = mention.strip("<>").lstrip("@").casefold()
        if name in self._people:  # an id is one person's; names and handles are what people call themselves
            return self._people[name]
        found = [one for one in self._people.values() if name in {one.name.casefold(), one.handle.casefold()}]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(
                f"{len(found)} people are called {mention[:60]}.",
                hint=f"Say which: {', '.join(f'@{one.id}' for one in found[:6])}.",
            )
        known = ", ".join(f"@{mention}" for mention in sorted(one.mention for one in self._people.values())[:12])
        raise NotFound(f"I know nobody called {mention[:60]}.", hint=f"People I know: {known}.")

    def names(self) -> dict[str, str]:
        """Display names by id."""
        return {person.id: person.name for person in self._people.values()} | {SYSTEM.id: SYSTEM.name}
