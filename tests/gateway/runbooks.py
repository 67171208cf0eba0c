"""`docs/gateway/runbook-coverage.md`, made from the runbooks: `python -m tests.gateway.runbooks` writes it anew.

`found` reads out of them each line that concerns the gateway itself: one that names something of `runbook_names`, or is
of a block of its configuration, of an alert rule, or of the example of a log record. `runbook_tests` says what runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.architecture.reading import ROOT
from tests.gateway.runbook_names import CASES, FOREIGN, NAMES, SECTIONS
from tests.gateway.runbook_tests import Differs, NotYet, Runs, verdict_of

SEEDS = ROOT.parent / "shared" / "seeds"
PAGE = ROOT / "docs" / "gateway" / "runbook-coverage.md"
_LONGEST = 100

_FENCE = re.compile(r"^\s*```(?P<language>\w*)\s*$")
_COMMENT = re.compile(r"^\s*#(?! - [a-z]+[A-Z])")
_KEY = re.compile(r"^(?P<indent>\s*(?:- )?)\"?(?P<key>[a-z]\w*)\"?:(?: |$)")
_RULE = re.compile(r"^\s*- alert: (?P<alert>\w+)")
_OF_RULE = re.compile(r"^\s*(?P<part>- alert|expr|for|severity):")
_INTRODUCTION = """# Which lines of the runbooks work

Made by `python -m tests.gateway.runbooks` from the five runbooks, which are not part of this repository; a test keeps
it true where they are at hand. Each line is here that concerns the gateway itself: its endpoints, figures, metrics, log
words and fields, configuration keys, environment switches and alert rules. What a line asks of Kubernetes, of the
machines or of other services is not. A line is shortened to {longest} characters, and a command that goes on over
several lines stands at its first.

A line *runs* when a test named here does what it asks for; the test's own text, with what it uses of its module, has
the name. It *differs* when the gateway can do it but not as it is written; what has to be written instead is said. Else
it is *not yet*, with what it waits for. Endpoints of the admin API are on its own listener: names of hosts are for the
operator to point there.

**{lines} lines: {run} run, {differ} differ, {waiting} not yet.**
"""


@dataclass(frozen=True)
class Line:
    """A line of a runbook, and what it names: pairs of kind and name."""

    runbook: str
    number: int
    text: str
    language: str | None
    """Of the block that it is in; None outside of blocks."""
    names: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        text = " ".join(self.text.split())
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def runbooks() -> list[str]:
    """Their numbers: 000 to 004."""
    return sorted(path.name[:3] for path in SEEDS.glob("*.txt"))


def found(runbook: str) -> list[Line]:
    """The lines of one that concern the gateway, in order."""
    blocks = _blocks(runbook)
    lines = [line for block in blocks for line in _of_block(block)]
    return sorted((line for line in lines if line.names), key=lambda line: line.number)


def configuration_blocks(runbook: str) -> list[str]:
    """The text of the blocks of gateway configuration."""
    return ["\n".join(line.text for line in block) for block in _blocks(runbook) if _is_configuration(block)]


def _blocks(runbook: str) -> list[list[Line]]:
    """The runbook cut into fenced blocks and what is between."""
    [path] = SEEDS.glob(f"{runbook}_*.txt")
    blocks: list[list[Line]] = [[]]
    language: str | None = None
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if fence := _FENCE.match(text):
            language = fence["language"] if language is None else None
            blocks.append([])
        else:
            blocks[-1].append(Line(runbook, number, text, language))
    return blocks


def _of_block(block: list[Line]) -> Iterator[Line]:
    if _is_configuration(block):
        yield from _keys(block)
    elif any(_RULE.match(line.text) for line in block):
        yield from _rules(block)
    elif block and block[0].language == "json":
        for line in block:
            key = _KEY.match(line.text)
            yield replace(line, names=(("log field", key["key"]),) if key else ())
    else:
        for line in _joined(block):
            yield replace(line, names=_named(line))


def _is_configuration(block: list[Line]) -> bool:
    first = next((key["key"] for line in block if (key := _KEY.match(line.text))), None)
    return bool(block) and block[0].language == "yaml" and first in SECTIONS


def _keys(block: list[Line]) -> Iterator[Line]:
    """Each line with the dotted key that it is of."""
    above: list[tuple[int, str]] = []
    for line in block:
        if not line.text.strip() or _COMMENT.match(line.text):
            continue
        if key := _KEY.match(line.text):
            indent = len(key["indent"])
            above = [*(one for one in above if one[0] < indent), (indent, key["key"])]
        path = ".".join(name for _, name in above if not CASES.match(name))
        yield replace(line, names=(("key", path),))


def _rules(block: list[Line]) -> Iterator[Line]:
    """What alert rules say of when and how gravely they fire, with the alert and the metrics in it."""
    alert = ""
    for line in _whole_conditions(block):
        if rule := _RULE.match(line.text):
            alert = rule["alert"]
        if alert and (part := _OF_RULE.match(line.text)):
            kind = "alert condition" if part["part"] == "expr" else "alert rule"
            yield replace(line, names=((kind, f"{line.runbook} {alert}"), *_named(line)))


def _whole_conditions(block: list[Line]) -> Iterator[Line]:
    """The lines, those that a condition goes on over as one."""
    condition: Line | None = None
    for line in block:
        if condition is not None and not _OF_RULE.match(line.text):
            condition = replace(condition, text=f"{condition.text} {line.text.strip()}")
            continue
        if condition is not None:
            yield condition
        part = _OF_RULE.match(line.text)
        condition = line if part and part["part"] == "expr" else None
        if condition is None:
            yield line


def _joined(block: list[Line]) -> Iterator[Line]:
    """Commands that go on behind a backslash as one line."""
    begun: Line | None = None
    for line in block:
        whole = line if begun is None else replace(begun, text=f"{begun.text[:-1]} {line.text.strip()}")
        begun = whole if line.language is not None and whole.text.endswith("\\") else None
        if begun is None:
            yield whole


def _named(line: Line) -> tuple[tuple[str, str], ...]:
    """What of the catalogue a line names; comments name nothing, and prose only where it is code or a rule."""
    if line.language is not None and _COMMENT.match(line.text):
        return ()
    text = line.text
    if line.language is None and not text.lstrip().startswith("- "):
        text = " ".join(re.findall(r"`([^`]+)`", text))
    foreign = FOREIGN.search(text) is not None
    digit = line.runbook[-1]
    return tuple(
        dict.fromkeys(
            (name.kind, name.name)
            for name in NAMES
            if digit in name.runbooks and not (foreign and name.kind == "endpoint") and name.pattern.search(text)
        )
    )


def render() -> str:
    """The whole page."""
    every = {runbook: found(runbook) for runbook in runbooks()}
    standings = [_standing(line) for lines in every.values() for line in lines]
    counts = {
        "lines": len(standings), "longest": _LONGEST, "run": standings.count("run"),
        "differ": standings.count("differ"), "waiting": standings.count("not yet"),
    }  # fmt: skip
    parts = [_INTRODUCTION.format(**counts)]
    for runbook, lines in every.items():
        runs = sum(_standing(line) == "run" for line in lines)
        head = f"## Runbook {runbook}\n\n{len(lines)} lines, {runs} run.\n\n| Line | Text | What it names | Test |"
        parts.append("\n".join([head, "|---|---|---|---|", *map(row, lines)]) + "\n")
    return "\n".join(parts)


def row(line: Line) -> str:
    """A line's row in its table."""
    names = ", ".join(dict.fromkeys(f"{kind} `{name}`" for kind, name in line.names))
    verdicts = dict.fromkeys(str(verdict_of(*one)) for one in line.names)
    cells = (str(line.number), _code(line.shown), names, "; ".join(verdicts))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _standing(line: Line) -> str:
    verdicts = [verdict_of(*one) for one in line.names]
    if any(isinstance(one, NotYet) for one in verdicts):
        return "not yet"
    if any(isinstance(one, Differs) for one in verdicts):
        return "differ"
    assert all(isinstance(one, Runs) for one in verdicts)
    return "run"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
