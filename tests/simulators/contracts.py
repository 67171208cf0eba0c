"""Contracts that vendors publish, by which simulators judge requests where those are at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one, where it is there
_CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"


@cache
def contract(name: str) -> dict[str, Any]:
    """`pagerduty/openapi.json`; empty where it is not at hand."""
    file = _CONTRACTS / name
    if not file.exists():
        return {}
    text = file.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text) if name.endswith(".json") else yaml.load(text, Loader=_YAML)
    return found


def check_body(body: Any, name: str, path: str, method: str) -> None:
    """A request's body, as the contract has it for this path (with its `{parameters}`). Raises ValidationError."""
    whole = contract(name)
    if whole:
        schema = whole["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(body, schema | {"components": whole["components"]})


def check_query(given: list[tuple[str, str]], name: str, path: str) -> None:
    """Each parameter is one that the contract knows, with a value that it allows. Raises ValidationError, KeyError."""
    whole = contract(name)
    if not whole:
        return
    listed = whole["paths"][path]["get"]["parameters"]
    known = [whole["components"]["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in listed]
    schemas = {one["name"]: one["schema"] for one in known if one["in"] == "query"}
    for parameter, value in given:
        schema = schemas[parameter]
        typed = int(value) if schema["type"] == "integer" else [value] if schema["type"] == "array" else value
        jsonschema.validate(typed, schema)
