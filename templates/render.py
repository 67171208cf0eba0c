"""The one Jinja2 environment, its filters, and `render`.

Templates render what they are given and know no other room. Two kinds live here: texts (`*.md.j2`,
`*.txt.j2`), where everything that a person typed goes through `md` or `line`; and pages (`*.html.j2`),
which escape by themselves.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

#: Invisible characters that can forge or garble a line: controls, surrogates, bidirectional overrides.
_HIDDEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

#: Characters that mean something to Markdown wherever they stand in a line ($ is GitHub's mathematics).
_MARKS = re.compile(r"[\\`*_\[\]#|~$]")

#: What means something only where a line begins: lists, underlines of headings, rules, quotations, definitions.
_OPENING = re.compile(r"^(?P<number>[0-9]{0,9})(?P<mark>[-+=:.)>])")

_ADDRESS = re.compile(r"https?://[^\s<>\"`\\|]+", re.IGNORECASE)

_ISOLATE, _POP = "\u2068", "\u2069"


def render(name: str, /, **context: Any) -> str:
    """A template by its path in this package (`postmortem/002.md.j2`); a missing value is an error.

    The text ends with one line break, whichever of its last sections are empty.

    Raises:
        jinja2.TemplateNotFound: there is no such template.
        jinja2.UndefinedError: the template needs a value that it was not given.
    """
    return _environment().get_template(name).render(**context).rstrip() + "\n"


def names() -> list[str]:
    """The postmortem templates that settings can choose; files that begin with `_` are parts of others."""
    found = _environment().list_templates(filter_func=_is_postmortem)
    return sorted(name.removeprefix("postmortem/").removesuffix(".md.j2") for name in found)


def page_environment() -> Environment:
    """A new environment with the same rules and filters, to which a platform may add its own."""
    environment = Environment(
        loader=PackageLoader("templates", "."),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2", "html"), default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        md=md, prose=prose, line=line, address=address, duration=duration, clock=clock, day=day, moment=moment,
        percent=percent, number=number, share=share,
    )  # fmt: skip
    return environment


_environment = cache(page_environment)


def _is_postmortem(name: str) -> bool:
    return name.startswith("postmortem/") and name.endswith(".md.j2") and "/_" not in name


# ---------------------------------------------------------------- what people typed


def line(text: object) -> str:
    """Text on one line of plain text, without what is invisible; nothing else is changed."""
    return " ".join(_HIDDEN.sub("", str(text)).split())


def md(text: object) -> str:
    """Text as Markdown that reads exactly as it was typed, on one line, in a paragraph, item, heading or cell.

    `<` and `&` become entities and not `\\<`, so that no renderer that passes HTML through sees a tag.
    Right-to-left text is isolated, or it would reorder the words around it.
    """
    plain = line(text)
    escaped = _MARKS.sub(r"\\\g<0>", plain.replace("&", "&amp;").replace("<", "&lt;"))
    safe = _OPENING.sub(r"\g<number>\\\g<mark>", escaped)
    return f"{_ISOLATE}{safe}{_POP}" if _reads_right_to_left(plain) else safe


def prose(text: object) -> str:
    """Text of several lines as Markdown: each line a paragraph."""
    return "\n\n".join(paragraph for paragraph in map(md, str(text).splitlines()) if paragraph)


def address(url: object) -> str:
    """A web address as a link; anything else (`javascript:` above all) as mere text."""
    return f"<{url}>" if _ADDRESS.fullmatch(str(url)) and not _HIDDEN.search(str(url)) else md(url)


def _reads_right_to_left(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(c) in {"R", "AL", "AN"} for c in text)


# ---------------------------------------------------------------- times and figures


def duration(span: timedelta) -> str:
    """`2 hours 5 minutes` (runbook 002, section 2.6); seconds only below ten minutes."""
    seconds = max(round(span.total_seconds()), 0)
    if seconds >= 600:
        seconds -= seconds % 60
    parts = zip((86400, 3600, 60, 1), _split(seconds), ("day", "hour", "minute", "second"), strict=True)
    words = [f"{n} {unit}" if n == 1 else f"{n} {unit}s" for _, n, unit in parts if n]
    return " ".join(words) or "0 seconds"


def _split(seconds: int) -> tuple[int, int, int, int]:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return days, hours, minutes, seconds


def clock(at: datetime, zone: str = "UTC", *, dated: bool = False) -> str:
    """`14:05` in a zone; `2026-03-01 14:05` where the day is not plain."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M}" if dated else f"{local:%H:%M}"


def day(at: datetime, zone: str = "UTC") -> str:
    """`2026-03-01` in a zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def moment(at: datetime, zone: str = "UTC") -> str:
    """`2026-03-01 14:05 CET`: with the zone's abbreviation, which tells the two sides of a clock change apart."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def percent(ratio: float) -> str:
    """`24.7%`; a little is not shown as nothing."""
    return "less than 0.1%" if 0 < ratio < 0.001 else f"{ratio:.1%}"


def share(ratio: float) -> str:
    """`99.99%`: as many digits as it has."""
    return f"{ratio * 100:.10g}%"


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"
