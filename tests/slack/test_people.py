"""Who somebody in Slack is, and what they may do: by Slack's word, the settings, and the processes that share both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bot.platforms.slack.own_accounts import OwnAccounts
from bot.platforms.slack.people import BELIEVED, FRESH, People
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.web import Barred, Busy, Refused
from bot.store.accounts import Accounts
from bot.store.database import Database
from bot.store.migrations import migrate
from commands.people import Directory, OrgRole, Person
from tests.fakes import FakeClock

ANA = Person(id="ana", name="Ana", email="ana@acme.example", roles=frozenset({OrgRole.RESPONDER}))
BEN = Person(id="ben", name="Ben", roles=frozenset({OrgRole.OPERATOR}))
MINUTE = timedelta(minutes=1)


@dataclass
class Workspaces:
    """What Slack would say, and how often it was asked. Away, it says nothing; shut, our token is void."""

    users: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    groups: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False
    shut: bool = False

    def add(self, team: str, user: str, **more: Any) -> None:
        """Somebody."""
        profile = {"real_name": user, "email": more.pop("email", "")}
        self.users[team, user] = {"id": user, "team_id": team, "name": user.lower(), "profile": profile, **more}

    async def call(self, team: str, method: str, /, **arguments: Any) -> dict[str, Any]:
        """As Web.call."""
        self.asked.append((method, next(iter(arguments.values()), "")))
        if self.away:
            raise Busy(method)
        if self.shut:
            raise Barred(method, "token_revoked", everything=True)
        return getattr(self, method.replace(".", "_"))(team, **arguments)  # type: ignore[no-any-return]

    def users_info(self, team: str, user: str) -> dict[str, Any]:
        if (team, user) not in self.users:
            raise Refused("users.info", "user_not_visible" if user.startswith("UHIDDEN") else "user_not_found")
        return {"user": self.users[team, user]}

    def users_lookupByEmail(self, team: str, email: str) -> dict[str, Any]:  # noqa: N802 - Slack's name
        found = [one for (home, _), one in self.users.items() if home == team and one["profile"]["email"] == email]
        if not found:
            raise Refused("users.lookupByEmail", "users_not_found")
        return {"user": found[0]}

    def usergroups_list(self, team: str) -> dict[str, Any]:
        return {
            "usergroups": [{"id": f"S{name.upper()}", "handle": name} for home, name in self.groups if home == team]
        }

    def usergroups_users_list(self, team: str, usergroup: str) -> dict[str, Any]:
        return {"users": self.groups[team, usergroup.removeprefix("S").lower()]}


class Shared(Accounts):
    """As on Postgres, where other processes write too."""

    @property
    def are_shared(self) -> bool:
        return True


@dataclass
class Process:
    """One process of the bot, as far as people are concerned."""

    people: People
    directory: Directory

    def roles(self, person: str, team: str = "T1") -> set[str]:
        """What somebody may do there, as the pipeline sees it."""
        found = self.directory.get(person, f"slack:{team}")
        assert found is not None
        return {role.value for role in found.roles}


@dataclass
class Company:
    """What processes have in common."""

    database: Database
    slack: Workspaces = field(default_factory=Workspaces)
    clock: FakeClock = field(default_factory=FakeClock)

    async def process(self, **more: Any) -> Process:
        """Another process, just begun."""
        given = {"bot_token": "xoxb-1", "app_token": "xapp-1", "groups": {"sre": ["operator"]}} | more
        settings, directory = SlackSettings.model_validate(given), Directory([ANA, BEN])
        own = OwnAccounts([ANA, BEN], {"slack": {"UBEN": "ben"}, "slack:T2": {"UBEN2": "ben"}}, settings.believes)
        people = People(self.slack, Shared(self.database), directory, settings, self.clock, own)  # type: ignore[arg-type]
        await people.load()
        return Process(people, directory)

    def asked(self, method: str) -> int:
        """How often."""
        return [name for name, _ in self.slack.asked].count(method)


@pytest.fixture
async def company(sqlite_url: str) -> AsyncIterator[Company]:
    """Ana by her address, Ben by his id, and Dora of whom the settings know nothing. All are SREs."""
    async with founded(sqlite_url) as made:
        yield made


@asynccontextmanager
async def founded(url: str) -> AsyncIterator[Company]:
    """A company on a database."""
    database = Database(url)
    migrate(database.engine)
    made = Company(database)
    made.slack.add("T1", "UANA", email="ana@acme.example")
    made.slack.add("T1", "UBEN")
    made.slack.add("T1", "UDORA")
    made.slack.groups["T1", "sre"] = ["UDORA", "UANA", "UBEN"]
    yield made
    database.close()


OAUTH = {"bot_token": "", "client_id": "1", "client_secret": "2", "public_url": "https://tocsin.example"}


async def test_a_change_of_a_group_that_one_process_hears_of_counts_in_every_process_at_once(database_url: str) -> None:
    async with founded(database_url) as company:
        await _a_group_changes(company)


async def _a_group_changes(company: Company) -> None:
    one, other = await company.process(), await company.process()
    for process in (one, other):
        await process.people.person("T1", "UANA")
        assert process.roles("ana") == {"responder", "operator"}
    company.slack.groups["T1", "sre"] = []
    await other.people.person("T1", "UANA")
    assert other.roles("ana") == {"responder", "operator"}  # nobody has said anything yet
    await one.people.groups_changed("T1")
    await other.people.person("T1", "UANA")
    assert other.roles("ana") == {"responder"}
    asked = company.asked("users.info")
    await one.people.person("T1", "UANA")
    assert one.roles("ana") == {"responder"}
    assert company.asked("users.info") == asked  # what the other has learnt since then is enough


async def test_a_change_of_a_person_counts_in_every_process_at_once(company: Company) -> None:
    one, other = await company.process(), await company.process()
    await other.people.person("T1", "UDORA")
    company.slack.users["T1", "UDORA"]["deleted"] = True
    await one.people.changed("T1", "UDORA")
    await other.people.person("T1", "UDORA")
    assert other.roles("slack-t1-udora") == set()


async def test_what_was_asked_before_a_change_does_not_hide_it(company: Company) -> None:
    """One process has an answer of Slack, another hears of a change, and then the answer is written down."""
    one, other = await company.process(), await company.process()
    await one.people.person("T1", "UDORA")
    accounts = Accounts(company.database)
    old = await accounts.get("slack:T1", "UDORA")
    assert old is not None
    company.slack.groups["T1", "sre"] = []
    await other.people.changed("T1", "UDORA")
    assert (await accounts.remember(old, asked_at=old.change)).doubted
    await other.people.groups_changed("T1")
    await one.people.person("T1", "UDORA")
    assert one.roles("slack-t1-udora") == {"responder"}


async def test_a_workspace_gives_roles_for_what_is_done_in_it_alone(company: Company) -> None:
    process = await company.process(**OAUTH, workspaces=["T1", "T2"])
    company.slack.add("T2", "UANA2", email="ana@acme.example")
    company.slack.groups["T2", "sre"] = []
    await process.people.person("T1", "UANA")
    await process.people.person("T2", "UANA2")
    assert process.roles("ana", "T1") == {"responder", "operator"}
    assert process.roles("ana", "T2") == {"responder"}
    assert process.directory.get("ana", "console") == ANA.model_copy(update={"handle": "uana2"})
    assert OrgRole.OPERATOR in process.directory.find("@ana", "slack:T1").roles
    assert OrgRole.OPERATOR not in process.directory.find("@ana", "slack:T2").roles


async def test_who_is_deactivated_in_one_workspace_is_not_locked_out_elsewhere(company: Company) -> None:
    process = await company.process(**OAUTH, workspaces=["T1", "T2"])
    company.slack.add("T2", "UBEN2")
    company.slack.users["T1", "UBEN"]["deleted"] = True
    await process.people.person("T2", "UBEN2")
    await process.people.person("T1", "UBEN")
    assert process.roles("ben", "T1") == set()
    assert process.roles("ben", "T2") == {"operator"}
    assert process.roles("ben", "console") == {"operator"}


async def test_a_workspace_that_the_settings_do_not_name_vouches_for_nobody(company: Company) -> None:
    """Whoever installs Tocsin where anybody may can give an account any address, and a group any handle."""
    process = await company.process(**OAUTH, workspaces=["*", "T1"])
    company.slack.add("T2", "UEVE", email="ana@acme.example")
    company.slack.add("T2", "UBEN", email="")
    company.slack.groups["T2", "sre"] = ["UEVE", "UBEN"]
    company.slack.add("T2", "UBEN2")
    for user in ("UEVE", "UBEN"):
        person = await process.people.person("T2", user)
        assert person is not None
        assert (person.id, person.roles) == (f"slack-t2-{user.lower()}", {OrgRole.RESPONDER})
    await process.people.meet("T2", ["ana"])
    assert process.people.user("T2", "ana") is None
    ben = await process.people.person("T2", "UBEN2")  # named with its workspace
    assert ben is not None
    assert ben.id == "ben"
    await process.people.person("T1", "UANA")
    assert process.roles("ana", "T1") == {"responder", "operator"}


@pytest.mark.parametrize(
    "who",
    [
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"team_id": "T9"},
        {"is_restricted": True, "deleted": True},
        {"team_id": "T9", "deleted": True},
    ],
)
async def test_an_address_makes_a_guest_or_a_stranger_nobody_else(company: Company, who: dict[str, Any]) -> None:
    process = await company.process()
    await process.people.person("T1", "UANA")
    company.slack.add("T1", "UEVE", email="ana@acme.example", **who)
    company.slack.groups["T1", "sre"].append("UEVE")
    eve = await process.people.person("T1", "UEVE")
    assert eve is not None
    assert (eve.id, eve.roles) == ("slack-t1-ueve", frozenset())
    assert process.roles("ana") == {"responder", "operator"}
    assert process.people.user("T1", "ana") == "UANA"


async def test_an_address_that_was_not_confirmed_is_nobodys(company: Company) -> None:
    process = await company.process()
    company.slack.add("T1", "UEVE", email="ana@acme.example", is_email_confirmed=False)
    eve = await process.people.person("T1", "UEVE")
    assert eve is not None
    assert eve.id == "slack-t1-ueve"


async def test_while_slack_is_away_groups_are_believed_for_an_hour_and_names_of_the_settings_for_ever(
    company: Company,
) -> None:
    process = await company.process()
    for user in ("UBEN", "UDORA"):
        await process.people.person("T1", user)
    company.slack.away = True
    company.clock.advance(BELIEVED - MINUTE)
    dora = await process.people.person("T1", "UDORA")
    assert dora is not None
    assert (OrgRole.OPERATOR in dora.roles, dora.caveat) == (True, "")
    company.clock.advance(2 * MINUTE)
    dora = await process.people.person("T1", "UDORA")
    assert dora is not None
    assert dora.roles == {OrgRole.RESPONDER}
    assert "Slack does not say at the moment who is in its groups" in dora.caveat
    assert process.roles("slack-t1-udora") == {"responder"}
    ben = await process.people.person("T1", "UBEN")
    assert ben is not None
    assert (ben.roles, ben.caveat) == ({OrgRole.OPERATOR}, "")
    company.slack.away = False
    dora = await process.people.person("T1", "UDORA")
    assert dora is not None
    assert (dora.roles, dora.caveat) == ({OrgRole.RESPONDER, OrgRole.OPERATOR}, "")


async def test_while_our_token_is_void_who_is_known_is_let_in_as_while_slack_is_away(company: Company) -> None:
    process = await company.process()
    await process.people.person("T1", "UDORA")
    company.slack.shut = True
    company.clock.advance(BELIEVED - MINUTE)
    dora = await process.people.person("T1", "UDORA")
    assert dora is not None
    assert dora.roles == {OrgRole.RESPONDER, OrgRole.OPERATOR}
    company.clock.advance(2 * MINUTE)
    dora = await process.people.person("T1", "UDORA")
    assert dora is not None
    assert dora.roles == {OrgRole.RESPONDER}
    with pytest.raises(Barred):
        await process.people.person("T1", "UANA")


async def test_a_group_that_changed_gives_no_roles_until_slack_says_who_is_in_it(company: Company) -> None:
    process = await company.process()
    await process.people.person("T1", "UDORA")
    company.slack.away = True
    await process.people.groups_changed("T1")
    dora = await process.people.person("T1", "UDORA")
    assert dora is not None
    assert dora.roles == {OrgRole.RESPONDER}


async def test_a_new_process_asks_anew_and_believes_for_an_hour_what_another_has_learnt(company: Company) -> None:
    await (await company.process()).people.person("T1", "UDORA")
    company.slack.away = True
    later = await company.process()
    assert later.roles("slack-t1-udora") == {"responder", "operator"}
    company.clock.advance(BELIEVED + MINUTE)
    much_later = await company.process()
    assert much_later.roles("slack-t1-udora") == {"responder"}
    company.slack.away = False
    company.slack.groups["T1", "sre"] = []
    await later.people.person("T1", "UDORA")
    assert later.roles("slack-t1-udora") == {"responder"}


async def test_groups_are_known_by_name_to_the_policy_while_slacks_word_is_fresh(company: Company) -> None:
    """Also one that lends no role: the settings name it for the policy alone."""
    process = await company.process(groups={"sre": []})
    person = await process.people.person("T1", "UANA")
    assert person is not None
    assert (person.groups, person.roles) == ({"slack:sre"}, {"responder"})
    in_the_console = process.directory.get("ana")
    assert in_the_console is not None
    assert in_the_console.groups == frozenset()
    company.slack.away = True
    company.clock.advance(BELIEVED + MINUTE)
    later = await (await company.process(groups={"sre": []})).people.person("T1", "UANA")
    assert later is not None
    assert later.groups == frozenset()
    assert "who is in its groups" in later.caveat


async def test_the_settings_of_now_decide_about_accounts_that_were_met_before(company: Company) -> None:
    before = await company.process()
    for user in ("UANA", "UDORA"):
        await before.people.person("T1", user)
    company.slack.away = True
    stricter = await company.process(**OAUTH, workspaces=["*"])
    assert stricter.people.mentioned("T1", "UANA") is None
    assert stricter.roles("slack-t1-udora") == {"responder"}
    without_groups = await company.process(groups={})
    assert without_groups.roles("ana") == {"responder"}


async def test_who_has_another_address_now_is_somebody_else(company: Company) -> None:
    process = await company.process()
    await process.people.person("T1", "UANA")
    company.slack.users["T1", "UANA"]["profile"]["email"] = "other@acme.example"
    await process.people.changed("T1", "UANA")
    person = await process.people.person("T1", "UANA")
    assert person is not None
    assert person.id == "slack-t1-uana"
    assert process.people.user("T1", "ana") is None
    assert process.roles("ana") == {"responder"}  # what the settings say, and no group of that workspace


@pytest.mark.parametrize("user", ["UNONE", "UHIDDEN", "UBOT"])
async def test_who_is_not_there_or_a_bot_is_asked_about_once(company: Company, user: str) -> None:
    company.slack.add("T1", "UBOT", is_bot=True)
    process = await company.process()
    for _ in range(3):
        assert await process.people.person("T1", user) is None
    assert company.asked("users.info") == 1
    company.clock.advance(FRESH + MINUTE)
    assert await process.people.person("T1", user) is None
    assert company.asked("users.info") == 2


async def test_readers_are_known_only_where_slack_shows_each_of_them(company: Company) -> None:
    company.slack.add("T1", "UBOT", is_bot=True)
    process = await company.process()
    readers = await process.people.readers("T1", ["UANA", "UBOT"])
    assert readers is not None
    assert [one.id for one in readers] == ["ana"]
    assert await process.people.readers("T1", ["UANA", "UBOT", "UHIDDEN"]) is None
    asked = company.asked("users.info")
    assert await process.people.readers("T1", ["UANA", "UBOT", "UHIDDEN"]) is None
    assert company.asked("users.info") == asked


async def test_who_is_shown_no_more_may_do_nothing_in_any_process(company: Company) -> None:
    one, other = await company.process(), await company.process()
    await other.people.person("T1", "UDORA")
    del company.slack.users["T1", "UDORA"]
    await one.people.changed("T1", "UDORA")
    assert await one.people.person("T1", "UDORA") is None
    await other.people.known("T1", "UDORA")
    assert other.roles("slack-t1-udora") == set()
