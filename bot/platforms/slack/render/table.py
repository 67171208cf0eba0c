"""Tables: Slack's own, or monospaced text where its limits do not allow one."""

from __future__ import annotations

from slack_sdk.models.blocks import Block, RichTextBlock, TableBlock, TableBlockColumnSettings

from bot.platforms.slack.mrkdwn import words
from bot.platforms.slack.render import richtext
from bot.platforms.slack.render.measure import Room, clean, cut, fit, size, width
from bot.platforms.slack.render.naming import Names
from commands.cards import Rich, Table, rich, strong

#: Slack takes 99 rows under the headings; on a phone, fifty are ten screens.
ROWS, COLUMNS, CELL = 50, 20, 600
_NARROWEST, _MONOSPACED_CELL, _ONE_LINE = 3, 40, 24


def squared(table: Table) -> Table:
    """As many cells in each row as there are columns: Slack refuses a ragged table."""
    count = len(table.columns)
    if all(len(row) == count for row in table.rows):
        return table
    rows = tuple((*row[:count], *(() for _ in range(count - len(row)))) for row in table.rows)
    return table.model_copy(update={"rows": rows})


def blocks(table: Table, names: Names, room: Room) -> tuple[list[Block], int, bool]:
    """The blocks, how many rows were left out, and whether a cell was cut."""
    if not table.columns:
        return [], len(table.rows), False
    if not table.rows:
        return _nothing(names), 0, False
    square = _calling_nobody(squared(table), names)
    return (_native if len(square.columns) <= COLUMNS else _monospaced)(square, names, room)


def _calling_nobody(table: Table, names: Names) -> Table:
    rows = tuple(tuple(names.unmentioned(cell) for cell in row) for row in table.rows)
    return table.model_copy(update={"rows": rows})


def _nothing(names: Names) -> list[Block]:
    return [richtext.line(rich("Nothing to list."), names)]


def _native(table: Table, names: Names, room: Room) -> tuple[list[Block], int, bool]:
    head = tuple(rich(strong(cut(clean(column), CELL // 10) or "-")) for column in table.columns)
    kept, short = [head], False
    room.take(sum(width(span) for cell in head for span in cell))
    for row in table.rows[:ROWS]:
        cells = [(room.part(CELL), cell) for cell in row]
        fitted = tuple(fit(cell, within) for within, cell in cells)
        if not room.take(sum(width(span) for cell in fitted for span in cell)):
            break
        short = short or any(within.short for within, _ in cells)
        kept.append(fitted)
    block = TableBlock(
        rows=[[_cell(c, names) for c in row] for row in kept], column_settings=_settings(table, kept, names)
    )
    return [block], len(table.rows) + 1 - len(kept), short


def _cell(cell: Rich, names: Names) -> RichTextBlock:
    """Slack refuses an empty cell."""
    return richtext.paragraph(cell, names) or richtext.line(rich("-"), names)


def _settings(table: Table, shown: list[tuple[Rich, ...]], names: Names) -> list[TableBlockColumnSettings]:
    """Numbers to the right; only columns of sentences wrap, so that a name or a time stays in one piece."""
    return [
        TableBlockColumnSettings(
            align="right" if i in table.numeric else "left",
            is_wrapped=any(len(words(row[i], names)) > _ONE_LINE for row in shown),
        )
        for i in range(len(table.columns))
    ]


def _monospaced(table: Table, names: Names, room: Room) -> tuple[list[Block], int, bool]:
    cells = [[fit(cell, Room(CELL)) for cell in row] for row in table.rows[:ROWS]]
    rows = [[_flat(column) for column in table.columns]]
    rows += [[_flat(words(cell, names)) for cell in row] for row in cells]
    widths = [max(_NARROWEST, *(len(row[i]) for row in rows)) for i in range(len(table.columns))]
    kept = [line for row in rows if room.take(size(line := _line(row, widths, table.numeric)) + 1)]
    if not kept:
        return [], len(table.rows), False
    return [richtext.preformatted("\n".join(kept))], len(table.rows) + 1 - len(kept), False


def _flat(text: str) -> str:
    return cut(" ".join(clean(text[:CELL]).split()), _MONOSPACED_CELL)


def _line(row: list[str], widths: list[int], numeric: tuple[int, ...]) -> str:
    cells = (
        cell.rjust(w) if i in numeric else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()
