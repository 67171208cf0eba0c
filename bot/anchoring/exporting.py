"""The audit as a file, for auditors: as lines of JSON that can be verified without the database, or as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from bot.anchoring.signing import Anchor
from bot.store.audit import GENESIS, digest, verify_chain
from commands.ports import AuditReport

Format = Literal["jsonl", "csv"]
FIELDS = ("sequence", "at", "actor", "kind", "subject", "detail", "previous", "digest")


class NoExport(Exception):  # noqa: N818 - an answer about a file
    """The file is no export of an audit; the message says where it is not."""


def between(
    entries: Iterable[dict[str, Any]], since: datetime | None, until: datetime | None
) -> Iterator[dict[str, Any]]:
    """The entries of a time, its begin included, and whatever stands between them.

    They are in the order of their commits, which is about that of their times: from the first that is late enough to
    the last that is early enough, so that the chain has no hole.
    """
    begun, waiting = since is None, list[dict[str, Any]]()
    for entry in entries:
        at = datetime.fromisoformat(entry["at"])
        begun = begun or (since is not None and at >= since)
        if not begun:
            continue
        waiting.append(entry)
        if until is None or at < until:
            yield from waiting
            waiting.clear()


def write(entries: Iterable[dict[str, Any]], to: TextIO, form: Format) -> int:
    """All entries; how many they were. In a table, what a spreadsheet would take for a formula is quoted."""
    count = 0
    table = csv.DictWriter(to, FIELDS) if form == "csv" else None
    if table:
        table.writeheader()
    for entry in entries:
        row = {name: entry[name] for name in FIELDS}
        if table:
            table.writerow({name: _harmless(value) for name, value in row.items()})
        else:
            to.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def verify_file(file: Path) -> AuditReport:
    """Whether the lines of an export form an unbroken chain. It may begin in the middle. Raises NoExport."""
    first = last = None
    for entry in _entries(file):
        first, last = first or entry, entry
    if first is None or last is None:
        return AuditReport(entries=0, head=GENESIS)
    before = (first["sequence"] - 1, first["previous"])
    found = verify_chain(_entries(file), last["sequence"], last["digest"], after=before)
    return found.model_copy(update={"entries": found.entries - before[0]})


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as opened:
        for number, line in enumerate(opened, start=1):
            try:
                entry = json.loads(line)
                digest(entry)
                yield {name: entry[name] for name in FIELDS}
            except (ValueError, KeyError, TypeError):
                raise NoExport(f"{file}: line {number} is no entry of an audit (tocsin audit export).") from None


def anchored_in(file: Path, anchors: Iterable[Anchor]) -> dict[int, str]:
    """The digests of the anchored entries that an export has, by their numbers."""
    wanted = {one.sequence for one in anchors}
    return {entry["sequence"]: entry["digest"] for entry in _entries(file) if entry["sequence"] in wanted}
