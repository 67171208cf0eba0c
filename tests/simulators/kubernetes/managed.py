"""Who owns which field: `managedFields`, kept by every write and asked by server-side apply."""

from __future__ import annotations

import json
from typing import Any

from tests.simulators.kubernetes.shapes import child, is_atomic, is_set, merge_keys

Path = tuple[str, ...]
Leaves = dict[Path, Any]

_UNOWNED = {
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
    "managedFields",
    "selfLink",
}
_DEFAULTS = {"protocol": "TCP"}


def leaves(known: dict[str, Any], model: str) -> Leaves:
    """The fields of an object that somebody may own, with their values."""
    found: Leaves = {}
    for name, value in known.items():
        if name in {"apiVersion", "kind"}:
            continue
        if name == "metadata":
            owned = {key: one for key, one in value.items() if key not in _UNOWNED}
            if owned:
                _walk(owned, "V1ObjectMeta" if model else "", ("f:metadata",), found)
        else:
            _field(value, model, name, (), found)
    return found


def _walk(value: dict[str, Any], model: str, path: Path, found: Leaves) -> None:
    if not value:
        found[path] = {}
    for name, one in value.items():
        _field(one, model, name, path, found)


def _field(value: Any, model: str, name: str, path: Path, found: Leaves) -> None:
    here = (*path, f"f:{name}")
    shape = child(model, name)
    if isinstance(value, dict) and not is_atomic(model, name):
        _walk(value, "" if shape.container else shape.model, here, found)
    elif isinstance(value, list) and is_set(model, name):
        found.update({(*here, f"v:{json.dumps(one)}"): one for one in value})
    elif isinstance(value, list) and (keys := merge_keys(model, name)):
        for one in value:
            item = (*here, item_key(one, keys))
            found[(*item, ".")] = None
            _walk(one, shape.model, item, found)
    else:
        found[here] = value


def item_key(value: dict[str, Any], keys: tuple[str, ...]) -> str:
    """How a path names an item of a list."""
    said = {key: value.get(key, _DEFAULTS.get(key)) for key in keys}
    known = {key: one for key, one in said.items() if one is not None}
    return f"k:{json.dumps(known, separators=(',', ':'), sort_keys=True)}"


def as_fields(paths: set[Path]) -> dict[str, Any]:
    """Paths as `fieldsV1` has them."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        at = tree
        for part in path:
            at = at.setdefault(part, {})
    return tree


def from_fields(tree: dict[str, Any], path: Path = ()) -> set[Path]:
    """The paths of `fieldsV1`."""
    if not tree:
        return {path} if path else set()
    return {one for part, below in tree.items() for one in from_fields(below, (*path, part))}


def dotted(path: Path) -> str:
    """A path as conflicts name it."""
    text = ""
    for part in path:
        kind, _, name = part.partition(":")
        if kind == "f":
            text += f".{name}"
        elif kind == "k":
            said = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(name).items())
            text += f"[{said}]"
        elif kind == "v":
            text += f"[={name}]"
    return text


class Ownership:
    """The managed fields of an object, as sets of paths."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self.entries = [({**one}, from_fields(one.get("fieldsV1", {}))) for one in entries]

    def of(self, manager: str, operation: str, subresource: str) -> set[Path]:
        """What one manager owns in this way."""
        return next((owned for one, owned in self.entries if _is(one, manager, operation, subresource)), set())

    def others(self, path: Path, manager: str, operation: str, subresource: str) -> list[dict[str, Any]]:
        """Who else owns a field."""
        return [one for one, owned in self.entries if path in owned and not _is(one, manager, operation, subresource)]

    def any_below(self, path: Path) -> bool:
        """Whether somebody owns something of an item."""
        return any(one[: len(path)] == path for _, owned in self.entries for one in owned)

    def take(self, paths: set[Path], manager: str, operation: str, subresource: str) -> None:
        """Nobody else owns these any more."""
        for one, owned in self.entries:
            if not _is(one, manager, operation, subresource):
                owned.difference_update(paths)

    def forget(self, paths: set[Path]) -> None:
        """These fields are no longer there."""
        for _, owned in self.entries:
            owned.difference_update(paths)

    def give(self, paths: set[Path], entry: dict[str, Any]) -> None:
        """This manager owns these."""
        key = (entry["manager"], entry["operation"], entry.get("subresource", ""))
        for place, (one, owned) in enumerate(self.entries):
            if _is(one, *key):
                if owned != paths:
                    self.entries[place] = (entry, paths)
                return
        self.entries.append((entry, paths))

    def written(self) -> list[dict[str, Any]]:
        """As the object carries them."""
        return [{**one, "fieldsType": "FieldsV1", "fieldsV1": as_fields(owned)} for one, owned in self.entries if owned]


def _is(entry: dict[str, Any], manager: str, operation: str, subresource: str) -> bool:
    known = (entry.get("manager"), entry.get("operation"), entry.get("subresource", ""))
    return known == (manager, operation, subresource)


def entry_of(manager: str, operation: str, api_version: str, time: str, subresource: str) -> dict[str, Any]:
    """An entry without its fields."""
    known = {"manager": manager, "operation": operation, "apiVersion": api_version, "time": time}
    return {**known, "subresource": subresource} if subresource else known


def tracked(old: dict[str, Any] | None, new: dict[str, Any], model: str, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The managed fields after an update by somebody: who changes a field owns it, alone."""
    owners = Ownership((old or {}).get("metadata", {}).get("managedFields", []))
    key = (entry["manager"], entry["operation"], entry.get("subresource", ""))
    before = leaves(old, model) if old else {}
    after = leaves(new, model)
    missing = object()
    changed = {path for path, value in after.items() if before.get(path, missing) != value}
    gone = set(before) - set(after)
    owners.forget(gone)
    owners.take(changed, *key)
    mine = owners.of(*key) | changed
    if changed:
        owners.give(mine, entry)
    return owners.written()
