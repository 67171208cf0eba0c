"""What is wrong with the settings, in words: the key, its value (secrets masked), what is allowed, where it is from."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from commands.redaction import redact, redact_value

PREFIX = "TOCSIN_"

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
    lines = [_explain_one(dict(one), path, model, at) for one in error.errors()]
    return "The settings are wrong:\n" + "\n".join(f"  - {line}" for line in lines)


def _explain_one(one: Mapping[str, Any], path: Path | None, model: type[BaseModel], at: tuple[str, ...]) -> str:
    location = (*at, *one["loc"])
    key = ".".join(str(part) for part in location) or "(the whole)"
    source = where_from(location, path)
    if one["type"] == "extra_forbidden":
        return f"{key}: there is no such key ({source}). {_allowed(one['loc'], model)}"
    given = one["input"]
    whole = not one["loc"] or isinstance(given, dict | BaseModel)
    value = "" if whole else f" = {redact(repr(_masked(location, given)))}"
    return f"{key}{value}: {redact(one['msg'].removeprefix('Value error, '))} ({source})"


def _masked(location: tuple[Any, ...], value: Any) -> Any:
    """What may be shown of a value: nothing, when a part of its key names a secret."""
    for part in location:
        value = redact_value({str(part): value})[str(part)]
    if location[-1] == "database_url" and isinstance(value, str) and "@" in value:
        return f"[redacted]@{value.rpartition('@')[2]}"
    return value


def where_from(location: tuple[Any, ...], path: Path | None) -> str:
    """Which variable or file a value is from."""
    variable = PREFIX + "__".join(str(part) for part in location).upper()
    names = {name.upper() for name in os.environ}
    if location and any(variable.startswith(name) for name in names if name.startswith(PREFIX)):
        return f"from the environment, {variable}"
    return f"from {path}" if path else "from the defaults"


def _allowed(location: tuple[Any, ...], model: Any) -> str:
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    known = list(getattr(model, "model_fields", {}))
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"Did you mean {near[0]}?" if near else (f"Allowed: {', '.join(known)}." if known else "")
