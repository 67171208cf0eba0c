"""What is documented exists, and what exists is documented."""

from __future__ import annotations

import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from bot.cli import app as tocsin
from bot.demo.people import PEOPLE
from commands.domain.severity import SEV1_TO_SEV4
from commands.grammar.parser import parse
from commands.grammar.types import Vocabulary
from commands.people import Directory, Person
from commands.registry import Command, discover
from gateway.cli import app as tocsin_gateway
from tests.architecture import commands_page
from tests.architecture.reading import ROOT, anchors, blocks, links, named, pages

REGISTRY = discover()
COMMANDS = sorted(REGISTRY.commands.values(), key=lambda command: command.path)
ROOTS = {path[0] for path in REGISTRY.commands}
_VOCABULARY = Vocabulary(
    SEV1_TO_SEV4,
    Directory(Person.model_validate(one) for one in PEOPLE),
    datetime(2026, 3, 1, 12, tzinfo=UTC),
)
_PROGRAMS = {"tocsin": typer.main.get_command(tocsin), "tocsin-gateway": typer.main.get_command(tocsin_gateway)}


def test_the_page_of_the_commands_is_what_the_registry_gives() -> None:
    shown = commands_page.PAGE.read_text(encoding="utf-8")
    assert shown == commands_page.render(), "run: python -m tests.architecture.commands_page"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_example_of_each_command_is_that_command(command: Command) -> None:
    assert parse(command.example, REGISTRY, _VOCABULARY).command is command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_a_summary_that_is_a_sentence(command: Command) -> None:
    assert command.summary[0].isupper()
    assert command.summary.endswith(".")


def _typed(page: Path) -> list[str]:
    """Commands that a page tells people to type: in code, beginning with the name of a family."""
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`(/[a-z]+(?: [^`\n]*)?)`", text)
    lines = [
        line.strip() for block in blocks(page) if block.language in {"", "text"} for line in block.code.splitlines()
    ]
    found = [line for line in (*inline, *lines) if line[:1] == "/" and line[1:].split(" ")[0] in ROOTS]
    return [line for line in found if not re.search(r"[\[<…]", line)]


@pytest.mark.parametrize("page", [page for page in pages() if page.parent.name != "howto"], ids=named)
def test_commands_in_the_pages_exist(page: Path) -> None:
    for line in _typed(page):
        words = line.lstrip("/").split()
        is_family = any(path[: len(words)] == tuple(words) for path in REGISTRY.commands)
        assert is_family or parse(line, REGISTRY, _VOCABULARY), line


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_resolve(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} in {named(page)}"
        assert not anchor or anchor in anchors(file), f"{target} in {named(page)}"


def test_the_tests_that_a_page_names_exist() -> None:
    files = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    known = {name for text in files for name in re.findall(r"def (test_\w+)\(", text)}
    told = {name for page in pages() for name in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}
    assert told
    assert not told - known


def test_every_decision_and_page_is_linked() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page in pages() for target in links(page)}
    lost = [named(page) for page in pages()[1:] if page.resolve() not in linked]
    assert not lost, f"no page leads to {lost}"


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def _targets() -> set[str]:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    return set(phony[1].split())


def test_make_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == _targets()


@pytest.mark.parametrize("page", pages(), ids=named)
def test_make_targets_in_the_pages_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"(?:`|^\$? ?)make ([a-z-]+)", text, re.MULTILINE))
    assert mentioned <= _targets()


def _program_lines(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`(tocsin(?:-gateway)? [a-z][^`\n]*)`", text)
    lines = [line.strip().removeprefix("$ ") for block in blocks(page) for line in block.code.splitlines()]
    return inline + [line for line in lines if re.match(r"tocsin(-gateway)? [a-z]", line)]


@pytest.mark.parametrize("page", pages(), ids=named)
def test_program_lines_in_the_pages_exist(page: Path) -> None:
    for line in _program_lines(page):
        words = shlex.split(line, comments=True)
        found = _PROGRAMS[words[0]]
        for word in words[1:]:
            children = getattr(found, "commands", None)
            if children is None:
                break
            assert word in children, line
            found = children[word]
        options = {option for parameter in found.params for option in parameter.opts}
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert used <= options, line


def test_every_program_command_is_mentioned() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    for program, root in _PROGRAMS.items():
        for name, command in root.commands.items():  # type: ignore[attr-defined]
            for line in [f"{program} {name} {child}" for child in getattr(command, "commands", {})] or [
                f"{program} {name}"
            ]:
                assert line in text, line


def test_every_test_that_a_page_names_is_there() -> None:
    made = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    for page in pages():
        told = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
        assert told <= made, (page.name, told - made)
