"""A stage for transcripts: what a person types or clicks, and what everybody reads because of it."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from textwrap import dedent
from typing import Any, TypeVar

from bot.delivery import ClickDelivery, Receipt
from bot.keeper import BEAT_SECONDS
from bot.store.views import MessageView
from commands.cards import transcript as lines_of
from commands.domain.incident import Incident
from commands.domain.sli import Reading
from tests.fakes import START, FakeClock
from tests.world import World

F = TypeVar("F", bound=Callable[..., Any])

_RANDOM = (
    (re.compile(r"plan-(\d{8})-[0-9a-f]{8}"), r"plan-\1-…"),
    (re.compile(r"ask-[0-9a-f]{12}"), "ask-…"),
    (re.compile(r"silence-[0-9a-f]{8}"), "silence-…"),
    (re.compile(r"pub-[0-9a-f]{8}"), "pub-…"),
    (re.compile(r"page-[0-9a-f]{12}"), "page-…"),
    (re.compile(r"maint-[0-9a-f]{8}"), "maint-…"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "(hash)"),
)


def transcript(*commands: str) -> Callable[[F], F]:
    """Says which commands a test transcribes; `test_transcripts.py` reads it and misses those that have none."""
    assert commands
    return lambda test: test


def golden(text: str, *more: str) -> str:
    """The expected words, written in a test at its indent; then lines of more than one test, as they are read."""
    return "\n".join([dedent(text).strip(), *more])


class Still(FakeClock):
    """Time that passes when a test says so and while the engine waits, but not with the beats of the keeper."""

    def __init__(self, at: datetime = START) -> None:
        super().__init__(at)

    async def sleep(self, seconds: float) -> None:
        """The beats of the background come at their pace of the wall; short waits are over at once."""
        if seconds >= BEAT_SECONDS:
            await asyncio.sleep(0.05)
            return
        await super().sleep(seconds)


@dataclass(repr=False)
class Stage:
    """The world, and the last change that everybody has read."""

    world: World
    read_to: int = 0

    async def types(self, person: str, channel: str, text: str) -> str:
        """Type a line; everything that anybody reads because of it."""
        await self.world.command(person, channel, text)
        return await self.news()

    async def presses(self, person: str, channel: str, label: str) -> str:
        """Press the newest button with this label in a channel; everything that anybody reads because of it."""
        await self.clicks(person, await self.message_with(label, channel), label)
        return await self.news()

    async def clicks(self, person: str, message: MessageView, label: str) -> Receipt:
        """Press a button of a message as it was when somebody saw it."""
        token = self.token_of(message, label)
        click = ClickDelivery("console", uuid.uuid4().hex, person, message.channel, token)
        return await self.world.app.pipeline.click(click)

    async def declares(self, text: str = "sev1 API answers 502", *, person: str = "ana") -> Incident:
        """An incident, with everything that was said about it read."""
        incident = await self.world.declare(text, person=person)
        await self.news()
        return incident

    async def quietly(self, person: str, channel: str, *lines: str) -> None:
        """Type lines whose answers another transcript shows."""
        for line in lines:
            receipt = await self.world.command(person, channel, line)
            assert receipt.accepted, await self.world.read(receipt.reply_key, person)
        await self.news()

    async def asks(self, person: str, channel: str, text: str) -> str:
        """Type a line that only the asker hears about; what they read."""
        return stable(await self.world.say(person, channel, text))

    async def asks_card(self, plan_id: str = "") -> str:
        """The card of a plan, or of the newest."""
        plan = await self.world.plan(plan_id)
        return stable(await self.world.read(f"{plan.id}:card"))

    async def message_with(self, label: str, channel: str, person: str = "ana") -> MessageView:
        """The newest message of a channel with a button of this label."""
        shown = await self.world.app.record.messages(channel, person)
        return next(m for m in reversed(shown) if m.card and any(b.label == label for b in m.card.buttons))

    @staticmethod
    def token_of(message: MessageView, label: str) -> str:
        """What a click on the button sends."""
        assert message.card is not None
        return next(button.token for button in message.card.buttons if button.label == label)

    async def news(self) -> str:
        """Everything that was said or edited since the last time, and who sees it."""
        people = [person.id for person in self.world.app.services.directory]
        found = {person: await self._changes(person) for person in people}
        while await self._changes(people[0]) != found[people[0]]:  # something was said while they were asked in turn
            found = {person: await self._changes(person) for person in people}
        views: dict[int, MessageView] = {}
        readers: dict[int, set[str]] = {}
        for person in people:
            for view in found[person]:
                views[view.id] = view
                readers.setdefault(view.id, set()).add(person)
        ordered = sorted(views.values(), key=lambda view: (view.change, view.id))
        said = [self._shown(view, readers[view.id]) for view in ordered]
        self.read_to = max((view.change for view in ordered), default=self.read_to)
        return "\n".join(said)

    async def _changes(self, person: str) -> list[MessageView]:
        return await self.world.app.record.changes(self.read_to, person, limit=1000)

    def _shown(self, view: MessageView, readers: set[str]) -> str:
        everybody = {person.id for person in self.world.app.services.directory}
        audience = "all" if readers == everybody else f"only {', '.join(sorted(readers))}"
        notes = [audience, *(["pinned"] if view.pinned else []), *(["edited"] if view.edited_at else [])]
        text = lines_of(view.card, self.world.names) if view.card else f"{view.author}: {view.text}"
        return stable(f"[#{view.channel}, {', '.join(notes)}]\n{text}")

    async def drafted(self, incident: Incident) -> str:
        """Wait for the postmortem's draft of an incident; its text."""
        return str(
            await self.world.until(lambda: self.world.app.store.look(lambda tx: tx.postmortems.get(incident.id)))
        )

    async def resolves(self, person: str, incident: Incident, text: str = "") -> None:
        """End an incident for the first time; all that is said because of it is read, its draft too."""
        await self.quietly(person, incident.channel, f"/incident resolve {text}".rstrip())
        await self.drafted(incident)
        await self.news()

    async def runs(self, person: str, channel: str, text: str, *, by: str = "") -> str:
        """Type a mitigation, have it confirmed, wait for its end; the card of its result."""
        await self.world.command(person, channel, text)
        message = await self.message_with("Confirm", channel)
        await self.clicks(by or person, message, "Confirm")
        plan = await self.world.settled()
        return stable(await self.world.read(f"{plan.id}:card"))

    async def measured(self, *readings: Reading) -> None:
        """The watch has kept these readings, one a minute, the last of them a minute ago."""
        last = len(readings)
        kept = [one.model_copy(update={"at": self._ago(last - n)}) for n, one in enumerate(readings)]
        await self.world.app.store.transact("kept", lambda tx: [tx.samples.add("gateway", one) for one in kept])

    def _ago(self, minutes: int) -> datetime:
        return self.world.clock.now() - timedelta(minutes=minutes)

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.world.clock.advance(timedelta(**span))


async def answered(stage: Stage, person: str, channel: str, text: str) -> tuple[bool, str]:
    """Whether a line was accepted, and what its author reads: never nothing."""
    receipt = await stage.world.command(person, channel, text)
    said = await stage.world.read(receipt.reply_key, person)
    assert said.strip()
    assert len(said) < 20_000
    assert "Something went wrong" not in said
    assert "Traceback" not in said
    return receipt.accepted, said


def message_with(words: str, said: str) -> str:
    """The one that holds these words; others may have come meanwhile."""
    return next(one for one in re.split(r"\n(?=\[#)", said) if words in one)


def without_card(said: str) -> str:
    """What was said beside the pinned card, which follows everything."""
    messages = re.split(r"\n(?=\[#)", said)
    return "\n".join(one for one in messages if ", pinned" not in one.partition("\n")[0])


def on_card(said: str, *names: str) -> list[str]:
    """The lines of these names on the pinned cards that were said; the whole card is in the transcript of `declare`."""
    messages = re.split(r"\n(?=\[#)", said)
    cards = [one for one in messages if ", pinned" in one.partition("\n")[0]]
    lines = [line.strip() for one in cards for line in one.splitlines()]
    return [line for line in lines if line.partition(":")[0] in names]


def stable(text: str) -> str:
    """Without the parts that are random, and without white space that nobody sees."""
    for pattern, instead in _RANDOM:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines())
