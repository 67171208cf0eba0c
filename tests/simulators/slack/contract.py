"""What Slack's reference says of each method and event, where that data lies beside the project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


def _beside() -> Path:
    """The data beside the project; beside the repository's own folder when this is a worktree of it."""
    roots = [Path(__file__).parents[3]]
    if (roots[0] / ".git").is_file():
        roots.append(Path((roots[0] / ".git").read_text().removeprefix("gitdir: ").strip()).parents[2])
    places = [root.parent / "shared" / "contracts" / "slack" for root in roots]
    return next((place for place in places if place.exists()), places[0])


DIRECTORY = _beside()
ABSENT = "the contract data of Slack is not beside the project"

# Every method may answer with these; the reference leaves them out of most of its pages.
COMMON_ERRORS = frozenset(
    {
        "access_denied", "account_inactive", "ekm_access_denied", "fatal_error", "internal_error", "invalid_arg_name",
        "invalid_arguments", "invalid_auth", "invalid_form_data", "invalid_json", "method_deprecated",
        "missing_scope", "not_allowed_token_type", "not_authed", "ratelimited", "request_timeout",
        "service_unavailable", "team_access_not_granted", "token_expired", "token_revoked", "unknown_method",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Method:
    """One method of the Web API, as the reference describes it."""

    name: str
    arguments: dict[str, dict[str, Any]]
    required: frozenset[str]
    scopes: tuple[str, ...]
    errors: frozenset[str]
    takes_json: bool


@cache
def methods() -> dict[str, Method]:
    """All methods by name; empty where the data is absent."""
    found = _read("methods.json") or {}
    return {name: _method(name, page) for name, page in found.items() if isinstance(page, dict)}


@cache
def tiers() -> dict[str, str]:
    """The rate tier of each method; empty where the data is absent."""
    return _read("rate_limit_tiers.json") or {}


@cache
def events() -> dict[str, tuple[str, ...]]:
    """The scopes of each event that the Events API sends, any one of which is enough."""
    pages = [page for page in _read("events.json") or [] if "Events" in page.get("APIs", [])]
    return {page["name"]: tuple(map(_spelled, page.get("scopes") or ())) for page in pages}


def _spelled(scope: str) -> str:
    """The reference has a misprint in one scope."""
    return scope.replace("app_mentions.read", "app_mentions:read")


def payload(name: str) -> dict[str, Any]:
    """The published shape of an interactive payload."""
    found: dict[str, Any] = _read(f"payloads/{name}")
    return found


def _read(name: str) -> Any:
    path = DIRECTORY / name
    return json.loads(path.read_text()) if path.exists() else None


def _method(name: str, page: dict[str, Any]) -> Method:
    known = page["args"] if isinstance(page["args"], dict) else {}
    scope = page["scope"] if isinstance(page["scope"], dict) else {}
    return Method(
        name=name,
        arguments=known.get("properties") or {},
        required=frozenset(known.get("required") or ()) - {"token"},
        scopes=tuple(scope.get("bot") or ()),
        errors=frozenset(page.get("errors") or ()) | COMMON_ERRORS,
        takes_json=bool(page.get("json_input_supported")),
    )
