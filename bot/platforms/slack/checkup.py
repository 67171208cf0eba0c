"""What `tocsin slack doctor` looks at in one workspace: scopes, the channel for announcements, people, groups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.findings import Finding, bad, good, note
from bot.platforms.slack.places import PLATFORM, platform_of
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.subscriptions import reasons, scopes
from bot.settings import PersonSettings, Settings

_PAGE, _FEW = 200, 5


class AskedInVain(Exception):  # noqa: N818 - an answer
    """Slack's name for what is wrong, or what is wrong with the way there."""


@dataclass(frozen=True)
class Answer:
    """What Slack said; the names of headers are in lower case."""

    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Workspace:
    """A workspace whose token works."""

    team: str
    name: str
    token: str

    def __str__(self) -> str:
        return f"{self.name} ({self.team})"


class Ask(Protocol):
    """A call of Slack's Web API. Raises AskedInVain."""

    def __call__(self, method: str, token: str = "", **arguments: Any) -> Awaitable[Answer]: ...


async def of_workspace(
    ask: Ask, workspace: Workspace, greeting: Answer, settings: Settings, section: SlackSettings
) -> AsyncIterator[Finding]:
    """All of one workspace. What needs a scope that is missing is not looked at."""
    granted = {one.strip() for one in greeting.headers.get("x-oauth-scopes", "").split(",")}
    missing = [scope for scope in scopes() if scope not in granted]
    if missing:
        for scope in missing:
            yield _of_scope(workspace, scope)
    else:
        yield good(f"{workspace}: all {len(scopes())} scopes are granted")
    checkup = _Checkup(ask, workspace, settings, section)
    for needed, look in (
        ("channels:read", checkup.announcements),
        ("users:read", checkup.people),
        ("usergroups:read", checkup.groups),
    ):
        if needed in granted:
            try:
                for finding in await look():
                    yield finding
            except AskedInVain as error:
                yield bad(f"{workspace}: Slack answers {error}", "run the doctor again in a minute")


def _of_scope(workspace: Workspace, scope: str) -> Finding:
    """The scope, and what stops working without it."""
    why = list(dict.fromkeys(one.partition(": ")[2] or one for one in reasons()[scope]))
    return bad(
        f"{workspace}: the scope {scope} is missing; without it: {'; '.join(why)}",
        "put the manifest into the app's settings again (`tocsin slack manifest`), and reinstall it",
    )


class _Checkup:
    """A look at each thing that the settings name."""

    def __init__(self, ask: Ask, workspace: Workspace, settings: Settings, section: SlackSettings) -> None:
        self._ask = ask
        self._workspace = workspace
        self._settings = settings
        self._section = section

    async def announcements(self) -> list[Finding]:
        """The channel for announcements, and whether Tocsin may speak there."""
        name, where = self._settings.announce_in, f"{self._workspace}: #{self._settings.announce_in}"
        found = await self._pages("conversations.list", "channels", types="public_channel,private_channel")
        channel = next((one for one in found if one.get("name") == name), None)
        if channel is None:
            return [
                note(
                    f"{where} is not there, or private and without Tocsin",
                    "it is made, else type /invite @Tocsin in it",
                )
            ]
        if channel.get("is_archived"):
            return [bad(f"{where} is archived", "unarchive it, or announce elsewhere (announce_in)")]
        if channel.get("is_member") or not channel.get("is_private"):
            return [good(f"{where} takes the announcements")]
        return [bad(f"{where} is private, and Tocsin is not in it", "type /invite @Tocsin in it")]

    async def people(self) -> list[Finding]:
        """Whether the people of the settings have accounts there."""
        known = {str(one["id"]): one for one in await self._pages("users.list", "members")}
        emails = {str(one.get("profile", {}).get("email", "")).casefold() for one in known.values() if _active(one)}
        wrong = [finding for one in self._settings.people for finding in self._of_person(one, known)]
        lost = [
            one.id
            for one in self._settings.people
            if not self._account(one) and (not one.email or one.email.casefold() not in emails)
        ]
        if lost:
            some = ", ".join(lost[:_FEW]) + (f" and {len(lost) - _FEW} more" if len(lost) > _FEW else "")
            wrong.append(note(f"{self._workspace}: no account of {some}", "set people[].email or people[].accounts"))
        return wrong or [good(f"{self._workspace}: everybody of the settings has an account")]

    def _of_person(self, person: PersonSettings, known: Mapping[str, Any]) -> list[Finding]:
        account = self._account(person)
        if not account or (account in known and _active(known[account])):
            return []
        state = "is deactivated" if account in known else "does not exist"
        return [
            bad(
                f"{self._workspace}: the account {account} of {person.id} {state}",
                "correct people[].accounts, or leave it out",
            )
        ]

    def _account(self, person: PersonSettings) -> str:
        """The account that the settings name: of this workspace, or of the only one."""
        alone = "" if self._section.has_oauth else person.accounts.get(PLATFORM, "")
        return person.accounts.get(platform_of(self._workspace.team), alone)

    async def groups(self) -> list[Finding]:
        """Whether the groups that give roles, or are invited, exist."""
        named = {*self._section.groups, *self._invited()}
        if not named:
            return []
        there = (await self._ask("usergroups.list", self._workspace.token)).body.get("usergroups", ())
        known = {one.get("id") for one in there} | {one.get("handle") for one in there}
        lost = sorted(one for one in named if one.lstrip("@") not in known)
        if not lost:
            return [good(f"{self._workspace}: the groups of the settings exist")]
        tell = note if self._section.has_oauth else bad
        return [
            tell(
                f"{self._workspace}: there is no group {', '.join(lost)}",
                "make it in Slack, or correct groups and invite",
            )
        ]

    def _invited(self) -> set[str]:
        people = {one.id for one in self._settings.people}
        return {one for names in self._settings.invite.values() for one in names if one.lstrip("@") not in people}

    async def _pages(self, method: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            said = await self._ask(method, self._workspace.token, limit=_PAGE, **arguments, **more)
            found += said.body.get(key, ())
            cursor = str((said.body.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return found


def _active(user: Mapping[str, Any]) -> bool:
    return not user.get("deleted")
