"""Charts within the page: an SVG without styles of its own, which the page's security policy would refuse.

Colours are classes, so that the style sheet gives them in light and in dark.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from xml.etree import ElementTree

from markupsafe import Markup

from bot.charts import PAGE, svg
from bot.store.views import MessageView
from commands.charts import Chart

log = logging.getLogger(__name__)

_MOST = 100
_NAMES = ("ink", "faint", "grid", "alarm", "mark", "band")
_COLOURS = {getattr(PAGE, name): name for name in _NAMES} | {one: f"line-{n}" for n, one in enumerate(PAGE.lines)}
#: What the page says itself, once for all: its face, and how lines meet.
_LEFT_TO_THE_PAGE = {"font-family"}


class Drawings:
    """The drawings of the process, the newest used ones. They are made in a worker's thread, before a page is put
    together; what could not be drawn is shown in words.
    """

    def __init__(self) -> None:
        self._drawn: OrderedDict[Chart, Markup] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def prepare(self, views: Iterable[MessageView]) -> None:
        """Draw the charts of some messages."""
        for chart in (view.card.chart for view in views if view.card and view.card.chart):
            async with self._one_at_a_time:
                if chart not in self._drawn:
                    await self._draw(chart)

    async def _draw(self, chart: Chart) -> None:
        try:
            self._drawn[chart] = await asyncio.to_thread(drawing, chart)
        except Exception:  # a picture is good to have, and the page is needed
            log.exception("a chart could not be drawn: %s", chart.title)
        while len(self._drawn) > _MOST:
            self._drawn.popitem(last=False)

    def of(self, chart: Chart) -> Markup | None:
        """A drawing that was prepared."""
        found = self._drawn.get(chart)
        if found is not None:
            self._drawn.move_to_end(chart)
        return found


def drawing(chart: Chart) -> Markup:
    """An `svg` element that is an image with words for whoever does not see it."""
    root = ElementTree.fromstring(svg(chart))  # noqa: S314 - our own drawing, no document from outside
    for child in [one for one in root if _name(one) == "metadata" or _is_style(one)]:
        root.remove(child)
    used = {one.get(_HREF, "").removeprefix("#") for one in root.iter()}
    used |= {one.get("clip-path", "").removeprefix("url(#").removesuffix(")") for one in root.iter()}
    used |= {one.get("style", "").partition("url(#")[2].partition(")")[0] for one in root.iter()}
    for one in root.iter():
        _clean(one, used)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": chart.words(), "class": "drawing"}
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - the tree escapes what it writes


_HREF = "{http://www.w3.org/1999/xlink}href"


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _is_style(element: ElementTree.Element) -> bool:
    return _name(element) == "defs" and any(_name(child) == "style" for child in element)


def _clean(element: ElementTree.Element, used: set[str]) -> None:
    """Attributes in the place of styles, classes in the place of colours, and no name that nobody refers to."""
    element.tag = _name(element)
    if element.get("id") not in used:
        element.attrib.pop("id", None)
    if _HREF in element.attrib:
        element.set("href", element.attrib.pop(_HREF))
    classes = []
    for declared in filter(str.strip, element.attrib.pop("style", "").split(";")):
        name, _, value = (part.strip() for part in declared.partition(":"))
        if name not in _LEFT_TO_THE_PAGE:
            element.set(name, value)
        if value in _COLOURS:
            classes.append(f"{name}-{_COLOURS[value]}")
    if classes:
        element.set("class", " ".join(classes))
