"""Who somebody in Slack is here, and what they may do there.

The settings say who is whose account (`people[].accounts`, or the same email); any other member of the workspace is
somebody all the same, with the roles that the settings give to members and to their groups. Deactivated people,
guests and people of other organisations get only what the settings grant to them; bots are nobody.

What Slack said is kept for all processes; the roles that follow from it are made of it, and of the settings, each time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal
from weakref import WeakValueDictionary
from zoneinfo import available_timezones

from bot.platforms.slack.groups import Groups
from bot.platforms.slack.own_accounts import OwnAccounts
from bot.platforms.slack.places import PLATFORM, platform_of, team_of
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.web import Barred, Busy, Refused, Unclear, Web
from bot.store.accounts import Account, Accounts, News
from commands.people import Directory, OrgRole, Person
from commands.ports import Clock

log = logging.getLogger(__name__)

#: How long what Slack said about somebody is believed; changes that it tells of count at once.
FRESH = timedelta(minutes=15)
#: How long it is believed while Slack does not answer: then roles by its groups are granted no longer.
BELIEVED = timedelta(hours=1)
_WITHHELD = (
    "Slack does not say at the moment who is in its groups, so the roles that they give do not count. "
    "Try again when it answers, or ask somebody whom the settings name."
)
#: How long somebody who only reads along is remembered, and how many of them are asked about at a time.
_REMEMBERED, _MOST_ASKED = timedelta(days=1), 20
_NOBODY = {"user_not_found", "user_not_visible"}
_MOST_KEPT = 1000
_ZONES = available_timezones()
_Standing = Literal["member", "guest", "stranger", "gone"]


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
        self._groups = Groups(web, clock, FRESH)
        self._known: dict[tuple[str, str], Account] = {}
        self._users: dict[tuple[str, str], str] = {}
        self._asking: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._missing: dict[tuple[str, str], datetime] = {}
        self._nobody: dict[tuple[str, str], datetime] = {}
        self._bots: set[tuple[str, str]] = set()
        self._begun = self._heard = 0

    async def load(self) -> None:
        """Know everybody who was seen before, whichever process saw them; what they may do is asked anew."""
        news = await self._accounts.news()
        self._begun = news.change
        self._take_in(news)

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
        email, now = self._own.email(team, person), self._clock.now()
        if not email or now - self._missing.get((team, person), now - 2 * FRESH) < FRESH:
            return
        try:
            said = await self._web.call(team, "users.lookupByEmail", email=email)
            await self.person(team, str(said["user"]["id"]))
            if self.user(team, person) is None:  # the address is that of a bot, or of somebody who is gone
                self._missing[team, person] = now
        except (Busy, Unclear, Barred) as error:
            log.warning("Slack does not say who has the address of %s: %s", person, error)
        except Refused:
            self._missing[team, person] = now

    def is_looked_for(self, team: str, person: str) -> bool:
        """Whether Slack has still to say who has the address of somebody of the settings."""
        looked_for = bool(self._own.email(team, person)) and (team, person) not in self._missing
        return looked_for and self.user(team, person) is None

    async def _catch_up(self) -> None:
        """What other processes have learnt, or doubt, since the last time."""
        if self._accounts.are_shared:
            self._take_in(await self._accounts.news(self._heard))

    def _take_in(self, news: News) -> None:
        self._heard = max(self._heard, news.change)
        for platform, state in news.groups.items():
            self._groups.heard(team_of(platform), state)
        for account in news.accounts:
            if account.platform.partition(":")[0] == PLATFORM:
                self._keep(account)

    async def person(self, team: str, user: str) -> Person | None:
        """Who this is; None for bots. Raises Busy, Unclear or Barred for somebody new whom Slack does not tell of."""
        await self._catch_up()
        lock = self._asking.setdefault((team, user), asyncio.Lock())
        async with lock:
            return await self._believed(team, user)

    async def _believed(self, team: str, user: str) -> Person | None:
        known, now = self._known.get((team, user)), self._clock.now()
        if known and self._is_fresh(team, known):
            return self._admit(known, certain=True)
        if known is None and now - self._nobody.get((team, user), now - 2 * FRESH) < FRESH:
            return None
        try:
            return await self._ask(team, user)
        except (Busy, Unclear, Barred):
            if known is None:
                raise
            return self._admit(known, certain=self._is_credible(team, known))
        except Refused as refused:
            if refused.code not in _NOBODY:
                raise
            await self._lose(team, user, known)
            return None

    def _is_fresh(self, team: str, account: Account) -> bool:
        """Whether there is nothing to ask: it was learnt since this process began, and nothing has changed since."""
        return account.change > self._begun and self._is_undoubted(team, account) and self._age(account) < FRESH

    def _is_credible(self, team: str, account: Account) -> bool:
        """Whether it may still be so, while Slack does not answer."""
        credible = self._is_undoubted(team, account) and self._age(account) < BELIEVED
        why = "is believed" if credible else "is not believed where roles by groups are concerned"
        log.warning("Slack does not say who %s is; what it said before %s", account.account, why)
        return credible

    def _is_undoubted(self, team: str, account: Account) -> bool:
        return not account.doubted and account.as_of == self._groups.state(team)

    def _age(self, account: Account) -> timedelta:
        return self._clock.now() - account.seen_at

    async def readers(self, team: str, users: Iterable[str]) -> list[Person] | None:
        """Who reads along, without bots; None while any of them is not known: some are asked about each time."""
        await self._catch_up()
        everybody = list(users)
        for user in [user for user in everybody if not self._is_known_enough(team, user)][:_MOST_ASKED]:
            await self.person(team, user)
        if not all(self._is_known_enough(team, user) for user in everybody):
            return None  # too many, or Slack does not show them, or does not answer
        found = [self._known[team, user] for user in everybody if (team, user) not in self._bots]
        return [self._entitled(one, certain=self._is_undoubted(team, one)) for one in found]

    def _is_known_enough(self, team: str, user: str) -> bool:
        """To read along, or to be a bot: what changed since then would have been reported."""
        if (team, user) in self._bots:
            return True
        known = self._known.get((team, user))
        return bool(known and known.standing and not known.doubted and self._age(known) < _REMEMBERED)

    async def known(self, team: str, user: str) -> str | None:
        """The person id behind an account that any process has met."""
        await self._catch_up()
        return self.mentioned(team, user)

    async def changed(self, team: str, user: str) -> None:
        """Something about somebody changed: every process asks about them again."""
        self._nobody.pop((team, user), None)
        await self._accounts.doubt(platform_of(team), user)
        self._take_in(await self._accounts.news(self._heard))

    async def groups_changed(self, team: str) -> None:
        """Others are in a group now, so roles may differ: in every process."""
        await self._accounts.groups_changed(platform_of(team))
        self._take_in(await self._accounts.news(self._heard))

    def user(self, team: str, person: str) -> str | None:
        """The Slack id of a person in a workspace."""
        return self._users.get((team, person)) or self._own.user(team, person)

    def mentioned(self, team: str, user: str) -> str | None:
        """The person id behind a mention, of somebody who was seen."""
        known = self._known.get((team, user))
        return known.person.id if known else None

    async def members_of(self, team: str, group: str) -> frozenset[str]:
        """The users of a group, by its id or handle; nobody for a group that is not there."""
        return await self._groups.members_of(team, group)

    async def _ask(self, team: str, user: str) -> Person | None:
        asked_at, state = self._heard, self._groups.state(team)
        said = (await self._web.call(team, "users.info", user=user)).get("user", {})
        if said.get("is_bot") or user == "USLACKBOT":
            self._bots.add((team, user))
            self._note_nobody(team, user)
            return None
        standing = _standing(team, said)
        groups = await self._groups_of(team, user) if standing == "member" else ()
        account = Account(
            platform=platform_of(team),
            account=user,
            person=self._identity(team, user, said),
            seen_at=self._clock.now(),
            standing=standing,
            groups=groups,
            as_of=state,
        )
        account = account.model_copy(update={"person": self._entitled(account, certain=True)})
        kept = await self._accounts.remember(account, asked_at=asked_at)
        self._keep(kept)
        return self._admit(kept, certain=True)

    async def _groups_of(self, team: str, user: str) -> tuple[str, ...]:
        """In which of the settings' groups somebody is. Any workspace can have one of that name; only ours count."""
        if not self._settings.believes(team):
            return ()
        return tuple([group for group in self._settings.groups if user in await self.members_of(team, group)])

    def _note_nobody(self, team: str, user: str) -> None:
        """A bot, or not there: not asked again for a while."""
        self._nobody[team, user] = self._clock.now()
        while len(self._nobody) > _MOST_KEPT:
            del self._nobody[next(iter(self._nobody))]

    async def _lose(self, team: str, user: str, known: Account | None) -> None:
        """Slack knows them no more, or does not show them: as good as deactivated."""
        self._note_nobody(team, user)
        if known is not None and known.standing != "gone":
            gone = known.model_copy(update={"standing": "gone", "groups": (), "seen_at": self._clock.now()})
            gone = gone.model_copy(update={"person": self._entitled(gone, certain=True)})
            self._keep(await self._accounts.remember(gone, asked_at=self._heard))

    def _keep(self, account: Account) -> None:
        """The newest word about an account, whichever process had it."""
        team = team_of(account.platform)
        known = self._known.get((team, account.account))
        if (known and known.change > account.change) or not self._own.agrees(team, account.account, account.person.id):
            return
        self._known[team, account.account] = account
        if known and known.person.id != account.person.id and self._users.get((team, known.person.id)) == known.account:
            del self._users[team, known.person.id]
            self._directory.forget(known.person.id, known.platform)
        self._admit(account, certain=self._is_undoubted(team, account) and self._age(account) < BELIEVED)

    def _admit(self, account: Account, *, certain: bool) -> Person:
        """Let the rest of the bot know who this is now. One that is gone takes nobody's place."""
        team, person = team_of(account.platform), self._entitled(account, certain=certain)
        if account.standing != "gone" or self._users.get((team, person.id)) in {None, account.account}:
            self._users[team, person.id] = account.account
            self._directory.add(person, account.platform)
        return person

    def _identity(self, team: str, user: str, said: dict[str, Any]) -> Person:
        """Whose account it is, and what they are called; not yet what they may do."""
        profile = said.get("profile", {})
        handle = str(said.get("name", ""))
        named = self._own.person(team, user, str(profile.get("email", "")) if _has_own_address(team, said) else "")
        if named is not None:
            return named.model_copy(update={"handle": handle})
        zone = str(said.get("tz", ""))
        return Person(
            id=f"{PLATFORM}-{team}-{user}".lower(),
            name=str(profile.get("real_name") or said.get("real_name") or said.get("name") or user)[:80],
            roles=frozenset(),
            timezone=zone if zone in _ZONES else "UTC",
            title=str(profile.get("title", ""))[:80],
            handle=handle,
        )

    def _entitled(self, account: Account, *, certain: bool) -> Person:
        """What somebody may do by what Slack said and the settings say now. Not `certain`: groups do not count."""
        own = self._own.of(account.person.id)
        whole = own.model_copy(update={"handle": account.person.handle}) if own else account.person
        if account.standing == "gone":
            return whole.model_copy(update={"roles": frozenset(), "groups": frozenset(), "caveat": ""})
        steady = own.roles if own else frozenset(self._granted(account.standing))
        lending = self._settings.groups if self._settings.believes(team_of(account.platform)) else {}
        groups = {group: lending[group] for group in account.groups if group in lending}
        lent = {role for roles in groups.values() for role in roles}
        if certain:
            named = frozenset(f"{PLATFORM}:{group}" for group in groups)
            return whole.model_copy(update={"roles": steady | lent, "groups": named, "caveat": ""})
        only_named = any(not roles for roles in groups.values())  # for the policy, which then does not see them
        caveat = _WITHHELD if lent - steady or only_named else ""
        return whole.model_copy(update={"roles": steady, "groups": frozenset(), "caveat": caveat})

    def _granted(self, standing: str) -> Iterable[OrgRole]:
        granted = {"member": self._settings.members, "guest": self._settings.guests}
        return self._settings.strangers if standing == "stranger" else granted.get(standing, ())


def _standing(team: str, said: dict[str, Any]) -> _Standing:
    if said.get("deleted"):
        return "gone"
    if said.get("is_stranger") or said.get("team_id", team) != team:
        return "stranger"
    return "guest" if _is_guest(said) else "member"


def _is_guest(said: dict[str, Any]) -> bool:
    return bool(said.get("is_restricted") or said.get("is_ultra_restricted"))


def _has_own_address(team: str, said: dict[str, Any]) -> bool:
    """Whether the workspace itself vouches for the address: not of guests and strangers, nor an unconfirmed one."""
    at_home = not said.get("is_stranger") and said.get("team_id", team) == team
    return at_home and not _is_guest(said) and said.get("is_email_confirmed", True) is not False
