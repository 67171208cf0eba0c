"""The table of scopes in `docs/slack.md`, made from the code: `python -m tests.slack.scopes_table` writes it anew."""

from __future__ import annotations

import re

from bot.platforms.slack.subscriptions import reasons
from tests.architecture.reading import ROOT

PAGE = ROOT / "docs" / "slack.md"
_BEGIN, _END = "<!-- scopes: python -m tests.slack.scopes_table -->\n", "<!-- end of scopes -->"


def table() -> str:
    """A row for each scope."""
    rows = [f"| `{scope}` | {'; '.join(why)} |" for scope, why in reasons().items()]
    return "\n".join(["| Scope | Needed for |", "| --- | --- |", *rows]) + "\n"


def shown() -> str:
    """The table as the page has it."""
    found = re.search(f"{re.escape(_BEGIN)}(.*?){re.escape(_END)}", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(f"{_BEGIN}{shown()}{_END}", f"{_BEGIN}{table()}{_END}"), encoding="utf-8")
