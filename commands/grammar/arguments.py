"""Typed argument classes: a frozen dataclass whose fields say how they are written.

@dataclass(frozen=True)
class Declare:
    severity: Annotated[Severity, Word("how bad it is")]
    title: Annotated[str, Rest("what is wrong")] = ""
    service: Annotated[str, Option("--service", "what is affected")] = "gateway"
    private: Annotated[bool, Flag("--private", "only invited people see it")] = False
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import click

from commands.domain.incident import Role, Status
from commands.domain.severity import Severity
from commands.grammar import types
from commands.people import Person


@dataclass(frozen=True)
class Word:
    """One positional word. `as_type` overrides what the annotation would give; `lead` may stand before it: `in 10m`."""

    help: str
    as_type: click.ParamType[Any] | None = None
    lead: str = ""


@dataclass(frozen=True)
class Rest:
    """Everything that is left, as it was typed."""

    help: str


@dataclass(frozen=True)
class Option:
    """`--name value`."""

    flag: str
    help: str
    as_type: click.ParamType[Any] | None = None


@dataclass(frozen=True)
class Flag:
    """`--name`, on or off."""

    flag: str
    help: str


Written = Word | Rest | Option | Flag

_TYPES: dict[type, click.ParamType[Any]] = {
    Severity: types.SeverityType(),
    Person: types.PersonType(),
    timedelta: types.DurationType(),
    datetime: types.TimeType(),
    Role: types.ROLE,
    Status: types.STATUS,
    int: types.WholeNumberType(),
    str: click.STRING,
}


def parameters(arguments: type[Any]) -> list[click.Parameter]:
    """The click parameters of an argument class, in the order of its fields."""
    hints = get_type_hints(arguments, include_extras=True)
    return [_parameter(field, hints[field.name]) for field in dataclasses.fields(arguments)]


def names_of(arguments: type[Any]) -> frozenset[str]:
    """The names of the arguments."""
    return frozenset(field.name for field in dataclasses.fields(arguments))


def _parameter(field: dataclasses.Field[Any], hint: Any) -> click.Parameter:
    written, value = how_written(hint), _value_type(hint)
    required = field.default is dataclasses.MISSING
    default: dict[str, Any] = {} if required else {"default": field.default}
    match written:
        case Rest():
            return click.Argument([field.name], nargs=-1, required=required, type=click.UNPROCESSED)
        case Flag(flag=flag, help=text):
            return click.Option([flag, field.name], is_flag=True, default=False, help=text)
        case Option(flag=flag, help=text, as_type=as_type):
            return click.Option(
                [flag, field.name], type=as_type or param_type(value), help=text, required=required, **default
            )
        case Word(as_type=as_type):
            return click.Argument([field.name], required=required, type=as_type or param_type(value), **default)


def how_written(hint: Any) -> Written:
    """The way a field is written, from its annotation."""
    if get_origin(hint) is not Annotated:
        raise TypeError(f"an argument needs Annotated[type, Word|Rest|Option|Flag], got {hint}")
    return next(extra for extra in get_args(hint)[1:] if isinstance(extra, Word | Rest | Option | Flag))


def _value_type(hint: Any) -> Any:
    value = get_args(hint)[0]
    options = [arg for arg in get_args(value) if arg is not type(None)]
    return options[0] if options else value


def kind_of_value(hint: Any) -> str:
    """`duration`, `time` or `number`, for what is written in a form of its own; else nothing."""
    return {timedelta: "duration", datetime: "time", int: "number"}.get(_value_type(hint), "")


def param_type(value: Any) -> click.ParamType[Any]:
    """The click type for a Python type."""
    if value in _TYPES:
        return _TYPES[value]
    if isinstance(value, type) and issubclass(value, StrEnum):
        return types.EnumType(value)
    raise TypeError(f"no way to read a {value} from text")
