"""The endpoints of the admin API as docs/gateway/admin-api.md lists them, made from its OpenAPI description.

`python -m tests.gateway.admin_page` writes that part of the page anew; what stands above it is written by hand.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.admin.app import described_app
from tests.gateway.admin_stand import AdminStand
from tests.gateway.running import ROOT

PAGE = ROOT / "docs" / "gateway" / "admin-api.md"
BEGINNING = "## Endpoints\n"
_LIMITS = (
    ("minimum", "maximum", ""), ("exclusiveMinimum", "", ""), ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " of them"), ("minProperties", "maxProperties", " of them"),
)  # fmt: skip


def description() -> dict[str, Any]:
    """What a gateway answers at /admin/openapi.json."""
    with tempfile.TemporaryDirectory() as place, AdminStand(Path(place)) as stand:
        return described_app(stand.gateway).openapi()


def rendered(described: dict[str, Any]) -> str:
    """The part of the page from its heading on."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            lines = _endpoint(described, f"{method.upper()} {path}", operation)
            by_tag.setdefault(operation["tags"][0], []).append("\n".join(lines))
    parts = [f"### {tag.capitalize()}\n\n" + "\n\n".join(found) for tag, found in sorted(by_tag.items())]
    return BEGINNING + "\n" + "\n\n".join(parts) + "\n"


def _endpoint(described: dict[str, Any], name: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"#### `{name}` ({operation['x-role']})\n"
    yield f"{operation['description']}\n"
    for one in operation.get("parameters", ()):
        yield _parameter(described, one["in"], one["name"], one["schema"], required=one.get("required", False))
    body = operation.get("requestBody")
    if body is not None:
        schema = _found(described, body["content"]["application/json"]["schema"])
        for field, inner in schema["properties"].items():
            required = body.get("required", False) and field in schema.get("required", ())
            yield _parameter(described, "body", field, inner, required=required)
    yield f"- answers {'; '.join(_answers(described, operation['responses']))}"
    yield f"- errors {', '.join(sorted(status for status in operation['responses'] if status >= '400'))}"


def _parameter(described: dict[str, Any], where: str, name: str, schema: dict[str, Any], *, required: bool) -> str:
    told = _type(described, schema)
    if required:
        told += "; required"
    elif schema.get("default") not in (None, "", [], {}):
        told += f"; without it, `{json.dumps(schema['default'])}`"
    return f"- {where} `{name}`: {told}"


def _answers(described: dict[str, Any], responses: dict[str, Any]) -> Iterator[str]:
    for status, answer in sorted(responses.items()):
        if status >= "400":
            continue
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        fields = _found(described, schema).get("properties") if schema else None
        tagged = " with `ETag`" if "ETag" in answer.get("headers", {}) else ""
        yield f"{status}{tagged}" + (f" `{{{', '.join(fields)}}}`" if fields else "")


def _found(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a schema refers to, or is; of several, the first that is not null."""
    if "$ref" in schema:
        found: Any = described
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return dict(found)
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return {**_found(described, options[0]), "nullable": True} if options else schema


def _type(described: dict[str, Any], schema: dict[str, Any]) -> str:
    whole = _found(described, schema)
    if "enum" in whole:
        words = "one of " + ", ".join(f"`{value}`" for value in whole["enum"])
    elif "const" in whole:
        words = f"`{str(whole['const']).lower()}`"
    elif whole.get("type") == "array":
        words = f"list of {_type(described, whole['items'])}"
    elif "properties" in whole:
        words = "`{" + ", ".join(whole["properties"]) + "}`"
    else:
        words = str(whole.get("type", "anything"))
    return ", ".join([words, *(limit for names in _LIMITS for limit in _limit(whole, *names))])


def _limit(schema: dict[str, Any], least: str, most: str, of: str) -> Iterator[str]:
    if least in schema and most in schema:
        yield f"{_number(schema[least])} to {_number(schema[most])}{of}"
    elif least in schema:
        yield f"{'more than' if least.startswith('exclusive') else 'at least'} {_number(schema[least])}{of}"
    elif most in schema:
        yield f"at most {_number(schema[most])}{of}"


def _number(value: float) -> str:
    return f"{value:,.10g}"


def main() -> None:
    written = PAGE.read_text(encoding="utf-8").partition(BEGINNING)[0]
    PAGE.write_text(written + rendered(description()), encoding="utf-8")


if __name__ == "__main__":
    main()
