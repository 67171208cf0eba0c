"""What people type cannot break a document, and the texts say what the runbooks say."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError
from markdown_it import MarkdownIt

from templates.render import (
    address,
    clock,
    day,
    duration,
    line,
    md,
    moment,
    names,
    page_environment,
    percent,
    prose,
    render,
)

SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"

NASTY = (
    "<script>alert(1)</script>", "# x | y", "`code", "a\n\n# b", "- item", "1. item", "99) item", "===", "---", "***",
    "> quote", "[a](javascript:alert(1))", "![a](http://b.example)", "<!-- ", "&lt;b&gt;", "&#35;", "a\\", "\\|", "|",
    "~~~", "```\n", "\x00# x", "\u202eabc", "\ufeff# x", "\u2028# x", "<b", "_a_ *b* ~c~", "\t- x", "    code", "$x$",
    "# x #", "שלום # עולם | <b>", "🔥 **hot** 🔥", "\ud800", "[x]: http://a.example", ": def", "-->", "\\<b>",
)  # fmt: skip
typed = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=80),
    st.text(alphabet="<>&#|`*_[]()!~-+=:. \n\\1a$\t", max_size=60),
    st.lists(st.sampled_from(NASTY), max_size=4).map("".join),
)
PLACES = (
    "# A: {}\n\n- 10:00 - {}\n- {}\n\n{}\n\n1. [ ] {} - Due\n\n**I:** {}  \n**J:** b\n\n"
    "| a | b |\n|---|---|\n| {} | {} |\n"
)


class Outline(HTMLParser):
    """The tags of a document and its words, apart."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = [""]
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.tags.append("instruction")


def outline(source: str, *, html: bool) -> Outline:
    return Outline(MarkdownIt("commonmark", {"html": html}).enable(["table", "strikethrough"]).render(source))


@pytest.mark.parametrize("html", [False, True])
@given(text=typed)
@settings(deadline=None)
def test_what_is_typed_never_changes_the_structure(html: bool, text: str) -> None:
    calm = outline(PLACES.replace("{}", "x"), html=html)

    found = outline(PLACES.replace("{}", md(text) or "x"), html=html)

    assert found.tags == calm.tags


@given(text=typed)
@settings(deadline=None)
def test_what_is_typed_reads_as_it_was_typed(text: str) -> None:
    shown = md(text)

    read = outline(f"| a |\n|---|\n| {shown} |\n", html=False).cells

    isolated = shown.startswith("\u2068")
    assert "".join(read).split() == f"a {line(text)}".split() or isolated
    assert line(text) in "".join(read)


@given(text=typed)
@settings(deadline=None)
def test_prose_is_paragraphs_and_nothing_else(text: str) -> None:
    assert set(outline(prose(text), html=True).tags) <= {"p"}


@given(text=typed)
@settings(deadline=None)
def test_a_plain_line_is_one_line(text: str) -> None:
    assert len(line(text).splitlines()) <= 1


def test_right_to_left_text_is_isolated_and_overrides_are_dropped() -> None:
    assert md("שלום") == "\u2068" + "שלום" + "\u2069"
    assert md("a\u202eb\u2066c") == "abc"


def test_long_text_stays_whole() -> None:
    assert md("é" * 100_000) == "é" * 100_000


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?y=1&z=[2]", "<https://a.example/x?y=1&z=[2]>"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("https://a.example/<b>", "https://a.example/&lt;b>"),
        ("https://a.example/ # b", "https://a.example/ \\# b"),
        ("/postmortems/incident-20260301-001", "/postmortems/incident-20260301-001"),
    ],
)
def test_only_web_addresses_become_links(url: str, shown: str) -> None:
    assert address(url) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"), (-5, "0 seconds"), (1, "1 second"), (45, "45 seconds"), (260, "4 minutes 20 seconds"),
        (659, "10 minutes"), (3600, "1 hour"), (7500, "2 hours 5 minutes"), (90_060, "1 day 1 hour 1 minute"),
    ],
)  # fmt: skip
def test_durations_in_words(seconds: int, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_times_are_in_the_zone() -> None:
    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert (clock(at, "Europe/Berlin"), day(at, "America/New_York")) == ("02:30", "2026-10-24")
    assert moment(at, "Europe/Berlin") == "2026-10-25 02:30 CEST"
    assert moment(at + timedelta(hours=1), "Europe/Berlin") == "2026-10-25 02:30 CET"


def test_a_little_is_not_nothing() -> None:
    assert [percent(0), percent(0.0001), percent(0.2468)] == ["0.0%", "less than 0.1%", "24.7%"]


def test_postmortem_templates_are_listed_without_their_parts() -> None:
    assert names() == ["002", "004", "full"]


def test_pages_escape_and_an_addition_stays_in_its_own_environment() -> None:
    mine = page_environment()
    mine.globals["place"] = "console"

    assert mine.from_string("{{ text }}").render(text="<b>") == "&lt;b&gt;"
    assert callable(mine.autoescape)
    assert mine.autoescape("console/page.html.j2")
    assert not mine.autoescape("postmortem/002.md.j2")
    assert "place" not in page_environment().globals


def test_what_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("status/investigating.txt.j2")
    with pytest.raises(TemplateNotFound):
        render("postmortem/999.md.j2")


INVESTIGATING = """\
Title: [INVESTIGATING] API Gateway Issues
Status: Investigating
Impact: High error rates on API requests

We are currently investigating elevated error rates affecting API requests. Our team is actively working to \
identify and resolve the issue.

Updates will be provided every 15 minutes.
"""

RESOLVED = """\
Title: [RESOLVED] API Gateway Issues
Status: Resolved
Impact: Issue resolved, services operating normally

The API Gateway issue has been resolved. All services are operating normally. A post-mortem will be published \
within 48 hours.

Root Cause: a pool without room
Resolution: more workers
"""


def investigating() -> str:
    return render(
        "status/investigating.txt.j2", title="API Gateway Issues", impact="High error rates on API requests",
        symptom="elevated error rates affecting API requests", update_every=timedelta(minutes=15),
    )  # fmt: skip


def resolved(cause: str = "a pool without room", resolution: str = "more workers") -> str:
    return render("status/resolved.txt.j2", title="API Gateway Issues", cause=cause, resolution=resolution)


def test_the_notices_of_the_runbook() -> None:
    assert investigating() == INVESTIGATING
    assert resolved() == RESOLVED


def test_the_notices_are_those_in_the_runbook_itself() -> None:
    found = sorted(SEEDS.glob("002*"))
    if not found:
        pytest.skip(f"the runbook is not beside this checkout ({SEEDS})")
    words = " ".join(found[0].read_text(encoding="utf-8").split())

    assert " ".join(investigating().split()) in words
    assert " ".join(resolved("[Brief summary]", "[Brief summary of fix]").split()) in words


def test_what_is_not_known_is_said() -> None:
    assert "Root Cause: Under review\nResolution: Under review\n" in resolved("", "")
    assert "Impact: Being assessed\n" in render("status/investigating.txt.j2", title="x")


@pytest.mark.parametrize("status", ["investigating", "identified", "monitoring", "resolved"])
def test_a_notice_cannot_be_forged_by_a_line_break(status: str) -> None:
    text = render(f"status/{status}.txt.j2", title="x\nStatus: Fine", impact="y\r\nTitle: z", cause="a\n\nTitle: b",
                  resolution="c\u2028Title: d")  # fmt: skip

    assert len(re.findall(r"(?m)^(?:Title|Status|Impact):", text)) == 3
    assert text.splitlines()[1] == f"Status: {status.capitalize()}"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_when_the_next_update_comes() -> None:
    text = render("status/identified.txt.j2", title="x", impact="y", cause="a full pool", zone="Europe/Berlin",
                  update_every=timedelta(hours=1), next_update=datetime(2026, 3, 1, 13, 5, tzinfo=UTC))  # fmt: skip

    assert text.splitlines()[4:] == [
        "The cause of the issue has been identified. Our team is actively working on a fix.", "",
        "Root Cause: a full pool", "",
        "Updates will be provided every 1 hour.", "The next update is due by 14:05 Europe/Berlin.",
    ]  # fmt: skip
