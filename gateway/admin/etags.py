"""ETags of what is changed here: `"state.body"`. Who sends one back changes what was seen, or nothing at all.

`If-None-Match` is about the whole answer, `If-Match` about the state alone: figures that go up and down meanwhile are
no reason to refuse a change.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any

from fastapi import Header
from starlette.exceptions import HTTPException
from starlette.responses import Response

IfMatch = Annotated[str | None, Header(description="The `ETag` of what this was decided on; else 412")]
IfNoneMatch = Annotated[str | None, Header(description="An `ETag`; 304 without a body where the answer is the same")]

_TAG = re.compile(r'(W/)?"([^"]*)"')


def state_of(told: Any) -> str:
    """Equal things have equal states."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def conditional(
    told: dict[str, Any], response: Response, if_none_match: str | None, state: str | None = None
) -> dict[str, Any] | Response:
    """What is told, with its ETag; or 304, where the caller has it. The `state` is that of all, unless it is given."""
    body = state_of(told)
    tag = f"{state or body}.{body}"
    headers = {"etag": f'"{tag}"', "cache-control": "no-cache"}
    if if_none_match is not None and (if_none_match.strip() == "*" or tag in _tags(if_none_match)):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return told


def require(if_match: str | None, state: str) -> None:
    """Raises 412 where the caller has decided on another state than this."""
    if not holds(if_match, state):
        raise HTTPException(412, f"it has changed meanwhile: its state is {state}, and not that of {if_match}")


def holds(if_match: str | None, state: str) -> bool:
    """Whether the caller has seen this state, or does not care."""
    if if_match is None or if_match.strip() == "*":
        return True
    return state in {tag.rpartition(".")[0] for tag in _tags(if_match, weak=False)}


def _tags(text: str, *, weak: bool = True) -> set[str]:
    return {tag for mark, tag in _TAG.findall(text) if weak or not mark}
