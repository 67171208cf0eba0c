"""Brings the page of a published postmortem in Confluence up to date, as an errand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot import charts
from bot.adapters.confluence import Confluence, Sheet
from bot.errands import Runner, Settle
from bot.exporting.settings import ConfluenceSettings
from bot.store.transaction import SqlTransaction, Store
from commands.context import Services
from commands.domain.errand import Errand, Integration
from commands.domain.incident import Incident, Linked
from commands.domain.paper import Paper
from commands.people import SYSTEM
from commands.ports import Rejected
from commands.publishing_papers import WIKI

_LABEL = "Postmortem in Confluence"


class Publishing:
    """See Runner. What was published is shown, whatever was edited since; the newest published version counts."""

    def __init__(self, store: Store, wiki: Confluence, services: Callable[[], Services]) -> None:
        self._store = store
        self._wiki = wiki
        self._services = services

    async def run(self, errand: Errand) -> Settle | None:
        """See Runner."""
        incident, paper, text = await self._store.look(lambda tx: _facts(errand.incident, tx))
        png = await asyncio.to_thread(charts.png, paper.chart) if paper.chart else None
        name = f"chart-{hashlib.sha256(png).hexdigest()[:8]}.png" if png else ""
        sheet = Sheet(
            title=f"Postmortem {incident.id}: {incident.title}"[:255],
            body=storage(text, picture=name, address=self._services().pages_at),
            about=f"version {paper.published}",
            pictures={name: png} if png else {},
        )
        url = await self._wiki.show(sheet)
        return _linked(incident.id, url) if url else None


def runners(store: Store, settings: ConfluenceSettings, services: Callable[[], Services]) -> dict[Integration, Runner]:
    """One, where it is configured."""
    return {WIKI: Publishing(store, Confluence(settings), services)} if settings.url else {}


def _facts(incident_id: str, tx: SqlTransaction) -> tuple[Incident, Paper, str]:
    incident, paper = tx.incidents.get(incident_id), tx.postmortems.paper(incident_id)
    if paper is None or not paper.published:
        raise Rejected("There is no published postmortem.")
    return incident, paper, tx.postmortems.revision(incident_id, paper.published).markdown


def _linked(incident_id: str, url: str) -> Settle:
    def settle(tx: SqlTransaction) -> None:
        incident = tx.incidents.get(incident_id)
        if all(one.url != url for one in incident.links):
            tx.incidents.record(incident_id, Linked(url=url, label=_LABEL), actor=SYSTEM.id)

    return settle


def storage(markdown: str, *, picture: str, address: str) -> str:
    """Markdown in Confluence's storage format, which is XHTML. No HTML of anybody's gets through."""
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image(picture))
    written = "".join(one for one in markdown if one.isprintable() or one in "\n\t")
    return str(parser.render(written)).replace('href="/', f'href="{address}/')


def _image(picture: str) -> Callable[..., str]:
    """Our chart is an attachment of the page; of other pictures the words."""

    def image(_renderer: object, tokens: list[Token], place: int, *_: object) -> str:
        token = tokens[place]
        if picture and str(token.attrGet("src")).endswith("/chart.png"):
            return f'<ac:image><ri:attachment ri:filename="{picture}" /></ac:image>'
        return token.content.replace("&", "&amp;").replace("<", "&lt;")

    return image
