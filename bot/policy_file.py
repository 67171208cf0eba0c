"""The policy's file: YAML with the line of each key, so that a mistake can be found."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bot.explaining import Place, mistakes
from commands.domain.severity import Scheme
from commands.grammar.arguments import names_of
from commands.policy.cases import Cases
from commands.policy.document import Policy, Surroundings
from commands.policy.reading import read
from commands.registry import Registry

#: A policy is written by hand; what is longer is no policy.
_LONGEST = 256 * 1024
_DEEPEST = 50


M = TypeVar("M", bound=BaseModel)


class PolicyError(Exception):
    """A policy or its cases cannot be used; the message names the file, line, key and value, and what is allowed."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one, where it is there
    """YAML as people mean it: `17:30` and `2026-12-24` are text, `on` and `no` are words, and no key stands twice."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, how) for tag, how in resolvers if tag.rpartition(":")[2] not in {"timestamp", "int", "bool"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?\d{1,15}$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), ["t", "f"])


def default_text(name: str = "default.yaml") -> str:
    """The policy that Tocsin comes with, or another file beside it."""
    return (files("commands.policy") / name).read_text(encoding="utf-8")


def cases_beside(file: Path) -> Path:
    """Where the cases of a policy are: `policy.cases.yaml` beside `policy.yaml`."""
    return file.with_name(f"{file.stem}.cases.yaml")


def surroundings(registry: Registry, scheme: Scheme) -> Surroundings:
    """What a policy may name."""
    known = {path: (command.klass.value, names_of(command.args)) for path, command in registry.commands.items()}
    return Surroundings(scheme=scheme, commands=known)


def parse(text: str, name: str, around: Surroundings) -> Policy:
    """Read the text of a policy. Raises PolicyError."""
    return read_document(text, name, Policy, lambda content: read(content, around))


def parse_cases(text: str, name: str, around: Surroundings) -> Cases:
    """Read the text of the cases of a policy. Raises PolicyError."""
    return read_document(text, name, Cases, lambda content: Cases.model_validate(content, context=around))


def read_document(text: str, name: str, model: type[M], how: Callable[[Any], M]) -> M:
    """Read a document of this kind: YAML whose mistakes are told with their line. Raises PolicyError."""
    content, lines = _loaded(text, name)
    try:
        return how(content)
    except ValidationError as error:
        told = mistakes(error, model, lambda place: f"line {_line(lines, place)}")
        raise PolicyError(f"{name} is wrong:\n{told}") from None


def _loaded(text: str, name: str) -> tuple[Any, dict[Place, int]]:
    """What a file holds, and the line of each of its keys."""
    if len(text) > _LONGEST:
        raise PolicyError(f"{name} has {len(text):,} characters; at most {_LONGEST:,} are read.")
    lines: dict[Place, int] = {}
    try:
        _refuse_aliases(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        _note(node, (), lines, name)
        content = loader.construct_document(node) if node else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PolicyError(f"{name} is no YAML: {error}") from None
    if not isinstance(content, dict):
        raise PolicyError(f"{name} must hold keys and values, not {_kind(content)}.")
    return content, lines


def _refuse_aliases(text: str) -> None:
    """A set of people or a window has a name, and what repeats or nests itself without end is no policy."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} deep")
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not used here")


def _kind(content: Any) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"


def _note(node: Any, place: Place, lines: dict[Place, int], name: str) -> None:
    """The lines below a node. Raises PolicyError for a key that stands twice: the last one would win in silence."""
    if node is None:
        return
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _note(item, (*place, number), lines, name)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here, line = (*place, str(key.value)), key.start_mark.line + 1
            if here in lines:
                raise PolicyError(
                    f"{name} is wrong:\n  - {'.'.join(map(str, here))}: it stands twice "
                    f"(lines {lines[here]} and {line})"
                )
            lines[here] = line
            _note(value, here, lines, name)


def _line(lines: dict[Place, int], place: Place) -> int:
    """The line of a place, or of the nearest above that the file has."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def read_text(path: Path) -> str:
    """A file's text. Raises PolicyError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path} is no text: {error.reason} at byte {error.start}.") from None
