"""Every command that is registered has a transcript: what a person types and what everybody reads."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from commands.registry import discover

HERE = Path(__file__).parent


@cache
def transcribed() -> frozenset[str]:
    """The names in `@transcript(...)` over the tests of this folder."""
    found: set[str] = set()
    for file in HERE.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "transcript":
                found.update(ast.literal_eval(argument) for argument in node.args)
    return frozenset(found)


@pytest.mark.parametrize("name", sorted(command.name for command in discover().commands.values()))
def test_each_command_has_a_transcript(name: str) -> None:
    assert name in transcribed(), f"add a test with @transcript({name!r}) to tests/scenario"


def test_no_transcript_is_of_a_command_that_is_gone() -> None:
    assert transcribed() <= {command.name for command in discover().commands.values()}
