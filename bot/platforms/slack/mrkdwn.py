"""Slack's markup, for the few places where rich text is not allowed: fields, context and the fallback.

mrkdwn has no escape for `*`, `_`, `~` and backticks. Text that Slack would take for markup is therefore not said
in mrkdwn at all: `written` gives None, and the caller shows it as rich or as plain text.
"""

from __future__ import annotations

import re

from bot.platforms.slack.own import as_typed
from bot.platforms.slack.render.measure import clean
from bot.platforms.slack.render.naming import Names
from bot.platforms.slack.render.richtext import mrkdwn_date
from commands.cards import Channel, Code, Link, Part, Rich, Text, When, Who, plain

_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_MARKUP = re.compile(r"[*~`\n\t]|(?<!\w)_|_(?!\w)|:[\w+'-]+:|^\s*(?:>|&gt;)")
_PING = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)
#: A word joiner: nobody sees it, and Slack no longer sees a word that calls everybody.
_JOINER = "\u2060"
_BESIDE = re.compile(r"[\s,.;:!?()]")


def escaped(text: str) -> str:
    """Text whose `&<>` are words, and whose `@here` is one too."""
    return _PING.sub(f"@{_JOINER}", clean(text)).translate(_ENTITIES)


def is_literal(text: str) -> bool:
    """Whether Slack shows this text as it is."""
    return _MARKUP.search(clean(text)) is None


def written(spans: Rich, names: Names) -> str | None:
    """The spans as mrkdwn, or None if Slack would take some of the text for markup."""
    pieces = [_piece(span, names) for span in spans]
    said = [piece for piece in pieces if piece is not None]
    if len(said) < len(pieces) or not is_literal("".join(word for word, _ in said if not word.startswith("<"))):
        return None
    return "".join(_marked(said, i) for i in range(len(said))) if _stand_alone(said) else None


def words(spans: Rich, names: Names) -> str:
    """The spans as plain words: people by name and without a mention, times in UTC."""
    return clean(plain(tuple(_word(span, names) for span in spans)))


def _word(span: Part, names: Names) -> Text | Link | When | Channel:
    match span:
        case Who(person=person):
            return Text(text=names.display(person))
        case Link(url=url, text=text):
            return Link(url=names.url(url) or text, text=text) if url.startswith("/") else span
        case When() | Channel():
            return span
        case Code(text=text):
            return Text(text=as_typed(text))
        case Text(text=text):
            return Text(text=text)
        case str():
            return Text(text=span)


#: What is written, before it is marked, and the mark on both of its sides.
_Piece = tuple[str, str]


def _piece(span: Part, names: Names) -> _Piece | None:
    match span:
        case Who(person=person):
            found = names.user_id(person)
            return (f"<@{found}>", "") if found else (escaped(names.display(person)), "*")
        case When():
            date = mrkdwn_date(span)
            return (date, "") if date else (plain((span,)), "")
        case Link():
            return _link(span, names)
        case Channel(name=name):
            found = names.channel_id(name)
            return (f"<#{found}>", "") if found else (escaped(f"#{name}"), "")
        case Code(text=text):
            return escaped(as_typed(text)), "`"
        case Text(text=text, strong=bold):
            return escaped(text), "*" if bold and text.strip() else ""
        case _:
            return None


def _link(link: Link, names: Names) -> _Piece | None:
    """`<url|text>`; the address has no bracket or bar that is not encoded, the text none that is not escaped."""
    url = names.url(link.url)
    if url is None:
        return escaped(words((link,), names)), ""
    text = escaped(link.text).replace("|", "\u2502").strip()
    return (f"<{url.replace('&', '&amp;')}|{text or 'link'}>", "") if is_literal(link.text) else None


def _marked(pieces: list[_Piece], at: int) -> str:
    word, mark = pieces[at]
    return f"{mark}{word}{mark}"


def _stand_alone(pieces: list[_Piece]) -> bool:
    """Slack takes `*` and backticks for marks only where they stand at the edges of words."""
    for at, (word, mark) in enumerate(pieces):
        if mark and not (word == word.strip() and word and _apart(pieces, at)):
            return False
    return True


def _apart(pieces: list[_Piece], at: int) -> bool:
    before = pieces[at - 1][0][-1:] if at else ""
    after = pieces[at + 1][0][:1] if at + 1 < len(pieces) else ""
    return all(not beside or _BESIDE.match(beside) for beside in (before, after))
