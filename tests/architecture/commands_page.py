"""`docs/commands.md`, made from the registry: `python -m tests.architecture.commands_page` writes it anew."""

from __future__ import annotations

from itertools import groupby

from commands.grammar.parser import described, usage
from commands.policy.document import MUTATIONS
from commands.registry import Command, discover
from tests.architecture.reading import ROOT

PAGE = ROOT / "docs" / "commands.md"
_INTRODUCTION = """# Commands

Made from the registry by `python -m tests.architecture.commands_page`; a test keeps it true. In chat, `/help` lists
the commands that you may run, and `/help gw scale` shows one in full.

`<word>` is required, `[word]` may be left out, `...` takes the rest of the line. Quotes keep words together:
`"two words"`. People are written `@ana` or `ana`, durations `45s`, `15m`, `2h`, `1h30m` or `2d`, severities `sev1`,
`SEV-1`, `p0` or `1`.

The kind says how much harm a command can do. A *diagnostic* reads and runs at once. A *record* writes to the incident
and runs at once. A *mitigation* changes the gateway: it shows a plan first and runs once somebody confirms it. A
*dangerous* one could take the service down, or decides who is let in: whoever asks types the name of its target, and
somebody else approves it. Some are dangerous with some arguments only; the plan says so. Who may run what changes
something is for [the policy](policy.md) to say: `/policy explain /gw scale 10` tells whether you may, and why.
"""


def render() -> str:
    """The whole page."""
    commands = sorted(discover().commands.values(), key=lambda command: command.path)
    families = groupby(commands, key=lambda command: command.path[0])
    parts = [part for name, family in families for part in (f"## /{name}\n", *map(_entry, family))]
    return "\n".join([_INTRODUCTION, *parts])


def _entry(command: Command) -> str:
    rows = [f"| `{written}` | {_cell(meaning)} |" for written, meaning in described(command)]
    table = ["", "| Argument | Meaning |", "| --- | --- |", *rows] if rows else []
    lines = [
        f"### {command.name}",
        "",
        command.summary,
        "",
        f"    {usage(command)}",
        *([] if command.example == usage(command) else ["", f"For example `{command.example}`."]),
        *table,
        "",
        f"Kind: {command.klass.value}. Where: {command.where.value}. Who: {_who(command)}.",
    ]
    return "\n".join(lines) + "\n"


def _who(command: Command) -> str:
    """What changes something is for whom the policy names."""
    return "as [the policy](policy.md) says" if command.klass.value in MUTATIONS else command.access.words()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
