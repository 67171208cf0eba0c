"""What the routes share, and how they find out who is asking."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Header, Request

from bot.delivery import Intake
from bot.platforms.console.channels import ChannelList
from bot.platforms.console.hub import Hub
from bot.platforms.console.passwords import Doorkeeper
from bot.platforms.console.record import ConsoleRecord, Papers
from bot.platforms.console.rendering import Renderer
from bot.platforms.console.sessions import Session, Sessions
from bot.platforms.console.settings import ConsoleSettings
from bot.store.views import ChannelView
from commands.errors import NotFound
from commands.people import Directory, Person
from commands.registry import Command

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Console:
    """Everything that a route may need.

    `commands` are those that somebody may run; `reads` counts what each person has read, so that their pages follow.
    """

    intake: Intake
    record: ConsoleRecord
    papers: Papers
    commands: Callable[[Person], list[Command]]
    directory: Directory
    settings: ConsoleSettings
    hub: Hub
    sessions: Sessions
    doorkeeper: Doorkeeper
    renderer: Renderer
    channels: ChannelList
    reads: Counter[str] = field(default_factory=Counter)

    async def check_in_sight(self, name: str, reader: Person) -> None:
        """As `channel_in_sight`, for callers who need no more than to know; it is cheap."""
        await self.record.check_in_sight(name, reader.id)

    async def channel_in_sight(self, name: str, reader: Person) -> ChannelView:
        """The channel, if the reader may see it.

        Raises:
            NotFound: there is none, or it is none of theirs; the two look the same.
        """
        for channel in await self.record.channels(reader.id):
            if channel.name == name:
                return channel
        raise NotFound(
            f"There is no channel {name[:80]} in sight.", hint="The list on the left has those you can read."
        )


@dataclass(frozen=True)
class Reader:
    """Who is asking, and by which session."""

    person: Person
    session: Session


class SignedOut(Exception):  # noqa: N818 - a state of the browser
    """No session, or none that is still good."""


class ForeignRequest(Exception):  # noqa: N818 - a state of the request
    """The session is good, but the request did not come from a page of it."""


def console_of(request: Request) -> Console:
    """The console that a request has reached."""
    return cast(Console, request.app.state.console)


def reader_of(request: Request) -> Reader | None:
    """Who is asking, if anybody known."""
    console = console_of(request)
    session = console.sessions.open(request.cookies.get(console.sessions.cookie))
    person = console.directory.get(session.person) if session and session.person else None
    return Reader(person, session) if session and person else None


async def signed_in(request: Request) -> Reader:
    """Who is asking; refuses where nobody is."""
    reader = reader_of(request)
    if reader is None:
        raise SignedOut
    return reader


async def from_own_page(
    request: Request,
    reader: Annotated[Reader, Depends(signed_in)],
    token: Annotated[str | None, Header(alias="X-CSRF-Token")] = None,
) -> Reader:
    """Who is asking, for requests that change something."""
    if not console_of(request).sessions.csrf_matches(reader.session, token):
        raise ForeignRequest
    return reader


async def the_console(request: Request) -> Console:
    """As `console_of`; a coroutine, because FastAPI runs plain functions in its thread pool."""
    return console_of(request)


TheConsole = Annotated[Console, Depends(the_console)]
AReader = Annotated[Reader, Depends(signed_in)]
AWriter = Annotated[Reader, Depends(from_own_page)]


def assets_path() -> str:
    """Where the styles and scripts are served: the path changes with them, so browsers may keep them for good."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"
