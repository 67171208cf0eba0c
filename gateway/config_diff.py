"""What differs between two configurations, key by key. Secrets are told to differ, and never shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from gateway.sections import FOR_WORKERS, MASK
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Difference:
    """One key: `routes.default.path`, entries of lists by their id. What is not there is None."""

    key: str
    before: Any
    after: Any

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def differences(before: Settings, after: Settings) -> list[Difference]:
    """In the order of the settings."""
    if before == after:
        return []
    plain = [one.model_dump(mode="json", context=FOR_WORKERS) for one in (before, after)]
    masked = [one.model_dump(mode="json") for one in (before, after)]
    return [
        Difference(found.key, _at(masked[0], found.key), _at(masked[1], found.key))
        for found in of_documents(plain[0], plain[1])
    ]


def of_documents(before: Any, after: Any, key: str = "") -> Iterator[Difference]:
    """The same of two that were written out; where secrets are masked, they are alike."""
    before, after = _by_id(before), _by_id(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from of_documents(before.get(name), after.get(name), f"{key}.{name}" if key else str(name))
    elif before != after:
        yield Difference(key, before, after)


def told(found: Difference) -> str:
    """In one line."""
    if found.before == found.after == MASK:
        return f"{found.key}: another secret"
    return f"{found.key}: {found.before!r} -> {found.after!r}"


def _by_id(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(item, dict) and "id" in item for item in value):
        return {item["id"]: item for item in value}
    return value


def _at(document: Any, key: str) -> Any:
    """What is at a key. Ids may have dots in them, so the longest name that fits goes first."""
    document = _by_id(document)
    if not isinstance(document, dict):
        return document
    if key in document:
        return _by_id(document[key])
    for name in sorted(document, key=len, reverse=True):
        if key.startswith(f"{name}."):
            return _at(document[name], key[len(name) + 1 :])
    return None
