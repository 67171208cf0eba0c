"""Brings people into a channel: each once. Whom Slack does not let in is said there, since somebody waits for them."""

from __future__ import annotations

from typing import Any

from bot.platforms.slack.installs import Install
from bot.platforms.slack.people import People
from bot.platforms.slack.places import Spot
from bot.platforms.slack.refusals import Tell, explained
from bot.platforms.slack.web import Barred, Busy, Refused, Unclear, Web
from commands.cards import Code, Rich, Who, coded, rich
from commands.ports import Room

_THERE = {"already_in_channel", "cant_invite_self"}
#: What is wrong with one person, and not with the channel or with us.
_THEIR_OWN = {
    "cant_invite",
    "invitee_cant_see_channel",
    "no_external_invite_permission",
    "no_permission",
    "org_user_not_in_team",
    "ura_max_channels",
    "user_is_restricted",
    "user_not_found",
}


class Inviting:
    """The people of a room and the groups that are invited to it."""

    def __init__(self, web: Web, people: People, tell: Tell) -> None:
        self._web = web
        self._people = people
        self._tell = tell

    async def invite(self, spot: Spot, room: Room, done: dict[str, Any], install: Install) -> None:
        """Bring in who is missing. `done` has who was invited, and who was refused and why: they are not asked again.

        Who is wanted no more, since they left, is forgotten there: whoever wants them again has them invited again.
        Raises Unclear while Slack does not say who somebody is: they are invited as soon as it does.
        """
        await self._people.meet(spot.team, room.members)
        known = [user for person in room.members if (user := self._people.user(spot.team, person))]
        others, unanswered = await self._of_groups(spot, room)
        if unanswered is None:
            _forget_all_but({*known, *others}, done)
        await self._invite_all(spot, room, [*known, *others], done, install)
        if unanswered is not None:
            raise unanswered
        unknown = [person for person in room.members if self._people.is_looked_for(spot.team, person)]
        if unknown:
            raise Unclear(f"Slack does not say who {', '.join(unknown)} are")

    async def _of_groups(self, spot: Spot, room: Room) -> tuple[list[str], Exception | None]:
        """Whom Slack says to be in the groups; what it said instead holds up nobody else."""
        found: list[str] = []
        try:
            for group in room.invite:
                found += await self._of_group(spot, room, group)
        except (Refused, Busy, Unclear) as error:
            return found, error
        return found, None

    async def _of_group(self, spot: Spot, room: Room, group: str) -> list[str]:
        """A person who is named among the groups, or the members of a group."""
        user = self._people.user(spot.team, group)
        members = [user] if user else sorted(await self._people.members_of(spot.team, group))
        if not members:
            await self._tell(
                room.name,
                f"Nobody of {group} could be invited.",
                coded(
                    "Slack knows no such group, or nobody is in it. An administrator can correct the group in Slack, "
                    "or `invite` in the settings of Tocsin."
                ),
                key=f"group:{group}",
            )
        return members

    async def _invite_all(
        self, spot: Spot, room: Room, users: list[str], done: dict[str, Any], install: Install
    ) -> None:
        invited, refused = list(done.get("invited", ())), dict(done.get("refused", {}))
        fresh: dict[str, Refused] = {}
        for user in dict.fromkeys(users):
            if user in invited or user in refused or user == install.bot_user:
                continue
            no = await self._invite_one(spot, user)
            if no is None:
                done["invited"] = invited = [*invited, user]
            else:
                fresh[user] = no
        if fresh:
            await self._tell_of(spot, room, fresh)
            done["refused"] = refused | {user: no.code for user, no in fresh.items()}

    async def _invite_one(self, spot: Spot, user: str) -> Refused | None:
        """Whether it was refused for what somebody is. Raises what is not about them."""
        try:
            await self._web.call(spot.team, "conversations.invite", channel=spot.channel, users=user)
        except Refused as refused:
            if refused.code in _THERE:
                return None
            if isinstance(refused, Barred) or refused.code not in _THEIR_OWN:
                raise
            return refused
        return None

    async def _tell_of(self, spot: Spot, room: Room, refused: dict[str, Refused]) -> None:
        lines = [rich(*await self._named(spot, user), ": ", *coded(explained(no))) for user, no in refused.items()]
        await self._tell(
            room.name,
            "Not everybody could be invited.",
            *lines,
            rich("They are not here. Call them otherwise, or try ", Code(text="/invite @name"), "."),
            key=f"invite:{','.join(sorted(refused))}",
        )

    async def _named(self, spot: Spot, user: str) -> Rich:
        try:
            person = await self._people.person(spot.team, user)
        except (Refused, Busy, Unclear):  # that it is told is worth more than their name
            person = None
        return (Who(person=person.id),) if person else rich(user)


def _forget_all_but(wanted: set[str], done: dict[str, Any]) -> None:
    done["invited"] = [user for user in done.get("invited", ()) if user in wanted]
    done["refused"] = {user: code for user, code in done.get("refused", {}).items() if user in wanted}
