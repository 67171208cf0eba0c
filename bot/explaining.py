"""What is wrong with the settings, in words: the key, its value (secrets masked), what is allowed, where it is from."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from commands.redaction import redact, redact_value

PREFIX = "TOCSIN_"
Place = tuple[str | int, ...]

# What Kubernetes tells each process about a service named tocsin, or tocsin-something.
_OF_A_SERVICE = re.compile(r"TOCSIN_(?:[A-Z0-9_]+_)?SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)")
_OF_ITS_PORTS = re.compile(r"TOCSIN_(?:[A-Z0-9_]+_)?PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?")
_A_PORT = re.compile(r"(?:tcp|udp|sctp)(?:://.*)?|\d+|[\d.]+|[0-9a-f:]+")


def of_kubernetes(name: str, value: str) -> bool:
    """Whether a variable tells of a service of the cluster, and is none of ours; `TOCSIN_PORT=8701` is a mistake."""
    if _OF_A_SERVICE.fullmatch(name):
        return True
    single = name.endswith("PORT") and not re.search(r"_\d+_[A-Z]+_PORT$", name)
    return bool(_OF_ITS_PORTS.fullmatch(name)) and (
        value.startswith(("tcp://", "udp://", "sctp://")) if single else bool(_A_PORT.fullmatch(value))
    )


def explain(error: ValidationError, path: Path | None, model: type[BaseModel], *, at: tuple[str, ...] = ()) -> str:
    """All mistakes, one a line. `at`: the section that the model is of."""
    return "The settings are wrong:\n" + mistakes(error, model, lambda place: where_from(place, path), at=at)


def mistakes(
    error: ValidationError, model: type[BaseModel], source: Callable[[Place], str], *, at: tuple[str, ...] = ()
) -> str:
    """Each mistake on a line of its own: its key, its value, what is allowed, and what `source` says of its place."""
    return "\n".join(f"  - {_explain_one(dict(one), model, source, at)}" for one in error.errors())


def _explain_one(
    one: Mapping[str, Any], model: type[BaseModel], source: Callable[[Place], str], at: tuple[str, ...]
) -> str:
    location = (*at, *one["loc"])
    key = ".".join(str(part) for part in location) or "(the whole)"
    if one["type"] == "extra_forbidden":
        return f"{key}: there is no such key ({source(location)}). {_allowed(one['loc'], model)}"
    if one["type"] == "missing":
        return f"{key}: it is missing ({source(location)})"
    given = one["input"]
    whole = not one["loc"] or isinstance(given, dict | BaseModel)
    value = "" if whole else f" = {redact(repr(_masked(location, given)))}"
    return f"{key}{value}: {redact(one['msg'].removeprefix('Value error, '))} ({source(location)})"


def _masked(location: Place, value: Any) -> Any:
    """What may be shown of a value: nothing, when a part of its key names a secret."""
    for part in location:
        value = redact_value({str(part): value})[str(part)]
    if location[-1] == "database_url" and isinstance(value, str) and "@" in value:
        return f"[redacted]@{value.rpartition('@')[2]}"
    return value


def where_from(location: Place, path: Path | None) -> str:
    """Which variable or file a value is from."""
    variable = PREFIX + "__".join(str(part) for part in location).upper()
    names = {name.upper() for name in os.environ}
    if location and any(variable.startswith(name) for name in names if name.startswith(PREFIX)):
        return f"from the environment, {variable}"
    return f"from {path}" if path else "from the defaults"


def _allowed(location: Place, model: Any) -> str:
    for part in location[:-1]:
        model = _within(model, part)
    fields = getattr(model, "model_fields", {})
    known = [field.alias or name for name, field in fields.items()]
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"Did you mean {near[0]}?" if near else (f"Allowed: {', '.join(known)}." if known else "")


def _within(annotation: Any, part: str | int) -> Any:
    """What stands at a key of a section, or in a list or a map."""
    fields = getattr(annotation, "model_fields", None)
    if fields is None:
        return next((inner for inner in reversed(get_args(annotation)) if inner is not Ellipsis), None)
    field = next((one for name, one in fields.items() if part in {name, one.alias}), None)
    options = [one for one in get_args(field.annotation) if one is not type(None)] if field else []
    optional = field is not None and type(None) in get_args(field.annotation)
    return options[0] if optional else (field.annotation if field else None)
