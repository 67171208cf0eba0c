"""The JSON Schema of the configuration file, for editors that complete and check YAML while it is written."""

from __future__ import annotations

from typing import Any

from gateway.settings import Settings

#: A reference to the environment may stand where a number or a word is expected.
_REFERENCE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_TYPED = ("integer", "number", "boolean")


def config_schema() -> dict[str, Any]:
    """Of the whole file (JSON Schema, draft 2020-12)."""
    schema = _with_references(Settings.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "The configuration of a Tocsin gateway",
    }


def _with_references(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if _is_restricted(schema):
        told = {name: schema[name] for name in ("title", "description", "default") if name in schema}
        rule = {name: value for name, value in schema.items() if name not in told}
        return {**told, "anyOf": [rule, _REFERENCE]}
    return {name: _kept(name, item) for name, item in schema.items()}


def _is_restricted(schema: dict[str, Any]) -> bool:
    """Whether not every text is allowed here. A map of properties may have one that is called `format`."""
    words = any(isinstance(schema.get(name), str) for name in ("format", "pattern"))
    return words or schema.get("type") in _TYPED or isinstance(schema.get("enum"), list)


def _kept(name: str, item: Any) -> Any:
    return item if name in ("default", "const", "required", "examples") else _with_references(item)
