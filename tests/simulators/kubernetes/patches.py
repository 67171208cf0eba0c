"""The ways to say a change: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer

from tests.simulators.kubernetes import strategic
from tests.simulators.kubernetes.errors import ApiError, bad_request, unpatchable, wrong_media_type
from tests.simulators.kubernetes.resources import Resource
from tests.simulators.kubernetes.shapes import clone

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
KINDS = (JSON, MERGE, STRATEGIC, APPLY)
MOST_OPERATIONS = 10_000


def patched(kind: str, old: dict[str, Any], patch: Any, *, resource: Resource, model: str) -> dict[str, Any]:
    """The object after a patch."""
    if kind == JSON:
        return _json(old, patch)
    if kind == MERGE:
        return _object(_merge(old, _object(patch)))
    if kind == STRATEGIC and not resource.custom:
        try:
            return strategic.merged(old, _object(patch), model)
        except strategic.UnmergeableError as wrong:
            raise ApiError(500, "", str(wrong)) from None
    raise wrong_media_type(kind)


def _json(old: dict[str, Any], patch: Any) -> dict[str, Any]:
    if not isinstance(patch, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(patch) > MOST_OPERATIONS:
        raise ApiError(
            413, "RequestEntityTooLarge", f"The allowed maximum operations in a JSON patch is 10000, got {len(patch)}"
        )
    try:
        return _object(jsonpatch.apply_patch(clone(old), patch))
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as wrong:
        raise unpatchable(str(wrong)) from None


def _merge(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return clone(patch)
    new = clone(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = _merge(new.get(name), value)
    return new


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    return value
