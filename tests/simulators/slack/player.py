"""Somebody before a terminal who is one person of the simulated Slack after the other."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from bot.platforms.slack.subscriptions import ADD_TO_TIMELINE, DECLARE
from tests.simulators.slack.errors import NotPossible
from tests.simulators.slack.model import Channel, Message
from tests.simulators.slack.simulator import Slack

_HELP = """
  /incident …  /gw …  @tocsin …  anything      typed in the channel by whom you are
  :as NAME            be somebody else: ana, ben, carla, dora, gus
  :in CHANNEL         go to a channel (join it where you are not in it); :in 1 is the newest incident's
  :channels           the channels, with their topics
  :read               the whole channel as it is now
  :press LABEL        press the newest button with this label, here
  :open               the form "Declare an incident";  :fill LABEL = VALUE   :submit   :close
  :keep WORDS         "Add to timeline" on the newest message with these words
  :react NAME WORDS   put a reaction on the newest message with these words
  :direct TEXT        write to Tocsin alone;  :home   your App Home
  :wait SECONDS       let time pass
  :trouble            what no correct app does, and calls that came too fast
  :quit
"""
_LOOK_SECONDS, _QUIET_SECONDS = 0.15, 0.6


class Player:
    """Types for people, and prints whatever the one who looks would see, as it happens."""

    def __init__(self, slack: Slack, *, by_hand: bool) -> None:
        self._slack = slack
        self._by_hand = by_hand
        self._who, self._where = "ana", "general"
        self._seen: dict[tuple[str, str], str] = {}
        self._form = ""
        self._known: dict[str, Callable[[str], Awaitable[None]]] = {
            "as": self._become,
            "in": self._go,
            "channels": self._channels,
            "read": self._read,
            "press": self._press,
            "open": self._open,
            "fill": self._fill,
            "submit": self._submit,
            "close": self._close,
            "keep": self._keep,
            "react": self._react,
            "direct": self._direct,
            "home": self._home,
            "wait": self._wait,
            "trouble": self._trouble,
            "help": self._help,
        }

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Line by line. Lines of a file wait until the one before has had its effect."""
        watching = asyncio.create_task(self._watch())
        try:
            self._prompt()
            async for line in lines:
                if line in {":quit", ":q"}:
                    break
                await self._line(line)
                self._prompt()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self._look()

    async def _line(self, line: str) -> None:
        if not self._by_hand and line:
            print(line)
        try:
            await self._do(line)
        except (NotPossible, StopIteration, KeyError, ValueError) as refused:
            print(f"  Slack: {refused}")
        if not self._by_hand:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    await self._slack.quiet(_QUIET_SECONDS)
            self._look()

    async def _do(self, line: str) -> None:
        slack, (word, _, rest) = self._slack, line.partition(" ")
        if line.startswith(":"):
            if word[1:] not in self._known:
                raise NotPossible(f"{word} is no command here; :help lists them")
            await self._known[word[1:]](rest.strip())
        elif line.startswith("/"):
            await slack.slash(self._who, word, rest, channel=self._where)
        elif line:
            await slack.say(self._who, self._where, line)

    def _prompt(self) -> None:
        print(f"{self._who} #{self._where}> ", end="", flush=True)

    # ------------------------------------------------------------ what is seen

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._by_hand:
                self._look()

    def _look(self) -> None:
        """Print what is new or changed where one is."""
        news = [text for channel in self._mine() for one in channel.messages if (text := self._new(channel, one))]
        view = self._slack.modal(self._who)
        form = self._slack.core.transcripts.view(view) if view else ""
        if form != self._form:
            self._form = form
            news += [_boxed(form)] if form else []
        if news:
            print("\r" + "\n".join(news), flush=True)
            if self._by_hand:
                self._prompt()

    def _mine(self) -> list[Channel]:
        return [one for one in self._slack.team.channels.values() if self._me in one.members]

    @property
    def _me(self) -> str:
        return self._slack.user(self._who).id

    def _new(self, channel: Channel, message: Message) -> str:
        """A message as it is now, unless that was shown before; what is for somebody else alone is not."""
        if message.ephemeral_to not in {"", self._me}:
            return ""
        lines = self._slack.core.transcripts.message(channel, message)
        key, text = (channel.id, message.ts), "\n".join(f"    {line}" for line in lines)
        if self._seen.get(key) == text:
            return ""
        self._seen[key] = text
        return f"  #{channel.name}\n{text}"

    # ------------------------------------------------------------ what is done

    async def _become(self, name: str) -> None:
        self._slack.user(name)
        self._who = name
        if self._me not in self._slack.channel(self._where).members:
            self._where = self._mine()[0].name

    async def _go(self, name: str) -> None:
        if name.isdigit():
            made = [one.name for one in self._slack.team.channels.values() if one.name.startswith("incident-")]
            name = sorted(made)[-int(name)] if made else name
        channel = self._slack.channel(name.removeprefix("#"))
        if self._me not in channel.members:
            await self._slack.join(self._who, channel)
        self._where = channel.name

    async def _channels(self, _: str) -> None:
        for one in self._slack.team.channels.values():
            inside = "*" if self._me in one.members else " "
            print(f"  {inside} #{one.name:<26} {one.topic.value}")

    async def _read(self, _: str) -> None:
        channel = self._slack.channel(self._where)
        print(f"  #{channel.name}: {channel.topic.value}\n" + self._slack.transcript(channel))

    async def _press(self, label: str) -> None:
        channel, words = self._slack.channel(self._where), self._slack.core.transcripts
        seen = [one for one in channel.messages if one.ephemeral_to in {"", self._me}]
        shown = [one for one in reversed(seen) if f"[{label}]" in "\n".join(words.message(channel, one))]
        if not shown:
            raise NotPossible(f"no message here has the button [{label}]")
        await self._slack.click(self._who, shown[0], label, channel=channel)

    async def _open(self, _: str) -> None:
        await self._slack.global_shortcut(self._who, DECLARE)

    async def _fill(self, text: str) -> None:
        label, _, value = text.partition("=")
        view = self._slack.modal(self._who)
        if view is None:
            raise NotPossible("no form is open; :open opens one")
        self._slack.fill(view, {label.strip(): value.strip()})

    async def _submit(self, _: str) -> None:
        await self._slack.submit(self._who)

    async def _close(self, _: str) -> None:
        await self._slack.close(self._who)

    async def _keep(self, words: str) -> None:
        await self._slack.message_shortcut(self._who, self._where, words, ADD_TO_TIMELINE)

    async def _react(self, text: str) -> None:
        name, _, words = text.partition(" ")
        await self._slack.react(self._who, self._where, words, name.strip(":"))

    async def _direct(self, text: str) -> None:
        await self._slack.direct(self._who, text)

    async def _home(self, _: str) -> None:
        await self._slack.open_home(self._who)
        await self._slack.quiet(_QUIET_SECONDS)
        print(_boxed(self._slack.home(self._who)))

    async def _wait(self, seconds: str) -> None:
        await asyncio.sleep(float(re.sub(r"[^\d.]", "", seconds) or 1))

    async def _trouble(self, _: str) -> None:
        wrong = [*self._slack.violations, *(f"too fast: {one.method}" for one in self._slack.rate_limited)]
        print("\n".join(f"  {one}" for one in wrong) or "  none")

    async def _help(self, _: str) -> None:
        print(_HELP)


def _boxed(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())
