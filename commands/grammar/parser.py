"""A line of text to a command and its typed arguments, or to a refusal that says what was wrong."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

import click

from commands.errors import Malformed, Refusal
from commands.grammar import arguments, lexer
from commands.grammar.types import Unreadable, Vocabulary
from commands.locating import Somewhere
from commands.people import Person
from commands.presentation.words import cut
from commands.registry import Command, Registry

MAX_TEXT = 8000
#: `/tocsin help` is `/help`: some platforms keep that one for themselves.
_OWN_NAME = "tocsin"


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
    words = lexer.words(_storable(text).strip())
    command, rest = find(words, registry, vocabulary.reader)
    return Parsed(command, read_arguments(command, rest, vocabulary))


def parse_about(text: str, registry: Registry, vocabulary: Vocabulary) -> tuple[Command, dict[str, Any]]:
    """A line that is talked about: a name alone is a command whose arguments do not matter. Raises as `parse`."""
    command, rest = find(lexer.words(_storable(text).strip()), registry, vocabulary.reader)
    try:
        return command, dict(vars(read_arguments(command, rest, vocabulary)))
    except Malformed:
        if rest:
            raise
        return command, {}


def _storable(text: str) -> str:
    """Without what no database and no page takes: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def find(words: list[lexer.Word], registry: Registry, reader: Person | None = None) -> tuple[Command, list[lexer.Word]]:
    """The command that the first words name, longest name first, and the words after it.

    The name of a family alone (`/gw`) asks for help with it.
    """
    names = [_name(word) for word in words[:3]]
    if len(words) > 1 and names[0] == _OWN_NAME and tuple(names[:2]) not in registry.commands:
        return find(words[1:], registry, reader)
    for length in range(min(3, len(names)), 0, -1):
        command = registry.commands.get(tuple(names[:length]))
        if command:
            return command, words[length:]
    helping = registry.commands.get(("help",))
    if helping and len(words) == 1 and any(path[0] == names[0] for path in registry.commands):
        return helping, words
    raise unknown(names, registry, reader)


def meant(text: str, registry: Registry) -> Command | None:
    """The command that a line names, whether or not its arguments can be read."""
    try:
        return find(lexer.words(text), registry)[0]
    except Malformed:
        return None


def _name(word: str) -> str:
    return word.lstrip("/").casefold()


def unknown(names: list[str], registry: Registry, reader: Person | None = None) -> Malformed:
    """The refusal for a command that does not exist, with the nearest that does and that the reader may run."""
    written = "/" + " ".join(names[:2])
    nearest = near(names, registry, reader)
    if not names:
        return Malformed("That is no command.", example="/help")
    if nearest is None:
        return Malformed(f"There is no command {written[:80]}.", example="/help")
    return Malformed(
        f"There is no command {written[:80]}.", hint=f"Did you mean {nearest.name}?", example=nearest.example
    )


def near(names: list[str], registry: Registry, reader: Person | None = None) -> Command | None:
    """The command whose name is closest to what was written, among those that the reader may run anywhere."""
    commands = registry.visible(reader, None) if reader else list(registry.commands.values())
    known = {" ".join(command.path): command for command in commands}
    for length in (2, 1):
        close = difflib.get_close_matches(" ".join(names[:length])[:60], known, n=1, cutoff=0.6)
        if close:
            return known[close[0]]
    family = difflib.get_close_matches(names[0][:30] if names else "", {c.path[0] for c in commands}, n=1)
    return next((c for _, c in sorted(known.items()) if family and c.path[0] == family[0]), None)


def read_arguments(command: Command, words: list[lexer.Word], vocabulary: Vocabulary) -> Any:
    """An instance of the command's argument class from the words after its name.

    The options are taken out first, so that in what is left a dash is a letter: `-1` is a number, and a note may
    hold ` -- `.
    """
    written = _written(command)
    options, text = _apart(command, words, [how for how in written.values() if not isinstance(how, arguments.Word)])
    try:
        with _parser(command).make_context(command.name, [*options, "--", *text], obj=vocabulary) as context:
            return _instance(command, dict(context.params))
    except click.UsageError as error:
        raise _malformed(command, error) from None


@cache
def _parser(command: Command) -> click.Command:
    return click.Command(command.name, params=arguments.parameters(command.args), add_help_option=False)


@cache
def _written(command: Command) -> dict[str, arguments.Written]:
    hints = get_type_hints(command.args, include_extras=True)
    return {field.name: arguments.how_written(hints[field.name]) for field in dataclasses.fields(command.args)}


def _instance(command: Command, values: dict[str, Any]) -> Any:
    for name, how in _written(command).items():
        if isinstance(how, arguments.Rest):
            given = values[name]
            values[name] = lexer.join(given)
            if given and not values[name]:
                raise click.UsageError(f"{name} is empty.")
    return command.args(**values)


def _apart(
    command: Command, words: list[lexer.Word], known: list[arguments.Written]
) -> tuple[list[str], list[lexer.Word]]:
    """The options with their values, and the words that are none. Raises Malformed for an option that is mistyped."""
    valued = {how.flag for how in known if isinstance(how, arguments.Option)}
    flags = {how.flag for how in known if isinstance(how, arguments.Flag)}
    options: list[str] = []
    text: list[lexer.Word] = []
    rest = iter(_spelt_out(command, words, valued))
    for word in rest:
        option = _option(word, valued | flags)
        if option is None:
            _refuse_mistyped(command, word, text[-1:], valued, flags)
            text.append(word)
            continue
        options.append(option)
        if option in valued:
            options.append(_value(command, option, next(rest, None), valued | flags))
    return options, _without_leads(command, text)


def _without_leads(command: Command, text: list[lexer.Word]) -> list[lexer.Word]:
    """`@ana in 10m` means `@ana 10m`, and `from 22:00 to 23:30` is `22:00 23:30`."""
    words = (how for how in _written(command).values() if isinstance(how, arguments.Word))
    for place, how in enumerate(words):
        lead = how.lead
        if lead and len(text) > place + 1 and text[place].casefold() == lead and not text[place].quoted:
            text = [*text[:place], *text[place + 1 :]]
    return text


def _spelt_out(command: Command, words: list[lexer.Word], valued: set[str]) -> list[lexer.Word]:
    """`10 at 14:05` and `10 for 30m in 20m` mean `10 --at 14:05` and `10 --for 30m --in 20m`, but not in free text."""
    if len(words) < 2 or _takes_text(command):
        return words
    word, value = words[-2:]
    if word.casefold() not in {"at", "in", "for"} or word.quoted or f"--{word.casefold()}" not in valued:
        return words
    return [*_spelt_out(command, words[:-2], valued), lexer.Word(f"--{word.casefold()}"), value]


def _value(command: Command, option: str, word: lexer.Word | None, known: set[str]) -> str:
    """The word after an option. Raises Malformed where there is none, or another option in its place."""
    if word is None or _option(word, known):
        meaning = next(how.help for how in _written(command).values() if getattr(how, "flag", "") == option)
        raise Malformed(f"{command.name}: {option} needs a value ({meaning}).", example=command.example)
    return word


#: What phones, word processors and other keyboards make of a dash.
_DASH = r"[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
_DASHED = re.compile(rf"{_DASH}+(?P<name>[^\W\d_][\w-]*)(?P<value>=.*)?", re.DOTALL)
_LONE_DASH = re.compile(rf"{_DASH}+")


def _option(word: lexer.Word, known: set[str]) -> str | None:
    """The option that a word is, with whatever dashes it was typed."""
    found = None if word.quoted else _DASHED.fullmatch(word)
    if found is None or f"--{found['name']}" not in known or (word.startswith("-") and not word.startswith("--")):
        return None
    return f"--{found['name']}{found['value'] or ''}"


def _refuse_mistyped(
    command: Command, word: lexer.Word, before: list[lexer.Word], valued: set[str], flags: set[str]
) -> None:
    """A mistyped `--privat` must not end up in a title that everybody reads."""
    if word.quoted:
        return
    if before and not before[0].quoted and _LONE_DASH.fullmatch(before[0]) and f"--{word.casefold()}" in flags:
        raise _no_option(command, f"{before[0]} {word}", [f"--{word.casefold()}"], valued | flags)
    dashed = _DASHED.fullmatch(word)
    if dashed is None:
        return
    # Two dashes are meant as an option; one dash, or a long one, may be prose, unless an option is near.
    meant = word.startswith("--")
    near_flags = _near_options(dashed["name"].casefold(), valued, flags, meant=meant)
    if near_flags or (meant and not _takes_text(command)):
        raise _no_option(command, word, near_flags, valued | flags)


def _takes_text(command: Command) -> bool:
    """Whether what it is given may be anything: people note the command lines that they ran elsewhere."""
    return any(isinstance(how, arguments.Rest) for how in _written(command).values())


def _near_options(name: str, valued: set[str], flags: set[str], *, meant: bool) -> list[str]:
    """A flag is easily missed, and what it guards with it; the value of an option would be missed at once."""
    for known, cutoff in ((flags, 0.5), (valued, 0.7)):
        bare = [option.removeprefix("--") for option in known]
        close = difflib.get_close_matches(name, bare, n=1, cutoff=cutoff if meant else 0.8)
        if close:
            return [f"--{close[0]}"]
    return []


def _no_option(command: Command, written: str, near_flags: list[str], known: set[str]) -> Malformed:
    quote = "Quote it to use it as text."
    advice = f"Did you mean {near_flags[0]}? {quote}" if near_flags else f"{quote} Options:" if known else quote
    allowed = () if near_flags else sorted(known)
    example = " ".join([command.example, *(flag for flag in near_flags if _may_be_added(flag, command))])
    return Malformed(f"{command.name} has no option {written[:40]}.", hint=advice, allowed=allowed, example=example)


def _may_be_added(option: str, command: Command) -> bool:
    """Whether the example shows an option that needs no value, if it is put to its end."""
    alone = {how.flag for how in _written(command).values() if isinstance(how, arguments.Flag)}
    return option in alone and option not in command.example.split()


def _malformed(command: Command, error: click.UsageError) -> Malformed:
    """What is wrong first; then what would do, or how the command is written; then a line to copy."""
    match error:
        case Unreadable(refusal=wrong):
            example = _shown_with(error.param, wrong, command)
            return Malformed(wrong.message, hint=wrong.hint, allowed=wrong.allowed, example=example)
        case click.MissingParameter(param=click.Parameter(name=str() as name)):
            return Malformed(f"{command.name}: {name} is missing ({_meaning(command, name)}).", example=command.example)
        case _:
            wrong_words = cut(error.format_message(), 200)
            return Malformed(f"{command.name}: {wrong_words}", hint="It is written as", allowed=[usage(command)])


def _meaning(command: Command, name: str) -> str:
    return _written(command)[name].help


def _shown_with(param: click.Parameter | None, wrong: Refusal, command: Command) -> str:
    """The command's example, with the option that was written wrongly where it has none."""
    flag = param.opts[0] if isinstance(param, click.Option) else ""
    value = next(iter(wrong.allowed), "")
    if not (flag and value) or flag in command.example.split():
        return command.example
    return f"{command.example} {flag} {value}"


def usage(command: Command, hidden: Collection[str] = ()) -> str:
    """`/gw scale <replicas> [--reason text]`; without arguments that make no sense to the reader."""
    hints = get_type_hints(command.args, include_extras=True)
    shown = [field for field in _in_order(command, hints) if field.name not in hidden]
    return " ".join([command.name, *(_usage(field, hints[field.name]) for field in shown)])


_WHERE = arguments.names_of(Somewhere)


def _in_order(command: Command, hints: dict[str, Any]) -> list[dataclasses.Field[Any]]:
    """What is known by its place, then what is known by its name; what many commands have comes last."""
    named = (arguments.Option, arguments.Flag)
    return sorted(
        dataclasses.fields(command.args),
        key=lambda f: (isinstance(arguments.how_written(hints[f.name]), named), bool(f.kw_only), f.name in _WHERE),
    )


def _usage(field: dataclasses.Field[Any], hint: Any) -> str:
    required = field.default is dataclasses.MISSING
    match arguments.how_written(hint):
        case arguments.Flag(flag=flag):
            return f"[{flag}]"
        case arguments.Option(flag=flag):
            return f"[{flag} {arguments.kind_of_value(hint) or field.name}]"
        case arguments.Rest():
            return f"<{field.name}...>" if required else f"[{field.name}...]"
        case _:
            return f"<{field.name}>" if required else f"[{field.name}]"


def described(command: Command, hidden: Collection[str] = ()) -> list[tuple[str, str]]:
    """Each argument as it is written, with what it means; for the help."""
    hints = get_type_hints(command.args, include_extras=True)
    rows = []
    for field in (one for one in _in_order(command, hints) if one.name not in hidden):
        hint = hints[field.name]
        rows.append((_usage(field, hint), arguments.how_written(hint).help))
    return rows
