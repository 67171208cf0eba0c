"""What people write: commands, messages, reactions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from tests.simulators.slack.deliveries import Ack
from tests.simulators.slack.errors import NotPossible, Refused
from tests.simulators.slack.human.base import Person, Where, Which, Who
from tests.simulators.slack.model import Channel, File, Message, ResponseUrl, Team, User

Upload = tuple[str, bytes]

_URL = re.compile(r"https?://[^\s<>|]+")
_NAME = re.compile(r"(?<!\w)@([\w.-]*\w)")
_PLACE = re.compile(r"(?<![\w&])#([\w-]+)")
_LABELLED = re.compile(r"<@(\w+)>")
_ALL = {"channel", "here", "everyone"}


class Talk(Person):
    """Typing."""

    async def slash(
        self, who: Who, command: str, text: str = "", *, channel: Where = "general", thread: Which | None = None
    ) -> Ack:
        """Type a slash command; what the app acknowledged it with."""
        place, user = self._open(channel), self._acting(who, channel)
        if thread is not None:
            raise NotPossible(f"{command} is not supported in threads. Sorry!")
        if user.team != place.team:
            raise NotPossible("people of other organisations have no slash commands of this app")
        url, payload = self._typed(user, place, command, text)
        ack = await self.core.deliveries.ask("slash", payload)
        if not ack.ok:
            self._complain(place, user, command, ack)
        elif ack.body:
            self._say_back(url, ack)
        return ack

    def typed_commands(
        self, who: Who, command: str, text: str = "", *, channel: Where = "general", times: int = 1
    ) -> list[dict[str, Any]]:
        """What Slack would deliver for so many commands, for a program that signs and delivers them by itself."""
        place, user = self._open(channel), self._acting(who, channel)
        return [self._typed(user, place, command, text)[1] for _ in range(times)]

    def _typed(self, user: User, place: Channel, command: str, text: str) -> tuple[ResponseUrl, dict[str, Any]]:
        team = self._team_of(user, place)
        url = self._response_url(team, place, user)
        payload = self._command(team, place, user) | {"command": command, "text": self._said(team, text)}
        return url, payload | {"response_url": f"{self.core.base_url}/commands/{url.id}"}

    def _said(self, team: Team, text: str) -> str:
        """The words of a command: escaped, and with names and links resolved where the app asked for that."""
        return self.typed(team, text, labels=True) if self.core.should_escape else escape(text, quote=False)

    def _say_back(self, url: Any, ack: Ack) -> None:
        body = ack.body if isinstance(ack.body, dict) else {"text": str(ack.body)}
        try:
            self.responses.check(body, "slash acknowledgement")
            self.responses.say(url, body)
        except Refused as refused:
            self.core.violation(f"slash acknowledgement: {refused.error}")

    def _command(self, team: Team, place: Channel, user: User) -> dict[str, Any]:
        names = {"public": place.name, "private": "privategroup", "im": "directmessage", "mpim": place.name}
        return {
            "token": "verification-token",
            "api_app_id": self.core.app_id,
            "team_id": team.id,
            "team_domain": team.domain,
            "channel_id": place.id,
            "channel_name": names[place.kind],
            "user_id": user.id,
            "user_name": user.name,
            "is_enterprise_install": "false",
            "trigger_id": self._trigger(team, user),
        }

    async def say(
        self,
        who: Who,
        channel: Where,
        text: str,
        *,
        thread: Which | None = None,
        files: Sequence[Upload] = (),
    ) -> Message:
        """Write a message; `@name` becomes a mention, the rest is escaped as a client does."""
        place, user = self._open(channel), self._acting(who, channel)
        team = self._team_of(user, place)
        known = [self._upload(team, user, place, one) for one in files]
        message = self.core.happen.message(
            place,
            user,
            self.typed(team, text),
            thread_ts=self._thread_ts(place, thread),
            files=[one.id for one in known],
            subtype="file_share" if known else "",
        )
        self.core.happen.post(place, message)
        for one in known:
            self.core.happen.file_shared(place, user, one)
        self._share(team, place, user, message)
        return message

    async def mention(
        self, who: Who, channel: Where, text: str, *, thread: Which | None = None, files: Sequence[Upload] = ()
    ) -> Message:
        """Write to the bot by name."""
        bot = self.core.state.installation(self._team_of(self.user(who), self.channel(channel)).id).bot
        return await self.say(who, channel, f"@{bot.name} {text}", thread=thread, files=files)

    async def direct(self, who: Who, text: str) -> Message:
        """Write to the bot alone."""
        user = self._acting(who)
        team = self._team_of(user)
        place = self.core.state.direct(team, self.core.state.installation(team.id).bot.id, user.id)
        return await self.say(user, place, text)

    def _thread_ts(self, place: Channel, thread: Which | None) -> str:
        if thread is None:
            return ""
        parent = self.message(place, thread)
        return parent.thread_ts or parent.ts

    def _upload(self, team: Team, user: User, place: Channel, upload: Upload) -> File:
        name, content = upload
        file = File(self.core.state.id("F"), team.id, user.id, name, len(content), int(self.core.state.now))
        file.content, file.complete, file.channels = content, True, [place.id]
        file.url = f"{self.core.base_url}/files-pri/{team.id}-{file.id}/{name}"
        team.files[file.id] = file
        return file

    def typed(self, team: Team, text: str, *, labels: bool = False) -> str:
        """What a client sends for what was typed; in commands, names go along with the ids."""
        safe = _URL.sub(lambda match: f"<{match[0]}>", escape(text, quote=False))
        linked = _PLACE.sub(lambda match: self._linked(team, match), safe)
        named = _NAME.sub(lambda match: self._mentioned(team, match), linked)
        return _LABELLED.sub(lambda match: self._labelled(team, match[1]), named) if labels else named

    def _linked(self, team: Team, match: re.Match[str]) -> str:
        known = [one for one in team.channels.values() if one.name == match[1]]
        return f"<#{known[0].id}|{known[0].name}>" if known else match[0]

    def _labelled(self, team: Team, user: str) -> str:
        return f"<@{user}|{team.users[user].name}>"

    def _mentioned(self, team: Team, match: re.Match[str]) -> str:
        if match[1] in _ALL:
            return f"<!{match[1]}>"
        for one in team.users.values():
            if one.name == match[1]:
                return f"<@{one.id}>"
        for group in team.groups.values():
            if group.handle == match[1]:
                return f"<!subteam^{group.id}>"
        return match[0]

    def _share(self, team: Team, place: Channel, user: User, message: Message) -> None:
        urls = [one for one in re.findall(r"<(https?://[^|>]+)", message.text) if self._interesting(one)]
        if urls:
            self.core.shared_links[f"{place.id} {message.ts}"] = urls
            self.core.happen.link_shared(place, user, message, urls)

    def _interesting(self, url: str) -> bool:
        host = url.split("/")[2].split(":", maxsplit=1)[0]
        return any(host == domain or host.endswith("." + domain) for domain in self.core.unfurl_domains)

    async def share_link(self, who: Who, channel: Where, url: str, *, thread: Which | None = None) -> Message:
        """Write a link of which the app wants to know."""
        if not self._interesting(url):
            raise NotPossible(f"the app has not asked for links of {url}; add it to unfurl_domains")
        return await self.say(who, channel, f"see {url}", thread=thread)

    async def edit(self, who: Who, channel: Where, message: Which, text: str) -> Message:
        """Change one's own message."""
        place, user = self._open(channel), self._acting(who, channel)
        known = self.message(place, message)
        if known.user != user.id:
            raise NotPossible("people edit their own messages only")
        self.core.happen.edit(place, known, {"text": self.typed(self._team_of(user, place), text)})
        return known

    async def delete(self, who: Who, channel: Where, message: Which) -> None:
        """Take a message away: one's own, or as an admin any."""
        place, user = self._open(channel), self._acting(who, channel)
        known = self.message(place, message)
        if known.user != user.id and user.role not in {"admin", "owner"}:
            raise NotPossible("people delete their own messages only")
        self.core.happen.delete(place, known)

    async def react(self, who: Who, channel: Where, message: Which, name: str) -> None:
        """Give an emoji."""
        place, user = self._open(channel), self._acting(who, channel)
        known = self.message(place, message)
        if known.ephemeral_to or user.id in known.reactions.get(name, []):
            raise NotPossible("nobody reacts twice, or to what only they see")
        self.core.happen.react(place, user, known, name.strip(":"))

    async def unreact(self, who: Who, channel: Where, message: Which, name: str) -> None:
        """Take it back."""
        place, user = self._open(channel), self._acting(who, channel)
        self.core.happen.unreact(place, user, self.message(place, message), name.strip(":"))
