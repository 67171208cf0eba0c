"""Neutral replies. A handler returns a Card; each platform renders it (HTML, Block Kit, Adaptive Card).

Text is a tuple of spans, so that a platform can render a person as a mention and a time in the
reader's own zone, and so that what people typed is never taken for markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.charts import Chart


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Frozen):
    """Plain text, exactly as it is to be read."""

    kind: Literal["text"] = "text"
    text: str
    strong: bool = False


class Code(_Frozen):
    """A command or an identifier, shown in a fixed-width face."""

    kind: Literal["code"] = "code"
    text: str


class Who(_Frozen):
    """A person, by id; rendered as a mention or as their name."""

    kind: Literal["who"] = "who"
    person: str


class When(_Frozen):
    """An aware time; rendered in the reader's zone. `style`: clock, date-time, or relative."""

    kind: Literal["when"] = "when"
    at: datetime
    style: Literal["clock", "full", "relative"] = "clock"


class Link(_Frozen):
    """An address: absolute http(s), or a path of the bot's own web server."""

    kind: Literal["link"] = "link"
    url: str
    text: str


class Channel(_Frozen):
    """A channel, by name; rendered as the platform links to channels."""

    kind: Literal["channel"] = "channel"
    name: str


Span = Annotated[Text | Code | Who | When | Link | Channel, Field(discriminator="kind")]
Rich = tuple[Span, ...]
Part = str | Text | Code | Who | When | Link | Channel


def rich(*parts: Part) -> Rich:
    """Spans from parts; a plain string becomes plain text."""
    return tuple(Text(text=part) if isinstance(part, str) else part for part in parts)


def strong(text: str) -> Text:
    """Text that carries weight."""
    return Text(text=text, strong=True)


def plain(spans: Rich, names: dict[str, str] | None = None) -> str:
    """The words of some spans, for transcripts, notifications and screen readers; times in UTC."""
    return "".join(_word(span, names or {}) for span in spans)


def _word(span: Part, names: dict[str, str]) -> str:
    match span:
        case Who(person=person):
            return f"@{names.get(person, person)}"
        case When(at=at, style="clock"):
            return f"{at.astimezone(UTC):%H:%M} UTC"
        case When(at=at):
            return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case Link(url=url, text=text):
            return text if text == url else f"{text} ({url})"
        case Channel(name=name):
            return f"#{name}"
        case Text(text=text) | Code(text=text):
            return text
        case str():
            return span


def spans_of(shown: Card) -> Iterator[Span]:
    """Every span of a card."""
    for paragraph in shown.paragraphs:
        yield from paragraph
    for one in shown.facts:
        yield from one.value
    for row in shown.table.rows if shown.table else ():
        for cell in row:
            yield from cell
    yield from shown.footer


def channels_of(shown: Card) -> list[str]:
    """The channels that a card points to."""
    return list(dict.fromkeys(span.name for span in spans_of(shown) if isinstance(span, Channel)))


def people_of(shown: Card) -> list[str]:
    """The people whom a card names."""
    return list(dict.fromkeys(span.person for span in spans_of(shown) if isinstance(span, Who)))


class Tone(StrEnum):
    """How a card is coloured; never the only carrier of a meaning."""

    NEUTRAL = "neutral"
    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    CRITICAL = "critical"


class Fact(_Frozen):
    """A labelled value, in the short grid of a card."""

    label: str
    value: Rich


class Table(_Frozen):
    """Rows under headings; `numeric` are the indexes of right-aligned columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Rich, ...], ...]
    numeric: tuple[int, ...] = ()


class Image(_Frozen):
    """A picture by address, with the words that stand for it."""

    url: str
    alt: str


class Document(_Frozen):
    """A file that belongs to a card: what it holds, or else the postmortem of an incident, as Markdown."""

    incident: str
    name: str
    title: str
    content: str = ""


class Button(_Frozen):
    """Something to click.

    `action` and `subject` name the click handler and what it is about. They stay on the server: what
    a platform sends out is `token`, a random id of one use that the store fills in.
    """

    label: str
    action: str
    subject: str
    style: Literal["primary", "danger", "plain"] = "plain"
    token: str = ""


class Card(_Frozen):
    """One answer, short and scannable: the next action obvious, nothing cut without saying so."""

    title: str
    tone: Tone = Tone.NEUTRAL
    paragraphs: tuple[Rich, ...] = ()
    facts: tuple[Fact, ...] = ()
    table: Table | None = None
    preformatted: str = ""
    image: Image | None = None
    chart: Chart | None = None
    document: Document | None = None
    buttons: tuple[Button, ...] = ()
    footer: Rich = ()


def card(title: str, *paragraphs: Rich | str, tone: Tone = Tone.NEUTRAL) -> Card:
    """The common case: a title and some paragraphs."""
    return Card(title=title, tone=tone, paragraphs=tuple(rich(p) if isinstance(p, str) else p for p in paragraphs))


def coded(text: str) -> Rich:
    """A sentence of ours in which commands and names stand in backticks."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return rich(text)
    return rich(*(Code(text=part) if number % 2 else part for number, part in enumerate(parts) if part))


def fact(label: str, *parts: Part) -> Fact:
    """A labelled value from parts."""
    return Fact(label=label, value=rich(*parts))


def transcript(shown: Card, names: dict[str, str] | None = None) -> str:
    """A card as plain lines: what the drill prints and what scenario tests stand on."""
    lines = [shown.title]
    lines += [f"  {plain(paragraph, names)}" for paragraph in shown.paragraphs]
    lines += [f"  {one.label}: {plain(one.value, names)}" for one in shown.facts]
    lines += [f"  [{shown.chart.words()}]"] if shown.chart else []
    lines += _table_lines(shown.table, names)
    lines += [f"  | {line}" for line in shown.preformatted.splitlines()]
    if shown.buttons:
        lines.append("  " + " ".join(f"[{button.label}]" for button in shown.buttons))
    if shown.footer:
        lines.append(f"  ({plain(shown.footer, names)})")
    return "\n".join(lines)


def _table_lines(table: Table | None, names: dict[str, str] | None) -> list[str]:
    if table is None:
        return []
    rows = [table.columns, *(tuple(plain(cell, names) for cell in row) for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
