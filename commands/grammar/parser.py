"""A line of text to a command and its typed arguments, or to a refusal that says what was wrong."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any, get_type_hints

import click

from commands.errors import Malformed
from commands.grammar import arguments, lexer
from commands.grammar.types import Vocabulary
from commands.registry import Command, Registry

MAX_TEXT = 8000


@dataclass(frozen=True)
class Parsed:
    """A command with its arguments, an instance of the command's argument class."""

    command: Command
    args: Any


def parse(text: str, registry: Registry, vocabulary: Vocabulary) -> Parsed:
    """Read one line.

    Raises:
        Malformed: too long, no such command (the nearest is named), or arguments that do not fit.
    """
    if len(text) > MAX_TEXT:
        raise Malformed(
            f"That command has {len(text):,} characters; at most {MAX_TEXT:,} are read.",
            hint="Put long output into a file or a link, and note the link.",
        )
    words = lexer.words(text.replace("\x00", "").strip())
    command, rest = find(words, registry)
    return Parsed(command, read_arguments(command, rest, vocabulary))


def find(words: list[lexer.Word], registry: Registry) -> tuple[Command, list[lexer.Word]]:
    """The command that the first words name, longest name first, and the words after it."""
    names = [_name(word) for word in words[:3]]
    for length in range(min(3, len(names)), 0, -1):
        command = registry.commands.get(tuple(names[:length]))
        if command:
            return command, words[length:]
    raise unknown(names, registry)


def _name(word: str) -> str:
    return word.lstrip("/").casefold()


def unknown(names: list[str], registry: Registry) -> Malformed:
    """The refusal for a command that does not exist, with the nearest that does."""
    written = "/" + " ".join(names[:2])
    nearest = near(names, registry)
    if not names:
        return Malformed("That is no command.", hint="/help lists the commands.", example="/help")
    if nearest is None:
        return Malformed(f"There is no command {written[:80]}.", hint="/help lists the commands.", example="/help")
    return Malformed(
        f"There is no command {written[:80]}.", hint=f"Did you mean {nearest.name}?", example=nearest.example
    )


def near(names: list[str], registry: Registry) -> Command | None:
    """The command whose name is closest to what was written."""
    known = {" ".join(path): command for path, command in registry.commands.items()}
    for length in (2, 1):
        close = difflib.get_close_matches(" ".join(names[:length])[:60], known, n=1, cutoff=0.6)
        if close:
            return known[close[0]]
    family = difflib.get_close_matches(names[0][:30] if names else "", {path[0] for path in registry.commands}, n=1)
    return next((c for p, c in sorted(registry.commands.items()) if family and p[0] == family[0]), None)


def read_arguments(command: Command, words: list[lexer.Word], vocabulary: Vocabulary) -> Any:
    """An instance of the command's argument class from the words after its name."""
    parser = click.Command(command.name, params=arguments.parameters(command.args), add_help_option=False)
    try:
        with parser.make_context(
            command.name, list(words), obj=vocabulary, ignore_unknown_options=takes_text(command)
        ) as context:
            return _instance(command, dict(context.params))
    except click.UsageError as error:
        raise _malformed(command, error) from None


def takes_text(command: Command) -> bool:
    """Whether the command ends in free text, in which a lone dash is no option."""
    return any(isinstance(how, arguments.Rest) for how in _written(command).values())


def _written(command: Command) -> dict[str, arguments.Written]:
    hints = get_type_hints(command.args, include_extras=True)
    return {field.name: arguments.how_written(hints[field.name]) for field in dataclasses.fields(command.args)}


def _instance(command: Command, values: dict[str, Any]) -> Any:
    for name, how in _written(command).items():
        if isinstance(how, arguments.Rest):
            _refuse_unknown_options(command, values[name])
            values[name] = lexer.join(values[name])
    return command.args(**values)


def _refuse_unknown_options(command: Command, words: tuple[str, ...]) -> None:
    """A mistyped `--privat` must not end up in a title that everybody reads."""
    flags = [how.flag for how in _written(command).values() if isinstance(how, arguments.Option | arguments.Flag)]
    for word in words:
        if word.startswith("--") and len(word) > 2 and word[2].isalpha() and not getattr(word, "quoted", False):
            near_flags = difflib.get_close_matches(word.split("=")[0], flags, n=1, cutoff=0.5)
            known = f"Did you mean {near_flags[0]}?" if near_flags else _known(flags)
            raise Malformed(
                f"{command.name} has no option {word[:40]}.",
                hint=f"{known} Quote it to use it as text.",
                example=command.example,
            )


def _known(flags: list[str]) -> str:
    return f"Its options: {', '.join(flags)}." if flags else "It has no options."


def _malformed(command: Command, error: click.UsageError) -> Malformed:
    return Malformed(f"{command.name}: {_words(error)}", hint=f"Usage: {usage(command)}", example=command.example)


def _words(error: click.UsageError) -> str:
    match error:
        case click.MissingParameter(param=click.Parameter(name=name)):
            return f"{name} is missing."
        case click.BadParameter(param=click.Parameter(name=name), message=message):
            return f"{name}: {message}"
        case _:
            return error.format_message()


def usage(command: Command) -> str:
    """`/gw scale <replicas> [--reason text]`."""
    hints = get_type_hints(command.args, include_extras=True)
    parts = [_usage(field, arguments.how_written(hints[field.name])) for field in dataclasses.fields(command.args)]
    return " ".join([command.name, *parts])


def _usage(field: dataclasses.Field[Any], how: arguments.Written) -> str:
    required = field.default is dataclasses.MISSING
    match how:
        case arguments.Flag(flag=flag):
            return f"[{flag}]"
        case arguments.Option(flag=flag):
            return f"[{flag} {field.name}]"
        case arguments.Rest():
            return f"<{field.name}...>" if required else f"[{field.name}...]"
        case _:
            return f"<{field.name}>" if required else f"[{field.name}]"


def described(command: Command) -> list[tuple[str, str]]:
    """Each argument as it is written, with what it means; for the help."""
    hints = get_type_hints(command.args, include_extras=True)
    rows = []
    for field in dataclasses.fields(command.args):
        how = arguments.how_written(hints[field.name])
        rows.append((_usage(field, how), how.help))
    return rows
