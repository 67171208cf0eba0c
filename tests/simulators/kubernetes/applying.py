"""Server-side apply: what a manager says is merged into the object, and what it no longer says is taken out."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from tests.simulators.kubernetes.errors import ApiError
from tests.simulators.kubernetes.managed import Leaves, Ownership, Path, dotted, item_key, leaves
from tests.simulators.kubernetes.shapes import child, clone, is_atomic, is_set, merge_keys


def applied(
    live: dict[str, Any], said: dict[str, Any], *, model: str, entry: dict[str, Any], force: bool
) -> dict[str, Any]:
    """The object after an apply; a field of somebody else's that would change is a conflict, unless forced."""
    owners = Ownership(live.get("metadata", {}).get("managedFields", []))
    key = (entry["manager"], "Apply", entry.get("subresource", ""))
    wanted = leaves(said, model)
    conflicts = _conflicts(owners, leaves(live, model), wanted, key)
    if conflicts and not force:
        raise conflicting(conflicts)
    before = owners.of(*key)
    new = _merged(live, said, model)
    owners.take({path for path, _ in conflicts}, *key)
    owners.give(set(wanted), entry)
    _drop_all(new, {path for path in before - set(wanted) if not owners.others(path, *key)}, owners)
    new["metadata"]["managedFields"] = owners.written()
    return new


def _conflicts(
    owners: Ownership, live: Leaves, wanted: Leaves, key: tuple[str, str, str]
) -> list[tuple[Path, dict[str, Any]]]:
    found: list[tuple[Path, dict[str, Any]]] = []
    for path, value in wanted.items():
        if path in live and live[path] != value:
            found += [(path, other) for other in owners.others(path, *key)]
    return found


def conflicting(conflicts: list[tuple[Path, dict[str, Any]]]) -> ApiError:
    """The refusal, with the name of each owner."""

    def owner(conflict: tuple[Path, dict[str, Any]]) -> str:
        other = conflict[1]
        below = f' with subresource "{other["subresource"]}"' if other.get("subresource") else ""
        return f'"{other["manager"]}"{below} using {other["apiVersion"]}'

    ordered = sorted(conflicts, key=lambda one: (owner(one), dotted(one[0])))
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner(one)}", "field": dotted(one[0])}
        for one in ordered
    ]
    parts: list[str] = []
    for name, group in groupby(ordered, key=owner):
        paths = [dotted(path) for path, _ in group]
        one = len(paths) == 1
        parts.append(f"conflict with {name}: {paths[0]}" if one else _several(name, paths))
    number = f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}"
    return ApiError(409, "Conflict", f"Apply failed with {number}: {chr(10).join(parts)}", details={"causes": causes})


def _several(name: str, paths: list[str]) -> str:
    return "\n".join([f"conflicts with {name}:", *(f"- {path}" for path in paths)])


def _merged(live: Any, said: dict[str, Any], model: str) -> dict[str, Any]:
    new = clone(live) if isinstance(live, dict) else {}
    for name, value in said.items():
        new[name] = _field(new.get(name), value, model, name)
    return new


def _field(live: Any, value: Any, model: str, name: str) -> Any:
    if is_atomic(model, name):
        return clone(value)
    shape = child(model, name)
    if isinstance(value, dict):
        return _merged(live, value, "" if shape.container else shape.model)
    if not isinstance(value, list):
        return value
    if is_set(model, name):
        return [*(live or []), *(one for one in value if one not in (live or []))]
    keys = merge_keys(model, name)
    return _items(live or [], value, keys, shape.model) if keys else clone(value)


def _items(live: list[Any], said: list[Any], keys: tuple[str, ...], model: str) -> list[Any]:
    new = clone(live)
    for one in said:
        wanted = item_key(one, keys)
        at = next((place for place, known in enumerate(new) if item_key(known, keys) == wanted), None)
        if at is None:
            new.append(clone(one))
        else:
            new[at] = _merged(new[at], one, model)
    return new


def _drop_all(new: dict[str, Any], dropped: set[Path], owners: Ownership) -> None:
    """Take out what has no owner left: items as a whole if nobody owns anything of them, else their fields."""
    items = {path[:-1] for path in dropped if path[-1] == "." and not owners.any_below(path[:-1])}
    for path in items:
        _drop(new, path)
    for path in dropped:
        inside = any(path[: len(item)] == item for item in items)
        if path[-1] != "." and not inside and not _is_key(path):
            _drop(new, path)


def _is_key(path: Path) -> bool:
    """Whether a field is what its item is known by."""
    parent = path[-2] if len(path) > 1 else ""
    return parent.startswith("k:") and path[-1].removeprefix("f:") in json.loads(parent[2:])


def _drop(value: Any, path: Path) -> None:
    """Take a field or an item out of an object, if it is still there."""
    *way, last = path
    for part in way:
        value = _step(value, part)
        if value is None:
            return
    if last.startswith("f:") and isinstance(value, dict):
        value.pop(last[2:], None)
    elif isinstance(value, list):
        gone = _step(value, last)
        if gone is not None:
            value.remove(gone)


def _step(value: Any, part: str) -> Any:
    kind, _, name = part.partition(":")
    if kind == "f":
        return value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    wanted = json.loads(name)
    if kind == "v":
        return wanted if wanted in value else None
    keys = tuple(wanted)
    return next((one for one in value if item_key(one, keys) == part), None)
