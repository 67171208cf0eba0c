"""What people do with channels, workspaces and each other."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.simulators.slack import outlook
from tests.simulators.slack.errors import NotPossible
from tests.simulators.slack.human.base import Person, Where, Which, Who
from tests.simulators.slack.installs import SCOPES
from tests.simulators.slack.model import Channel, Group, Kind, Role, Team, Token, User


class Govern(Person):
    """Channels, people, installations."""

    def add_team(self, name: str, domain: str = "") -> Team:
        """Another workspace, with Slackbot in it."""
        state = self.core.state
        team = Team(state.id("T"), name, domain or name.lower())
        state.teams[team.id] = team
        slackbot = User("USLACKBOT", team.id, "slackbot", "Slackbot", f"slackbot@{team.domain}.example")
        team.users[slackbot.id] = slackbot
        return team

    def add_user(
        self, name: str, role: Role = "member", *, real_name: str = "", email: str = "", team: str = ""
    ) -> User:
        """Another person, who is in #general if they may."""
        place = self.core.state.team(team)
        user = self.core.state.add_user(place, name, role, real_name, email)
        for channel in place.channels.values():
            if channel.general and not user.is_guest and role != "bot":
                channel.members.append(user.id)
        return user

    def add_stranger(self, name: str, channel: Where, *, team: str, real_name: str = "") -> User:
        """Somebody of another organisation in a channel that is shared with it by Slack Connect."""
        place = self.channel(channel)
        home = next((one for one in self.core.state.teams.values() if team in {one.id, one.name}), None)
        home = home or self.add_team(team)
        user = self.core.state.add_user(home, name, "member", real_name)
        if home.id not in place.connected and home.id != place.team:
            place.connected.append(home.id)
        place.members.append(user.id)
        return user

    def add_group(self, handle: str, users: Iterable[Who], *, name: str = "", team: str = "") -> Group:
        """A user group."""
        place = self.core.state.team(team)
        members = [self.user(one).id for one in users]
        group = Group(self.core.state.id("S"), place.id, handle, name or handle.title(), members)
        place.groups[group.id] = group
        return group

    def set_group(self, handle: str, users: Iterable[Who]) -> None:
        """Other people are in a group."""
        for team in self.core.state.teams.values():
            for group in team.groups.values():
                if group.handle == handle:
                    group.users = [self.user(one).id for one in users]
                    self.core.happen.happened(
                        team, "subteam_members_changed", subteam_id=group.id, team_id=team.id, users=group.users
                    )

    def switch_group_off(self, handle: str) -> None:
        """A group is disabled: nobody is in it any more."""
        for team in self.core.state.teams.values():
            for group in team.groups.values():
                if group.handle == handle:
                    group.disabled = True
                    self.core.happen.happened(team, "subteam_updated", subteam=outlook.group(group))

    def add_channel(
        self, name: str, members: Iterable[Who] = (), *, kind: Kind = "public", team: str = "", general: bool = False
    ) -> Channel:
        """A channel that was there before the story begins: nobody hears of it."""
        place = self.core.state.team(team)
        people = [self.user(one).id for one in members]
        channel = self.core.state.add_channel(place, name, kind, people[0] if people else "USLACKBOT", people)
        channel.general = general
        return channel

    def invite_bot(self, channel: Where) -> None:
        """The bot is in a channel, without a word."""
        place = self.channel(channel)
        bot = self.core.state.installation(place.team).bot
        if bot.id not in place.members:
            place.members.append(bot.id)

    async def create_channel(self, who: Who, name: str, *, private: bool = False) -> Channel:
        """A human makes a channel."""
        user = self._acting(who)
        return self.core.happen.create(self._team_of(user), name, "private" if private else "public", user)

    async def join(self, who: Who, channel: Where) -> None:
        """Come into a public channel."""
        place, user = self._open(channel), self._acting(who)
        if place.kind != "public" or user.is_guest or user.id in place.members:
            raise NotPossible(f"{user.name} cannot join {place.name}")
        self.core.happen.join(place, user)

    async def invite(self, who: Who, channel: Where, guest: Who) -> None:
        """Bring somebody in, perhaps the bot."""
        place, user = self._open(channel), self._acting(who, channel)
        self.core.happen.join(place, self.user(guest), user.id)

    async def leave(self, who: Who, channel: Where) -> None:
        """Go out of a channel."""
        self.core.happen.leave(self.channel(channel), self._acting(who, channel))

    async def kick(self, who: Who, channel: Where, other: Who) -> None:
        """Send somebody away, perhaps the bot."""
        self._acting(who, channel)
        self.core.happen.leave(self.channel(channel), self.user(other))

    async def archive(self, who: Who, channel: Where) -> None:
        """Close a channel."""
        self.core.happen.archive(self._open(channel), self._acting(who, channel))

    async def unarchive(self, who: Who, channel: Where) -> None:
        """Open it again."""
        self.core.happen.unarchive(self.channel(channel), self._acting(who))

    async def rename(self, who: Who, channel: Where, name: str) -> None:
        """Give a channel another name."""
        self.core.happen.rename(self._open(channel), self._acting(who, channel), name)

    async def set_topic(self, who: Who, channel: Where, topic: str) -> None:
        """Write another topic."""
        self.core.happen.set_note(self._open(channel), self._acting(who, channel), "topic", topic)

    async def set_purpose(self, who: Who, channel: Where, purpose: str) -> None:
        """Write another description."""
        self.core.happen.set_note(self._open(channel), self._acting(who, channel), "purpose", purpose)

    async def pin(self, who: Who, channel: Where, message: Which) -> None:
        """Pin a message."""
        self.core.happen.pin(self._open(channel), self._acting(who, channel), self.message(channel, message))

    async def unpin(self, who: Who, channel: Where, message: Which) -> None:
        """Take a pin away."""
        self.core.happen.unpin(self._open(channel), self._acting(who, channel), self.message(channel, message))

    async def deactivate(self, who: Who) -> None:
        """An admin deactivates somebody, who is out of all channels at once."""
        user = self.user(who)
        team = self.core.state.teams[user.team]
        user.deleted = True
        for channel in team.channels.values():
            if user.id in channel.members and channel.kind in {"public", "private"}:
                channel.members.remove(user.id)
        self.core.happen.happened(team, "user_change", user=outlook.user(user, team=team.id))

    def install(self, team: str = "", scopes: Iterable[str] = SCOPES) -> Token:
        """The app is installed, as by the button on its own page."""
        return self.core.installs.install(self.core.state.team(team), scopes)

    def allow(self, who: Who, address: str) -> str:
        """Press Allow on the page that an install link opens; where the browser is sent then."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        if asked.get("client_id") != self.core.client_id:
            raise NotPossible(f"Slack knows no app {asked.get('client_id')!r}")
        user = self._acting(who)
        back = asked.get("redirect_uri", "")
        code = self.core.installs.code(self._team_of(user), user, asked.get("scope", "").split(","), back)
        return f"{back}?{urlencode({'code': code, 'state': asked.get('state', '')})}"

    async def uninstall(self, team: str = "") -> None:
        """An admin removes the app."""
        self.core.installs.uninstall(self.core.state.team(team))

    def revoke(self, token: str) -> None:
        """A token is dead from now on."""
        self.core.state.tokens[token].revoked = True
