"""The files of the revisions are named by their numbers, one after the other: by that the newest one is known."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from bot.store import migrations


def test_the_numbers_of_the_files_are_the_chain_of_the_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    chain = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    numbers = [f"{number:04}" for number in range(1, len(chain) + 1)]
    assert [one.revision for one in chain] == numbers
    assert [Path(one.path).name[:5] for one in chain] == [f"{number}_" for number in numbers]
