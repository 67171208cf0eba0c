"""What the settings say about accounts: by platform (`slack`, or `slack:T0123`), and by email."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bot.platforms.slack.places import PLATFORM, platform_of
from commands.people import Person


class OwnAccounts:
    """Whose account is whose. `believes` says whether a workspace is one of ours.

    Whoever administrates another may give its accounts any address, so of those only the ones count that the settings
    name together with the workspace.
    """

    def __init__(
        self,
        configured: Iterable[Person],
        accounts: Mapping[str, Mapping[str, str]],
        believes: Callable[[str], bool] = lambda _team: True,
    ) -> None:
        self._people = {person.id: person for person in configured}
        self._by_email = {person.email.casefold(): person for person in self._people.values() if person.email}
        self._accounts = accounts
        self._believes = believes

    def email(self, team: str, person: str) -> str:
        """The address by which somebody may be looked for in a workspace, where the settings have one."""
        known = self._people.get(person) if self._believes(team) else None
        return known.email if known else ""

    def of(self, person: str) -> Person | None:
        """Somebody as the settings have them now."""
        return self._people.get(person)

    def person(self, team: str, user: str, email: str) -> Person | None:
        """Whose account this is."""
        for named in self._named(team):
            if user in named:
                return self._people.get(named[user])
        found = self._by_email.get(email.casefold()) if email and self._believes(team) else None
        return None if found is None or self.user(team, found.id) else found

    def agrees(self, team: str, user: str, person: str) -> bool:
        """Whether an account that was once found to be somebody's may be so by the settings of now."""
        named = self.person(team, user, "")
        if named is not None or person not in self._people:
            return named is None or named.id == person
        return bool(self.email(team, person)) and self.user(team, person) is None

    def user(self, team: str, person: str) -> str | None:
        """The account of a person, where the settings name it: then they have no other, whatever address it shows."""
        for named in self._named(team):
            for user, owner in named.items():
                if owner == person:
                    return user
        return None

    def _named(self, team: str) -> list[Mapping[str, str]]:
        platforms = (platform_of(team), PLATFORM) if self._believes(team) else (platform_of(team),)
        return [self._accounts[platform] for platform in platforms if platform in self._accounts]
