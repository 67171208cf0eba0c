"""Commands that people type: slash commands, mentions (threads know no slash commands), and direct messages."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.delivery import TextDelivery
from bot.platforms.slack import words
from bot.platforms.slack.asking import Asker, is_private, label_of
from bot.platforms.slack.declaring import Declaring, wants_form
from bot.platforms.slack.forms import Draft, Origin
from bot.platforms.slack.workshop import Bench
from bot.store.arrivals import Arrival
from commands.grammar.parser import meant

_OWN_NAME = "/tocsin"


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - a constant of the module that happens to be a function
    """Register."""
    asked = Asked(bench)
    app.command(re.compile("^/"))(asked.slash)
    app.event("app_mention")(asked.mention)
    app.event({"type": "message", "subtype": None})(asked.direct)


class Asked:
    """Hands lines to the pipeline."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._declaring = Declaring(bench)
        self._roots = {path[0] for path in bench.registry.commands}

    async def slash(self, ack: Any, body: dict[str, Any], context: Any) -> None:
        """`/incident declare sev1 …`; `/tocsin help` is `/help`, which Slack keeps for itself."""
        await ack()
        command, text = body["command"], body.get("text", "")
        line = f"/{text or 'help'}" if command == _OWN_NAME else f"{command} {text}"
        asker = await self._bench.asking.who(
            body["team_id"], body["user_id"], body["channel_id"], private=is_private(body), label=label_of(body)
        )
        if asker is None or await self._is_given_a_form(body, asker):
            return
        await self._hand_over(asker, line, context["arrival"])

    async def _is_given_a_form(self, body: dict[str, Any], asker: Asker) -> bool:
        """`/incident declare` and nothing more is a wish for the form; where it did not open, for the usage."""
        draft = Draft(service=self._bench.services.default_service)
        return wants_form(body) and await self._declaring.fill(body, asker.person, draft, Origin())

    async def mention(self, body: dict[str, Any], event: dict[str, Any], context: Any) -> None:
        """`@tocsin declare sev1 …`, answered in its thread."""
        if event.get("bot_id") or event.get("edited"):
            return
        asker = await self._bench.asking.who(body["team_id"], event["user"], event["channel"])
        if asker is not None:
            line = words.asked_by_mention(event.get("text", ""), context["bot_user_id"], self._roots)
            await self._hand_over(asker, line, context["arrival"], thread=event.get("thread_ts"))

    async def direct(self, body: dict[str, Any], event: dict[str, Any], context: Any) -> None:
        """`declare sev1 …`, said to Tocsin alone. In channels people talk to each other."""
        text = event.get("text", "")
        if event.get("channel_type") != "im" or event.get("bot_id") or not text.strip() or "user" not in event:
            return
        asker = await self._bench.asking.who(body["team_id"], event["user"], event["channel"])
        if asker is not None:
            line = words.asked_by_mention(text, context["bot_user_id"], self._roots)
            await self._hand_over(asker, line, context["arrival"], thread=event.get("thread_ts"))

    async def _hand_over(self, asker: Asker, line: str, arrival: Arrival, thread: str | None = None) -> None:
        may = not words.users_in(line) or await self._may(asker, line)
        typed = words.command(await self._bench.asking.words(asker.team, line, look_up=may))
        await self._bench.intake.command(
            TextDelivery(
                platform=arrival.platform,
                id=arrival.id.removeprefix(f"{arrival.platform}:"),
                person=asker.person.id,
                channel=asker.channel,
                text=typed.strip(),
                thread=thread,
            )
        )

    async def _may(self, asker: Asker, line: str) -> bool:
        """Whether this is a command that they may run at all: for what is refused anyway, nobody is looked up."""
        command = meant(words.command(line), self._bench.registry)
        incident = await self._bench.store.look(lambda tx: tx.incidents.in_channel(asker.channel))
        return command is not None and command.access.allows(asker.person, incident)
