"""Label selectors, as text and as objects, and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.simulators.kubernetes.errors import bad_request

Labels = dict[str, str]
Matches = Callable[[Labels], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=,()]+)$")


def labels(text: str) -> Matches:
    """What `labelSelector=` says."""
    terms = [_term(one.strip()) for one in re.split(r",(?![^()]*\))", text) if one.strip()]
    return lambda known: all(term(known) for term in terms)


def _term(text: str) -> Matches:
    if match := _SET.match(text):
        return _in(match["key"], {one.strip() for one in match["values"].split(",")}, wanted=match["op"] == "in")
    if match := _EQUAL.match(text):
        return _in(match["key"], {match["value"]}, wanted=match["op"] != "!=")
    if match := _EXISTS.match(text):
        return _exists(match["key"], wanted=not match["no"])
    raise bad_request(f"unable to parse requirement: found '{text}', expected: ',' or 'end of string'")


def _in(key: str, values: set[str], *, wanted: bool) -> Matches:
    if wanted:
        return lambda known: known.get(key) in values
    return lambda known: known.get(key) not in values


def _exists(key: str, *, wanted: bool) -> Matches:
    return lambda known: (key in known) == wanted


_OPERATORS: dict[str, Callable[[str, list[str]], Matches]] = {
    "In": lambda key, values: _in(key, set(values), wanted=True),
    "NotIn": lambda key, values: _in(key, set(values), wanted=False),
    "Exists": lambda key, _: _exists(key, wanted=True),
    "DoesNotExist": lambda key, _: _exists(key, wanted=False),
}


def selector(said: dict[str, Any] | None) -> Matches:
    """What a `LabelSelector` object says; an empty one selects all, none selects nothing."""
    if said is None:
        return lambda _: False
    terms = [_in(key, {value}, wanted=True) for key, value in (said.get("matchLabels") or {}).items()]
    said_more = said.get("matchExpressions") or []
    terms += [_OPERATORS[one["operator"]](one["key"], one.get("values") or []) for one in said_more]
    return lambda known: all(term(known) for term in terms)


def written(said: dict[str, Any] | None) -> str:
    """A `LabelSelector` as text, as `status.selector` of a scale has it."""
    said = said or {}
    terms = [f"{key}={value}" for key, value in sorted((said.get("matchLabels") or {}).items())]
    for one in said.get("matchExpressions") or []:
        values = ",".join(sorted(one.get("values") or []))
        terms.append(
            {
                "In": f"{one['key']} in ({values})",
                "NotIn": f"{one['key']} notin ({values})",
                "Exists": one["key"],
                "DoesNotExist": f"!{one['key']}",
            }[one["operator"]]
        )
    return ",".join(terms)


_COMMON = {"metadata.name", "metadata.namespace"}
_FIELDS: dict[str, set[str]] = {
    "pods": {
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    },
    "nodes": {"spec.unschedulable"},
    "secrets": {"type"},
    "namespaces": {"status.phase"},
    "replicasets": {"status.replicas"},
    "events": {
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    },
}


def field_selector(text: str, plural: str) -> Callable[[dict[str, Any]], bool]:
    """What `fieldSelector=` says; a field that the resource is not indexed by is refused."""
    terms: list[tuple[str, str, bool]] = []
    for one in filter(None, text.split(",")):
        match = re.match(r"^([\w./]+)(==|=|!=)(.*)$", one)
        if match is None:
            raise bad_request(f"invalid selector: '{one}'; can't understand '{one}'")
        path, op, value = match.groups()
        if path not in _COMMON | _FIELDS.get(plural, set()):
            raise bad_request(
                f'Unable to find "{plural}" that match label selector "", field selector "{text}": '
                f"field label not supported: {path}"
            )
        terms.append((path, value, op != "!="))
    return lambda known: all((at(known, path) == value) == wanted for path, value, wanted in terms)


def at(known: dict[str, Any], path: str) -> str:
    """The value at a dotted path, as field selectors compare it."""
    value: Any = known
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if path == "spec.unschedulable" and value is None:
        return "false"
    return str(value) if value is not None else ""
