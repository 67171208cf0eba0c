"""The routes that the page's scripts call."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from bot.delivery import ClickDelivery, Receipt, TextDelivery
from bot.platforms.console.console import AReader, AWriter, Console, Reader, TheConsole
from bot.platforms.console.wire import Asked, Clicked, Number, Said, Seen, message_out
from commands.grammar.parser import usage
from commands.registry import Command

PAGE = 60
THREAD = 500
routes = APIRouter(prefix="/api")


@routes.post("/messages")
async def send(said: Said, console: TheConsole, writer: AWriter) -> dict[str, Any]:
    """A line that starts with a slash is a command; any other is said."""
    await console.check_in_sight(said.channel, writer.person)
    is_command = said.text.lstrip().startswith("/")
    answer = await (_command if is_command else _say)(said, console, writer)
    console.hub.wake()
    return answer


async def _command(said: Said, console: Console, writer: Reader) -> dict[str, Any]:
    delivery = TextDelivery(
        platform="console",
        id=said.id,
        person=writer.person.id,
        channel=said.channel,
        text=said.text.strip(),
        thread=said.thread,
    )
    return {"kind": "command", **_receipt_out(await console.intake.command(delivery))}


async def _say(said: Said, console: Console, writer: Reader) -> dict[str, Any]:
    # The person is part of the key: nobody can claim a message that somebody else is about to send.
    key = f"said-{writer.person.id}-{said.id}"
    view = await console.record.say(said.channel, writer.person.id, said.text, key=key, thread=said.thread)
    return {"kind": "said", "message": message_out(view, writer.person, console.renderer)}


@routes.post("/clicks")
async def click(clicked: Clicked, console: TheConsole, writer: AWriter) -> dict[str, Any]:
    """A click on a button."""
    await console.check_in_sight(clicked.channel, writer.person)
    delivery = ClickDelivery(
        platform="console",
        id=clicked.id,
        person=writer.person.id,
        channel=clicked.channel,
        token=clicked.token,
    )
    receipt = await console.intake.click(delivery)
    console.hub.wake()
    return _receipt_out(receipt)


def _receipt_out(receipt: Receipt) -> dict[str, Any]:
    return {
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "reply_key": receipt.reply_key,
        "channel": receipt.channel,
    }


@routes.post("/read", status_code=204)
async def read(seen: Seen, console: TheConsole, writer: AWriter) -> Response:
    """The person has seen a channel up to a message; their other pages follow."""
    await console.record.mark_read(seen.channel, writer.person.id, seen.message)
    console.reads[writer.person.id] += 1
    console.hub.wake()
    return Response(status_code=204)


@routes.get("/channels/{name}/messages")
async def older(name: Asked, console: TheConsole, reader: AReader, before: Number | None = None) -> dict[str, Any]:
    """A stretch of a channel's log, oldest first; replies are in their threads."""
    found = await console.record.messages(name, reader.person.id, before=before, limit=PAGE)
    await console.renderer.prepare(*found)
    return {
        "messages": [message_out(view, reader.person, console.renderer) for view in found if not view.thread],
        "before": found[0].id if len(found) == PAGE else None,
    }


@routes.get("/channels/{name}/thread")
async def thread(name: Asked, key: Asked, console: TheConsole, reader: AReader) -> dict[str, Any]:
    """The replies to a message, oldest first."""
    found = await console.record.messages(name, reader.person.id, thread=key, limit=THREAD)
    replies = [view for view in found if view.thread == key]
    await console.renderer.prepare(*replies)
    return {"messages": [message_out(view, reader.person, console.renderer) for view in replies]}


@routes.get("/commands")
async def commands(console: TheConsole, reader: AReader) -> dict[str, Any]:
    """What the composer completes: the commands that the person may run, and the people to mention."""
    visible = console.registry.visible(reader.person, None)
    people = [{"id": one.id, "name": one.name, "title": one.title} for one in console.directory]
    return {"commands": [_command_out(command) for command in visible], "people": people}


def _command_out(command: Command) -> dict[str, str]:
    return {
        "name": command.name,
        "usage": usage(command),
        "summary": command.summary,
        "example": command.example,
        "where": command.where.value,
    }
