"""Strategic merge: a patch that knows by which key the items of a list are the same."""

from __future__ import annotations

from typing import Any

from tests.simulators.kubernetes.shapes import child, clone, is_set, merge_keys

_DIRECTIVE = "$patch"
_DELETE = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
_RETAIN = "$retainKeys"


class UnmergeableError(ValueError):
    """The patch cannot be merged."""


def merged(old: Any, patch: dict[str, Any], model: str) -> dict[str, Any]:
    """What a map is after a patch."""
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {key: clone(value) for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    new = clone(old) if isinstance(old, dict) else {}
    if _RETAIN in patch:
        new = {key: value for key, value in new.items() if key in patch[_RETAIN]}
    for name, value in patch.items():
        if name in {_DIRECTIVE, _RETAIN} or name.startswith(_ORDER):
            continue
        if name.startswith(_DELETE):
            field = name.removeprefix(_DELETE)
            new[field] = [one for one in new.get(field) or [] if one not in value]
        elif value is None:
            new.pop(name, None)
        else:
            new[name] = _field(new.get(name), value, model, name)
    return _ordered(new, patch, model)


def _field(old: Any, value: Any, model: str, name: str) -> Any:
    shape = child(model, name)
    if isinstance(value, dict):
        return merged(old, value, "" if shape.container else shape.model)
    if not isinstance(value, list):
        return value
    if is_set(model, name):
        return [*(old or []), *(one for one in value if one not in (old or []))]
    keys = merge_keys(model, name)
    if not keys or old is None:
        return [_bare(one) for one in value if not _deletes(one)]
    return _items(old, value, keys[0], shape.model)


def _items(old: list[Any], patches: list[Any], key: str, model: str) -> list[Any]:
    if any(isinstance(one, dict) and one.get(_DIRECTIVE) == "replace" and key not in one for one in patches):
        return [_bare(one) for one in patches if one.get(_DIRECTIVE) != "replace" or key in one]
    new = clone(old)
    for one in patches:
        if not isinstance(one, dict) or key not in one:
            raise UnmergeableError(f"map: {one} does not contain declared merge key: {key}")
        at = next((index for index, known in enumerate(new) if known.get(key) == one[key]), None)
        if _deletes(one):
            new = [known for known in new if known.get(key) != one[key]]
        elif at is None:
            new.append(merged({}, one, model))
        else:
            new[at] = merged(new[at], one, model)
    return new


def _ordered(new: dict[str, Any], patch: dict[str, Any], model: str) -> dict[str, Any]:
    """Apply the orders that a patch names; items that it does not name stay behind those that it does."""
    for name, order in patch.items():
        if not name.startswith(_ORDER):
            continue
        field = name.removeprefix(_ORDER)
        keys = merge_keys(model, field)
        items = new.get(field)
        if not items or not keys:
            continue
        places = {one.get(keys[0]): place for place, one in enumerate(order) if isinstance(one, dict)}
        new[field] = sorted(items, key=lambda one: places.get(one.get(keys[0]), len(places)))
    return new


def _deletes(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_DIRECTIVE) == "delete"


def _bare(value: Any) -> Any:
    """A value without what is said to the merge."""
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if not key.startswith("$")}
        return {key: _bare(one) for key, one in kept.items() if one is not None}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return value
