"""A postmortem as a PDF, drawn from the tokens of its Markdown.

The fonts come with matplotlib, which draws the charts: they have the letters of most of Europe's languages, and need
nothing of the system.
"""

from __future__ import annotations

import io
import logging
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.errors import FPDFException
from fpdf.fonts import FontFace, TTFFont
from markdown_it import MarkdownIt
from markdown_it.token import Token

from commands.domain.paper import Paper

_TEXT, _SMALL, _LINE = 10.5, 9.0, 1.45
_HEADINGS = {"h1": 18.0, "h2": 14.0, "h3": 11.5}
_INK, _SOFT, _LINK, _GROUND = (24, 28, 34), (77, 86, 100), (31, 86, 195), (241, 243, 246)
_INDENT = 6.0
#: Between columns, in mm; a word longer than so many letters may be broken; what stands for a letter that no font has.
_GAP, _WORD, _UNKNOWN = 3.5, 28, "\N{WHITE SQUARE}"
_FACES = {
    ("text", ""): "DejaVuSans.ttf",
    ("text", "B"): "DejaVuSans-Bold.ttf",
    ("text", "I"): "DejaVuSans-Oblique.ttf",
    ("text", "BI"): "DejaVuSans-BoldOblique.ttf",
    ("mono", ""): "DejaVuSansMono.ttf",
}


def pdf(paper: Paper, title: str, png: bytes | None, address: str) -> bytes:
    """The file. `address`: where links that lead to our own pages lead to."""
    sheet = _Sheet(title, f"Version {paper.version}, {paper.state.value}", png, address)
    sheet.draw(MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).parse(paper.markdown))
    return bytes(sheet.output())


class _Sheet(FPDF):
    """A4, page numbers below. `_styles` grows and shrinks with the emphasis around a text."""

    def __init__(self, title: str, about: str, png: bytes | None, address: str) -> None:
        super().__init__(format="A4")
        logging.getLogger("fontTools").setLevel(logging.ERROR)
        self._about, self._png, self._address = about, png, address
        fonts = _fonts()
        for (family, style), name in _FACES.items():
            self.add_font(family, style, fonts / name)
        self._letters = _letters(self.fonts["text"])
        self.set_title(self._written(title))
        self.set_lang("en")
        self.set_margins(18, 18)
        self.set_auto_page_break(auto=True, margin=20)
        self.add_page()
        self._plain()

    def footer(self) -> None:
        """The number of the page."""
        self.set_y(-14)
        self.set_font("text", "", 8)
        self.set_text_color(*_SOFT)
        self.cell(0, 6, f"{self._about}. Page {self.page_no()} of {{nb}}", align="C")
        self._plain()

    def _plain(self, size: float = _TEXT) -> None:
        self.set_font("text", "", size)
        self.set_text_color(*_INK)

    def draw(self, tokens: Sequence[Token]) -> None:
        """Block by block."""
        left, walk, numbers = self.l_margin, iter(tokens), list[int]()
        for token in walk:
            match token.type:
                case "heading_open":
                    self._heading(token.tag, next(walk))
                case "paragraph_open":
                    self._paragraph(next(walk), tight=token.hidden)
                case "bullet_list_open" | "ordered_list_open":
                    numbers.append(int(token.attrGet("start") or 1) if token.type.startswith("ordered") else 0)
                case "bullet_list_close" | "ordered_list_close":
                    numbers.pop()
                    self.set_left_margin(left + _INDENT * len(numbers))
                    self.set_x(self.l_margin)
                    self.ln(0 if numbers else 1.5)
                case "list_item_open":
                    self._item(left, numbers)
                case "fence" | "code_block":
                    self._code(token.content)
                case "table_open":
                    self._table(list(takewhile(lambda one: one.type != "table_close", walk)))
                case "hr":
                    self.ln(2)
                    self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
                    self.ln(2)

    def _height(self, size: float = _TEXT) -> float:
        return size * _LINE / self.k

    def _heading(self, tag: str, inline: Token) -> None:
        size = _HEADINGS.get(tag, _TEXT)
        self.ln(self._height(size) * (0.5 if tag == "h1" else 0.9))
        if self.will_page_break(self._height(size) * 3):
            self.add_page()
        self.set_font("text", "B", size)
        words = self._written(_words(inline))
        self.multi_cell(0, self._height(size), words, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._plain()
        self.ln(1)

    def _paragraph(self, inline: Token, *, tight: bool) -> None:
        self._inline(inline)
        self.ln(self._height())
        self.ln(0 if tight else 1.8)

    def _item(self, left: float, numbers: list[int]) -> None:
        margin = left + _INDENT * len(numbers)
        self.set_left_margin(margin)
        self.set_x(margin - _INDENT)
        self.cell(_INDENT, self._height(), f"{numbers[-1]}." if numbers[-1] else "•", align="R")
        self.set_x(margin + 1)
        self.set_left_margin(margin + 1)
        numbers[-1] += bool(numbers[-1])

    def _code(self, text: str) -> None:
        self.set_font("mono", "", _SMALL)
        self.set_fill_color(*_GROUND)
        lines = self._written(text.rstrip("\n")) or " "
        self.multi_cell(0, self._height(_SMALL), lines, align="L", fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._plain()
        self.ln(2)

    def _inline(self, inline: Token) -> None:
        bold = italic = 0
        link = ""
        for token in inline.children or ():
            match token.type:
                case "strong_open" | "strong_close":
                    bold += token.nesting
                case "em_open" | "em_close":
                    italic += token.nesting
                case "link_open":
                    link = self._whole(str(token.attrGet("href") or ""))
                case "link_close":
                    link = ""
                case "image":
                    self._image(token)
                case "hardbreak":
                    self.ln(self._height())
                case _:
                    style = ("B" if bold else "") + ("I" if italic else "")
                    self._span(token, style, link)
        self._plain()

    def _span(self, token: Token, style: str, link: str) -> None:
        code = token.type == "code_inline"
        self.set_font("mono" if code else "text", "" if code else style, _SMALL if code else _TEXT)
        self.set_text_color(*(_LINK if link else _INK))
        self.write(self._height(), " " if token.type == "softbreak" else self._written(token.content), link or "")

    def _written(self, text: str) -> str:
        """What the fonts have; of the rest that something stood there. What is invisible is left out."""
        seen = (one for one in text if one == "\n" or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
        return "".join(one if ord(one) in self._letters or one == "\n" else _UNKNOWN for one in seen)

    def _whole(self, href: str) -> str:
        return f"{self._address}{href}" if href.startswith("/") else href

    def _image(self, token: Token) -> None:
        """Ours; of others the words."""
        if self._png is None or not str(token.attrGet("src")).endswith("/chart.png"):
            self.write(self._height(), self._written(f"[{token.content}]"))
            return
        wide = self.w - self.l_margin - self.r_margin
        self.image(io.BytesIO(self._png), w=wide, alt_text=token.content)

    def _table(self, tokens: list[Token]) -> None:
        rows = [[self._written(_words(one)) for one in row] for row in _rows(tokens)]
        try:
            self._ruled(rows)
        except (ValueError, FPDFException):  # a row that is taller than a page, or columns without room
            self._plain()
            for row in rows:
                self.multi_cell(0, self._height(), " · ".join(row), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._plain()
        self.ln(3)

    def _ruled(self, rows: list[list[str]]) -> None:
        heads = FontFace(emphasis="BOLD", color=_SOFT)
        self.set_font("text", "", _SMALL)
        with self.table(
            rows=rows,
            col_widths=self._widths(rows),
            line_height=self._height(_SMALL),
            headings_style=heads,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            text_align="LEFT",
            padding=(0.8, 1.2),
        ):
            pass

    def _widths(self, rows: list[list[str]]) -> tuple[float, ...]:
        """No word is broken, where that can be; what is left goes to the columns that hold more."""
        columns = [[row[place] for row in rows if place < len(row)] for place in range(len(rows[0]))]
        self.set_font("text", "B", _SMALL)
        least = [
            max(self.get_string_width(word[:_WORD]) for one in column for word in [*one.split(), "-"])
            for column in columns
        ]
        wanted = [min(max(self.get_string_width(one) for one in column), self.epw) for column in columns]
        self.set_font("text", "", _SMALL)
        spare = max(self.epw - sum(least) - _GAP * len(columns), 0)
        more = [max(want - need, 0) for want, need in zip(wanted, least, strict=True)]
        given = spare / max(sum(more), 0.1)
        return tuple(need + _GAP + extra * given for need, extra in zip(least, more, strict=True))


def _letters(font: object) -> frozenset[int]:
    assert isinstance(font, TTFFont)
    return frozenset(font.cmap)


def _fonts() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def _rows(tokens: list[Token]) -> Iterator[list[Token]]:
    row: list[Token] = []
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "inline":
            row.append(token)
        elif token.type == "tr_close":
            yield row


def _words(inline: Token) -> str:
    """Without emphasis, as a cell shows it."""
    parts = (one.content if one.type != "softbreak" else " " for one in inline.children or ())
    return "".join(parts)
