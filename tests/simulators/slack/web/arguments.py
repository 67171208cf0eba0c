"""The arguments of a Web API call: read from form, query or JSON, and held to the reference."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.simulators.slack import contract

JSON_VALUES = {"blocks", "attachments", "metadata", "view", "unfurls", "files", "user_auth_blocks"}
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
# Bolt adds this to every call; the reference lists it only where an organisation's token needs it.
TOLERATED = {"team_id"}


class Unreadable(Exception):  # noqa: N818 - an answer
    """The body is not what its content type says."""


async def read(request: web.Request) -> tuple[dict[str, Any], bool]:
    """The arguments, and whether they came as JSON."""
    args: dict[str, Any] = dict(request.query)
    if request.method != "POST":
        return args, False
    if request.content_type == "application/json":
        return args | _json_body(await request.text()), True
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return args | dict(await request.post()), False
    if await request.read():
        raise Unreadable("invalid_post_type")
    return args, False


def _json_body(words: str) -> dict[str, Any]:
    try:
        body = json.loads(words or "{}")
    except ValueError as error:
        raise Unreadable("invalid_json") from error
    if not isinstance(body, dict):
        raise Unreadable("json_not_object")
    return body


def problems(method: str, args: dict[str, Any], *, as_json: bool) -> list[str]:
    """What the reference forbids in these arguments; nothing where the reference is absent."""
    page = contract.methods().get(method)
    if page is None:
        return []
    if as_json and not page.takes_json:
        return ["[ERROR] this method does not read JSON bodies"]
    known = set(page.arguments) | TOLERATED
    unknown = [f"[ERROR] unexpected argument: {name}" for name in args if name not in known and name != "token"]
    if method == "api.test":
        unknown = []
    missing = [f"[ERROR] missing required field: {name}" for name in sorted(page.required) if args.get(name) is None]
    wrong = [words for name, value in args.items() if (words := _wrong(name, value, page.arguments.get(name, {})))]
    return unknown + missing + wrong


def _wrong(name: str, value: Any, page: dict[str, Any]) -> str:
    kind = page.get("type")
    if name in JSON_VALUES:
        return _wrong_json(name, value)
    if kind == "boolean" and str(value).lower() not in BOOLEANS:
        return f"[ERROR] must be a boolean: {name}"
    if kind in {"integer", "number"} and (isinstance(value, bool) or not str(value).isdigit()):
        return f"[ERROR] must be a number: {name}"
    if kind == "string" and not isinstance(value, str) and not (isinstance(value, int) and page.get("subtype")):
        return f"[ERROR] must be a string: {name}"
    return ""


def _wrong_json(name: str, value: Any) -> str:
    if not isinstance(value, str):
        return "" if isinstance(value, dict | list) else f"[ERROR] must be an object or array: {name}"
    try:
        json.loads(value)
    except ValueError:
        return "" if name in {"blocks", "attachments", "metadata", "unfurls", "view"} else f"[ERROR] not JSON: {name}"
    return ""


def typed(method: str, args: dict[str, Any]) -> dict[str, Any]:
    """The same arguments as Python values: booleans, numbers, and JSON that was sent as text."""
    page = contract.methods().get(method)
    kinds = {name: one.get("type") for name, one in page.arguments.items()} if page else {}
    return {name: _typed(name, value, kinds.get(name)) for name, value in args.items() if value is not None}


def _typed(name: str, value: Any, kind: str | None) -> Any:
    if name in JSON_VALUES and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    if kind == "boolean" or name in ALWAYS_BOOLEAN:
        return BOOLEANS.get(str(value).lower(), value)
    if (kind in {"integer", "number"} or name in {"limit", "length"}) and str(value).isdigit():
        return int(value)
    return value


ALWAYS_BOOLEAN = {
    "is_private",
    "exclude_archived",
    "include_all_metadata",
    "inclusive",
    "include_num_members",
    "reply_broadcast",
    "link_names",
    "force",
    "return_im",
    "include_users",
    "include_count",
    "include_disabled",
    "mrkdwn",
}
