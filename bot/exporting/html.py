"""A postmortem or a report as one HTML file: chart and style inside, no script, nothing fetched from anywhere."""

from __future__ import annotations

import base64

import nh3
from markdown_it import MarkdownIt

from commands.domain.paper import Paper
from commands.presentation.report import counts, reached_words
from commands.reporting import PeriodReport
from templates.render import render

_TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "ul", "ol", "li", "blockquote", "pre", "code", "em"),
    *("strong", "s", "a", "img", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}
_INSIDE = "data:image/png;base64,"


def body(markdown: str, *, chart: str = "") -> str:
    """Markdown as HTML that is safe wherever it is shown.

    `chart` stands for the address of our own; other pictures are left out.
    """
    rendered = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(markdown)

    def attribute(tag: str, name: str, value: str) -> str | None:
        if (tag, name) == ("img", "src"):
            return chart if value.endswith("/chart.png") and chart else None
        return value

    return nh3.clean(
        rendered,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        url_schemes={*_SCHEMES, "data"},
        link_rel="noopener noreferrer",
    )


def page(paper: Paper, title: str, png: bytes | None, address: str) -> str:
    """The whole file. Links that lead to our own pages become whole ones."""
    return _file(title, paper.markdown, png, address, f"Version {paper.version}, {paper.state.value}.")


def report(made: PeriodReport, png: bytes | None, address: str) -> str:
    """A report as one file."""
    reached = reached_words(made.reached)
    text = render("report/report.md.j2", report=made, charted=bool(png), reached=reached, counts=counts)
    return _file(f"{made.kind.heading} of {made.service}", text, png, address, "")


def _file(title: str, markdown: str, png: bytes | None, address: str, words: str) -> str:
    chart = _INSIDE + base64.b64encode(png).decode() if png else ""
    text = body(markdown, chart=chart).replace('href="/', f'href="{address}/')
    return render("paper/document.html.j2", title=title, body=text, words=words)
