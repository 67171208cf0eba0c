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

    `caveat` says why they may do less than they usually may, to be told with a refusal.
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
    caveat: str = ""

    @property
    def mention(self) -> str:
        """What people type after an @ to mean this person."""
        return self.handle or self.id


SYSTEM = Person(id="tocsin", name="Tocsin", roles=frozenset({OrgRole.RESPONDER}))


class Directory:
    """The people that are known, found by id, handle or name: the configured ones, and whom a platform vouched for.

    What a platform's workspace says about its account counts for what is done there. Elsewhere the configured people
    have what the settings give them, so no workspace can lend them roles in another, or lock them out of it.
    """

    def __init__(self, people: Iterable[Person]) -> None:
        self._people = {person.id: person for person in people}
        self._configured = dict(self._people)
        self._accounts: dict[tuple[str, str], Person] = {}

    def add(self, person: Person, platform: str = "") -> None:
        """Know somebody, or what is new about them. `platform`: who vouches for them, with its workspace."""
        own = self._configured.get(person.id) if platform else None
        self._people[person.id] = own.model_copy(update={"handle": person.handle}) if own else person
        if platform:
            self._accounts[platform, person.id] = person

    def forget(self, person_id: str, platform: str) -> None:
        """Nobody on that platform is this person any more."""
        self._accounts.pop((platform, person_id), None)

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def get(self, person_id: str, platform: str = "") -> Person | None:
        """The person with this id, as whom they are on a platform if it knows them, or None."""
        if person_id == SYSTEM.id:
            return SYSTEM
        return self._accounts.get((platform, person_id)) or self._people.get(person_id)

    def vouches(self, platform: str, person_id: str) -> bool:
        """Whether a platform has said who this is there."""
        return (platform, person_id) in self._accounts

    def find(self, mention: str, platform: str = "") -> Person:
        """The person that `@ana` or `ana` or `<@ana>` names, as whom they are on a platform.

        Raises:
            NotFound: nobody has that name; the message lists who there is.
        """
        found = self._named(mention.strip("<>").lstrip("@").casefold())
        if len(found) == 1:
            return self._accounts.get((platform, found[0].id), found[0])
        if found:
            raise NotFound(
                f"{len(found)} people are called {mention[:60]}.",
                hint=f"Say which: {', '.join(f'@{one.id}' for one in found[:6])}.",
            )
        known = ", ".join(f"@{mention}" for mention in sorted(one.mention for one in self._people.values())[:12])
        raise NotFound(f"I know nobody called {mention[:60]}.", hint=f"People I know: {known}.")

    def _named(self, name: str) -> list[Person]:
        """An id is one person's; names and handles are what people call themselves."""
        if name in self._people:
            return [self._people[name]]
        return [one for one in self._people.values() if name in {one.name.casefold(), one.handle.casefold()}]

    def names(self) -> dict[str, str]:
        """Display names by id."""
        return {person.id: person.name for person in self._people.values()} | {SYSTEM.id: SYSTEM.name}
