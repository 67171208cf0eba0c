"""The few bodies that kubectl sends as protobuf, though the server would rather have JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\x00"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

#: Of each message, its fields by number: a name, and what it is. Fields that are not named here are left out.
_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", "bytes")},
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        11: ("labels", "strings by name"),
        12: ("annotations", "strings by name"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta")},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "strings by name"), 4: ("immutable", "bool")},
    "Entry": {1: ("name", "string"), 2: ("value", "string")},
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "string"),
        5: ("dryRun", "strings"),
    },
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "AccessReviewSpec")},
    "AccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "string"),
        2: ("verb", "string"),
        3: ("group", "string"),
        4: ("version", "string"),
        5: ("resource", "string"),
        6: ("subresource", "string"),
        7: ("name", "string"),
    },
    "NonResourceAttributes": {1: ("path", "string"), 2: ("verb", "string")},
    "SelfSubjectRulesReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "RulesReviewSpec")},
    "RulesReviewSpec": {1: ("namespace", "string")},
}


def read(raw: bytes) -> Any:
    """The object in a body, or nothing when it is of a kind that is not known here."""
    if not raw.startswith(MAGIC):
        return None
    wrapped = _message(raw[len(MAGIC) :], "Unknown")
    kind = wrapped.get("typeMeta", {}).get("kind", "")
    if kind not in _MESSAGES:
        return None
    return {**wrapped["typeMeta"], **_message(wrapped.get("raw", b""), kind)}


def _message(raw: bytes, name: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for number, value in _fields(raw):
        field, kind = _MESSAGES[name].get(number, ("", ""))
        if kind == "strings":
            known.setdefault(field, []).append(value.decode())
        elif kind == "strings by name":
            entry = _message(value, "Entry")
            known.setdefault(field, {})[entry["name"]] = entry.get("value", "")
        elif field and not (kind == "string" and not value):
            known[field] = _value(value, kind)
    return known


def _value(value: Any, kind: str) -> Any:
    if kind == "string":
        return value.decode()
    if kind == "bool":
        return bool(value)
    return _message(value, kind) if kind in _MESSAGES else value


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        value: Any
        if tag & 7 == 0:
            value, at = _varint(raw, at)
        else:
            length, at = _varint(raw, at)
            value, at = raw[at : at + length], at + length
        yield tag >> 3, value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
