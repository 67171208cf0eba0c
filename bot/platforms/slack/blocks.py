"""A card as a Slack message: what matters and what to do next first, within every limit, and nothing cut in silence.

The order is for a phone at 3 a.m.: headline, what happened, the facts, the buttons, and only then what is long
(a table, a picture, a log). What does not fit is counted, and "Show all" sends it as a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    ImageBlock,
    MarkdownTextObject,
    PlainTextObject,
)

from bot.platforms.slack import mrkdwn
from bot.platforms.slack.render import facts, richtext, table
from bot.platforms.slack.render.fallback import fallback, whole
from bot.platforms.slack.render.measure import (
    ALT,
    BUTTON,
    CONTEXT,
    MESSAGE,
    VALUE,
    Room,
    clean,
    cut,
    fit,
    size,
    width,
)
from bot.platforms.slack.render.naming import Names
from commands.cards import Button, Card, Image, Link, Rich, Tone, rich, strong
from commands.charts import Chart
from commands.presentation.words import counted

__all__ = ["CLICK", "SHOW_ALL", "Names", "Shown", "render", "whole"]

CLICK, SHOW_ALL = "tocsin.click", "tocsin.show_all"
#: Shapes, not only colours, and each has a name that a screen reader says.
SYMBOLS = {
    Tone.CRITICAL: "🚨 ",
    Tone.WARNING: "⚠️ ",
    Tone.GOOD: "✅ ",
    Tone.INFO: "\N{INFORMATION SOURCE}\ufe0f ",
    Tone.NEUTRAL: "",
}

_BUTTONS, _IN_A_ROW = 50, 5
#: Slack takes 150; more than this is more than two lines of a phone.
_HEADLINE = 100
_PARAGRAPHS, _APART = 60, 12


@dataclass(frozen=True)
class Shown:
    """A message, ready to be sent."""

    blocks: list[dict[str, Any]]
    text: str
    cut: bool


class _Layout:
    """The blocks so far, the room that is left, and what was left out."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.room = Room(MESSAGE)
        self.blocks: list[Block] = []
        self.missing: list[str] = []

    def add(self, *blocks: Block | None) -> None:
        self.blocks += [block for block in blocks if block is not None]

    def miss(self, number: int, what: str) -> None:
        if number:
            self.missing.append(counted(number, what) if number > 1 or " " not in what else what)


def render(card: Card, names: Names, *, key: str, picture: str | None = None) -> Shown:
    """The card's blocks and its fallback. `key` is the message's, for "Show all"; `picture` the file of its chart.

    Without a key it is said what is missing, and there is no button.
    """
    headless = not card.title and any(clean(mrkdwn.words(one, names)).strip() for one in card.paragraphs)
    title = "" if headless else SYMBOLS[card.tone] + (" ".join(clean(card.title).split()) or "Tocsin")
    layout = _Layout(names)
    buttons = _buttons(card, layout)
    foot = _footer(card.footer, layout)
    _title(title, layout)
    _paragraphs(card.paragraphs, layout)
    _facts(card, layout)
    layout.add(*buttons)
    _image(card.image, layout)
    _chart(card.chart, picture, layout)
    _table(card, layout)
    _preformatted(card.preformatted, layout)
    layout.add(foot, *_show_all(layout.missing, key))
    return Shown(
        blocks=[block.to_dict() for block in layout.blocks],
        text=fallback(card, title, names),
        cut=bool(layout.missing),
    )


def _title(title: str, layout: _Layout) -> None:
    """A header; a sentence that would fill a phone's screen as one is a bold line instead, and whole."""
    if not title:
        return
    if size(title) <= _HEADLINE:
        layout.room.take(size(title))
        layout.add(HeaderBlock(text=PlainTextObject(text=title, emoji=True)))
        return
    within = layout.room.part(1000)
    _spend(layout, fitted := fit(rich(strong(title)), within))
    layout.add(richtext.paragraph(fitted, layout.names))
    layout.miss(int(within.short), "part of the title")


def _spend(layout: _Layout, spans: Rich) -> None:
    layout.room.take(sum(map(width, spans)))


def _paragraphs(paragraphs: tuple[Rich, ...], layout: _Layout) -> None:
    """Each on its own; many of them as lines of one block, since a message has 50."""
    within = layout.room.part(6000)
    fitted: list[Rich] = []
    for spans in paragraphs[:_PARAGRAPHS]:
        if within.left < 2:
            break
        fitted.append(fit(spans, within))
    _spend(layout, tuple(span for spans in fitted for span in spans))
    layout.add(*(richtext.paragraph(spans, layout.names) for spans in fitted[:_APART]))
    layout.add(richtext.lines(fitted[_APART:], layout.names))
    layout.miss(len(paragraphs) - len(fitted) + int(within.short), "paragraph")


def _facts(card: Card, layout: _Layout) -> None:
    within = layout.room.part(3000)
    before = within.left
    found, missing = facts.blocks(card.facts, layout.names, within)
    layout.room.take(before - within.left)
    layout.add(*found)
    layout.miss(missing, "fact")


def _buttons(card: Card, layout: _Layout) -> list[Block]:
    """Five in a row. One without a token could do nothing, so it is not shown."""
    alive = [button for button in card.buttons if button.token and size(button.token) <= VALUE]
    elements = [_button(button, n) for n, button in enumerate(alive[:_BUTTONS])]
    layout.room.take(BUTTON * len(elements))
    layout.miss(len(alive[_BUTTONS:]), "button")
    return [ActionsBlock(elements=elements[i : i + _IN_A_ROW]) for i in range(0, len(elements), _IN_A_ROW)]


def _button(button: Button, n: int) -> ButtonElement:
    label = cut(" ".join(clean(button.label).split()) or "Go on", BUTTON)
    style = button.style if button.style != "plain" else None
    text = PlainTextObject(text=label, emoji=True)
    return ButtonElement(text=text, action_id=f"{CLICK}.{n}", value=button.token, style=style)


def _image(image: Image | None, layout: _Layout) -> None:
    """Slack fetches a picture itself, so one on our own server becomes a link."""
    if image is None:
        return
    within = layout.room.part(ALT)
    alt = cut(clean(image.alt).strip() or "picture", ALT // 4)
    url = layout.names.url(image.url)
    link = Link(url=image.url, text=alt)
    if width(link) > layout.room.left:
        layout.miss(1, "picture")
        return
    _spend(layout, (link,))
    if url and not image.url.startswith("/"):
        layout.add(ImageBlock(image_url=url, alt_text=alt))
    else:
        layout.add(richtext.paragraph(fit((link,), within), layout.names))


def _chart(chart: Chart | None, picture: str | None, layout: _Layout) -> None:
    """The picture, where it was uploaded; else what it would show."""
    if chart is None:
        return
    words = chart.words()
    if picture is not None and layout.room.take(min(size(words), ALT)):
        layout.add(ImageBlock(slack_file={"id": picture}, alt_text=cut(words, ALT)))
        return
    within = layout.room.part(ALT)
    _spend(layout, fitted := fit(rich(words), within))
    layout.add(richtext.paragraph(fitted, layout.names))
    layout.miss(int(within.short), "part of what a chart says")


def _table(card: Card, layout: _Layout) -> None:
    if card.table is None:
        return
    share = layout.room.left // 2 if card.preformatted.strip() else layout.room.left
    within = layout.room.part(min(share, 8000))
    before = within.left
    found, missing, short = table.blocks(card.table, layout.names, within)
    layout.room.take(before - within.left)
    layout.add(*found)
    if missing:
        layout.missing.append(f"{missing:,} more {'row' if missing == 1 else 'rows'}")
    if short:
        layout.missing.append("parts of some cells")


def _preformatted(text: str, layout: _Layout) -> None:
    """From its beginning, in whole lines where that is possible."""
    visible = clean(text).rstrip()
    if not visible.strip():
        return
    if size(visible) <= layout.room.left:
        layout.room.take(size(visible))
        layout.add(richtext.preformatted(visible))
        return
    kept = cut(visible, layout.room.left)
    kept = kept[: kept.rfind("\n")] if "\n" in kept[len(kept) // 2 :] else kept
    if kept.strip():
        layout.room.take(size(kept))
        layout.add(richtext.preformatted(kept))
    gone = visible.count("\n") - kept.count("\n")
    layout.missing.append(f"{gone:,} more lines" if gone > 1 else "the end of the text")


def _footer(footer: Rich, layout: _Layout) -> Block | None:
    """Small print, with times and links where Slack takes none of it for markup, else as plain words.

    It says who asked; a mention would ring the phone of whoever has just typed.
    """
    within = layout.room.part(600)
    spans = fit(layout.names.unmentioned(footer), within)
    layout.miss(int(within.short), "part of the small print")
    text = mrkdwn.written(spans, layout.names)
    if text is not None and size(text) <= CONTEXT:
        shown: Any = MarkdownTextObject(text=text, verbatim=True) if text.strip() else None
    else:
        shown = PlainTextObject(text=cut(mrkdwn.words(spans, layout.names), CONTEXT), emoji=False)
    if shown is None or not shown.text.strip():
        return None
    layout.room.take(size(shown.text))
    return ContextBlock(elements=[shown])


def _show_all(missing: list[str], key: str) -> list[Block]:
    if not missing:
        return []
    text = PlainTextObject(text=cut(f"… {', '.join(missing)}", CONTEXT), emoji=False)
    if not key:
        return [ContextBlock(elements=[text])]
    button = ButtonElement(text="Show all", action_id=SHOW_ALL, value=cut(key, VALUE))
    return [ContextBlock(elements=[text]), ActionsBlock(elements=[button])]
