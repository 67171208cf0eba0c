"""Who somebody in Slack is here, and what they may do.

The settings say who is whose account (`people[].accounts`, or the same email); any other member of the workspace is
somebody all the same, with the roles that the settings give to members and to their groups. Deactivated people,
guests and people of other organisations get only what the settings grant to them; bots are nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import available_timezones

from bot.platforms.slack.places import PLATFORM, platform_of
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.web import Busy, Refused, Unclear, Web
from bot.store.accounts import Account, Accounts
from commands.people import Directory, OrgRole, Person
from commands.ports import Clock

log = logging.getLogger(__name__)

#: How long what Slack said about somebody is believed; changes that it tells of count at once.
FRESH = timedelta(minutes=15)
#: Clocks of processes differ; what one of them has learnt is looked for a little further back.
_OVERLAP = timedelta(minutes=1)
_ZONES = available_timezones()
_Kind = Literal["member", "guest", "stranger", "gone"]


@dataclass(frozen=True)
class _Group:
    """A user group's members, and when they were asked for."""

    members: frozenset[str]
    asked: float


class People:
    """The accounts of all workspaces."""

    def __init__(
        self,
        web: Web,
        accounts: Accounts,
        directory: Directory,
        settings: SlackSettings,
        clock: Clock,
        own: OwnAccounts,
    ) -> None:
        self._web = web
        self._accounts = accounts
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._own = own
        self._known: dict[tuple[str, str], Account] = {}
        self._users: dict[tuple[str, str], str] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._missing: dict[tuple[str, str], datetime] = {}
        self._caught_up = clock.now()

    async def load(self) -> None:
        """Know everybody who was seen before, whichever process saw them; what they may do is asked anew."""
        self._caught_up = self._clock.now()
        for account in await self._accounts.all():
            if account.platform.partition(":")[0] == PLATFORM:
                believed = self._own.current(account.person)
                self._keep(account.model_copy(update={"person": believed, "seen_at": account.seen_at - 2 * FRESH}))

    async def meet(self, team: str, people: Iterable[str]) -> None:
        """Before people are named or called: those whom only another process, or nobody, has met so far are found."""
        strangers = [person for person in people if self.user(team, person) is None]
        if strangers:
            await self._catch_up()
        for person in strangers:
            if self.user(team, person) is None:
                await self._find(team, person)

    async def _find(self, team: str, person: str) -> None:
        """Somebody of the settings who has done nothing in Slack yet, by their address. Asked now and then."""
        email, now = self._own.email(person), self._clock.now()
        if not email or now - self._missing.get((team, person), now - 2 * FRESH) < FRESH:
            return
        try:
            said = await self._web.call(team, "users.lookupByEmail", email=email)
            await self.person(team, str(said["user"]["id"]))
        except Refused:
            self._missing[team, person] = now
        except (Busy, Unclear) as error:
            log.warning("Slack does not say who has the address of %s: %s", person, error)

    async def _catch_up(self) -> None:
        """What other processes have learnt since the last time."""
        if not self._accounts.are_shared:
            return
        now = self._clock.now()
        learnt = await self._accounts.since(self._caught_up - _OVERLAP)
        self._caught_up = max(self._caught_up, now)
        for account in learnt:
            team = account.platform.partition(":")[2]
            known = self._known.get((team, account.account))
            if account.platform.partition(":")[0] == PLATFORM and (known is None or known.seen_at < account.seen_at):
                self._keep(account)

    async def person(self, team: str, user: str) -> Person | None:
        """Who this is; None for bots. Raises Busy or Unclear for somebody new while Slack does not answer."""
        await self._catch_up()
        async with self._asking[team, user]:
            return await self._believed(team, user)

    async def _believed(self, team: str, user: str) -> Person | None:
        known = self._known.get((team, user))
        if known and self._clock.now() - known.seen_at < FRESH:
            return known.person
        try:
            return await self._ask(team, user)
        except (Busy, Unclear):
            if known is None:
                raise
            log.warning("Slack does not say who %s is; what it said before is believed", user)
            return known.person
        except Refused as refused:
            if refused.code != "user_not_found":
                raise
            return None

    async def known(self, team: str, user: str) -> str | None:
        """The person id behind an account that any process has met."""
        await self._catch_up()
        return self.mentioned(team, user)

    def changed(self, team: str, user: str) -> None:
        """Something about somebody changed: they are asked about again."""
        known = self._known.get((team, user))
        if known:
            self._known[team, user] = known.model_copy(update={"seen_at": known.seen_at - 2 * FRESH})

    def group_changed(self, team: str, group: str) -> None:
        """Others are in a group now, so roles may differ."""
        self._groups.pop((team, group), None)
        for one_team, user in list(self._known):
            if one_team == team:
                self.changed(team, user)

    def user(self, team: str, person: str) -> str | None:
        """The Slack id of a person in a workspace."""
        return self._users.get((team, person)) or self._own.user(team, person)

    def mentioned(self, team: str, user: str) -> str | None:
        """The person id behind a mention, of somebody who was seen."""
        known = self._known.get((team, user))
        return known.person.id if known else None

    async def members_of(self, team: str, group: str) -> frozenset[str]:
        """The users of a group, by its id or handle; nobody for a group that is not there."""
        kept = self._groups.get((team, group))
        now = self._clock.now().timestamp()
        if kept and now - kept.asked < FRESH.total_seconds():
            return kept.members
        members = await self._ask_group(team, group)
        self._groups[team, group] = _Group(members, now)
        return members

    async def _ask_group(self, team: str, group: str) -> frozenset[str]:
        try:
            found = (
                group if group.startswith("S") and group.isupper() else await self._group_id(team, group.lstrip("@"))
            )
            said = await self._web.call(team, "usergroups.users.list", usergroup=found) if found else {}
        except Refused as refused:
            log.warning("the group %s cannot be read: %s", group, refused)
            return frozenset()
        return frozenset(said.get("users", ()))

    async def _group_id(self, team: str, handle: str) -> str:
        said = await self._web.call(team, "usergroups.list")
        return next((str(one["id"]) for one in said.get("usergroups", ()) if one.get("handle") == handle), "")

    async def _ask(self, team: str, user: str) -> Person | None:
        said = (await self._web.call(team, "users.info", user=user)).get("user", {})
        if said.get("is_bot") or user == "USLACKBOT":
            return None
        person = await self._as_person(team, user, said)
        account = Account(platform=platform_of(team), account=user, person=person, seen_at=self._clock.now())
        await self._accounts.remember(account)
        self._keep(account)
        return person

    def _keep(self, account: Account) -> None:
        team = account.platform.partition(":")[2]
        self._known[team, account.account] = account
        self._users[team, account.person.id] = account.account
        self._directory.add(account.person)

    async def _as_person(self, team: str, user: str, said: dict[str, Any]) -> Person:
        profile = said.get("profile", {})
        kind = _kind(team, said)
        groups = frozenset(await self._group_roles(team, user)) if kind == "member" else frozenset()
        own = kind == "member" or (kind == "gone" and said.get("team_id", team) == team)
        named = self._own.person(team, user, str(profile.get("email", "")) if own else "")
        if named is not None:
            roles = frozenset() if kind == "gone" else named.roles | groups
            return named.model_copy(update={"roles": roles, "handle": str(said.get("name", ""))})
        zone = str(said.get("tz", ""))
        return Person(
            id=f"{PLATFORM}-{team}-{user}".lower(),
            name=str(profile.get("real_name") or said.get("real_name") or said.get("name") or user)[:80],
            roles=frozenset(self._granted(kind)) | groups,
            timezone=zone if zone in _ZONES else "UTC",
            title=str(profile.get("title", ""))[:80],
            handle=str(said.get("name", "")),
        )

    def _granted(self, kind: _Kind) -> Iterable[OrgRole]:
        granted = {"member": self._settings.members, "guest": self._settings.guests}
        return self._settings.strangers if kind == "stranger" else granted.get(kind, ())

    async def _group_roles(self, team: str, user: str) -> list[OrgRole]:
        roles: list[OrgRole] = []
        for group, granted in self._settings.groups.items():
            if user in await self.members_of(team, group):
                roles += granted
        return roles


def _kind(team: str, said: dict[str, Any]) -> _Kind:
    if said.get("deleted"):
        return "gone"
    if said.get("is_stranger") or said.get("team_id", team) != team:
        return "stranger"
    return "guest" if said.get("is_restricted") or said.get("is_ultra_restricted") else "member"


class OwnAccounts:
    """What the settings say about accounts: by platform (`slack`, or `slack:T0123`), and by email."""

    def __init__(self, configured: Iterable[Person], accounts: Mapping[str, Mapping[str, str]]) -> None:
        self._people = {person.id: person for person in configured}
        self._by_email = {person.email.casefold(): person for person in self._people.values() if person.email}
        self._accounts = accounts

    def email(self, person: str) -> str:
        """Their address, where the settings have it."""
        known = self._people.get(person)
        return known.email if known else ""

    def current(self, person: Person) -> Person:
        """A person as the settings have them now."""
        return self._people.get(person.id, person)

    def person(self, team: str, user: str, email: str) -> Person | None:
        """Whose account this is."""
        for platform in (platform_of(team), PLATFORM):
            if user in self._accounts.get(platform, {}):
                return self._people.get(self._accounts[platform][user])
        found = self._by_email.get(email.casefold()) if email else None
        return None if found is None or self._has_named_account(team, found.id) else found

    def _has_named_account(self, team: str, person: str) -> bool:
        """Whoever's account is named in the settings has no other, whatever address another one shows."""
        return any(person in self._accounts.get(platform, {}).values() for platform in (platform_of(team), PLATFORM))

    def user(self, team: str, person: str) -> str | None:
        """The account of a person, where the settings name it."""
        for platform in (platform_of(team), PLATFORM):
            for user, owner in self._accounts.get(platform, {}).items():
                if owner == person:
                    return user
        return None
