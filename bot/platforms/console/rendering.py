"""Cards, messages and pages as HTML. Jinja2 escapes everything; no string of anybody's is ever markup."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from bot.platforms.console import spoken
from bot.platforms.console.drawings import Drawings
from bot.platforms.console.incident_bar import IncidentBar, bar_of
from bot.store.views import MessageView
from commands.cards import Card
from commands.people import SYSTEM, Directory, OrgRole, Person
from commands.presentation import speech

HUES = 8
#: Longer messages are folded; nothing is cut.
FOLD_AFTER = 2400


class Renderer:
    """Turns views into HTML. One for the process; it holds templates, names and drawings, and nothing of a reader."""

    def __init__(self, directory: Directory, *, version: str, assets: str) -> None:
        self._names = directory.names()
        self._drawings = Drawings()
        self._environment = Environment(
            loader=PackageLoader("templates", "console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            names=self._names, version=version, assets=assets, system=SYSTEM.id, role_names=role_names
        )
        self._environment.filters.update(utc=utc, iso=iso, initials=initials, hue=hue, spoken=self._spoken)
        self._environment.filters["drawn"] = self._drawings.of
        self._environment.tests.update(safe_link=spoken.is_safe, own_path=spoken.is_own, shown_image=spoken.is_shown)

    def page(self, name: str, **values: Any) -> str:
        """A template of `templates/console/` with its values."""
        return self._environment.get_template(f"{name}.html.j2").render(**values)

    async def prepare(self, *views: MessageView) -> None:
        """Draw the charts of messages that are about to be shown. Without it, their words are shown instead."""
        await self._drawings.prepare(views)

    def message(self, view: MessageView, reader: Person) -> str:
        """One message, as it stands in the log or in a thread."""
        return self.page("message", message=view, reader=reader.id, fold_after=FOLD_AFTER)

    def pinned(self, view: MessageView, reader: Person) -> str:
        """An incident's card, as it stands on top of its channel."""
        return self.page("pinned", message=view, reader=reader.id, bar=self.bar(view.card))

    def bar(self, card: Card | None) -> IncidentBar:
        """The few words of an incident's card that are always in sight."""
        return bar_of(card, self._names)

    def in_place(self, view: MessageView, reader: Person) -> str:
        """A message, rendered for the place where it belongs."""
        return self.pinned(view, reader) if view.pinned else self.message(view, reader)

    def _spoken(self, text: str) -> tuple[Any, ...]:
        return speech.spans(text, self._names)


def markdown(text: str) -> Markup:
    """A document as HTML. HTML inside it is shown as text, and unsafe addresses are not linked."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return Markup(parser.render(text))  # noqa: S704 - the parser escapes; html=False is tested


def utc(at: datetime, style: str = "clock") -> str:
    """A time that can be read without a script."""
    return f"{at.astimezone(UTC):%H:%M UTC}" if style == "clock" else f"{at.astimezone(UTC):%Y-%m-%d %H:%M UTC}"


def iso(at: datetime) -> str:
    """A time for machines, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def initials(name: str) -> str:
    """One or two letters that stand for a person."""
    words = [word for word in name.split() if word[:1].isalnum()] or ["?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def hue(person: str) -> int:
    """A colour's number that stays with a person."""
    return zlib.crc32(person.encode()) % HUES


def role_names(person: Person) -> str:
    """A person's standing roles, as words."""
    return ", ".join(role.value for role in OrgRole if role in person.roles)
