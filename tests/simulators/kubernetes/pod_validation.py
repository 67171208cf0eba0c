"""What a pod, or the template of one, may not be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.simulators.kubernetes.errors import Problem
from tests.simulators.kubernetes.quantities import is_quantity, quantity

Known = dict[str, Any]

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_ENV = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
_LABEL_WHY = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_ENV_WHY = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is "
    "'[-._a-zA-Z][-._a-zA-Z0-9]*')"
)
_QUANTITY_WHY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_PULL = ("Always", "IfNotPresent", "Never")


def pod_problems(spec: Known, path: str, *, always: bool = False) -> list[Problem]:
    """What is wrong with a pod, or a template, whose pods must `always` be started again."""
    found: list[Problem] = []
    containers = spec.get("containers") or []
    if not containers:
        found.append(Problem.required(f"{path}.containers"))
    if always and spec["restartPolicy"] != "Always":
        found.append(Problem.unsupported(f"{path}.restartPolicy", spec["restartPolicy"], ("Always",)))
    volumes = {one.get("name") for one in spec.get("volumes") or []}
    seen: set[str] = set()
    for at, container in enumerate(containers):
        here = f"{path}.containers[{at}]"
        found += [problem for check in _CHECKS for problem in check(container, here)]
        found += _mounts(container, here, volumes)
        if container.get("name") in seen:
            found.append(Problem.duplicate(f"{here}.name", container["name"]))
        seen.add(container.get("name", ""))
    return found


def _name(container: Known, path: str) -> list[Problem]:
    name = container.get("name")
    if not name:
        return [Problem.required(f"{path}.name")]
    return [] if _LABEL.match(name) and len(name) <= 63 else [Problem.invalid(f"{path}.name", name, _LABEL_WHY)]


def _image(container: Known, path: str) -> list[Problem]:
    image, policy = container.get("image"), container["imagePullPolicy"]
    if not image:
        return [Problem.required(f"{path}.image")]
    if image != image.strip():
        return [Problem.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]
    return [] if policy in _PULL else [Problem.unsupported(f"{path}.imagePullPolicy", policy, _PULL)]


def _environment(container: Known, path: str) -> list[Problem]:
    found: list[Problem] = []
    for at, one in enumerate(container.get("env") or []):
        here = f"{path}.env[{at}]"
        if not one.get("name"):
            found.append(Problem.required(f"{here}.name"))
        elif not _ENV.match(one["name"]):
            found.append(Problem.invalid(f"{here}.name", one["name"], _ENV_WHY))
        elif one.get("value") and one.get("valueFrom"):
            why = "may not be specified when `value` is not empty"
            found.append(Problem.invalid(f"{here}.valueFrom", "", why))
    return found


def _ports(container: Known, path: str) -> list[Problem]:
    why = "must be between 1 and 65535, inclusive"
    return [
        Problem.invalid(f"{path}.ports[{at}].containerPort", one.get("containerPort"), why)
        for at, one in enumerate(container.get("ports") or [])
        if not 0 < one.get("containerPort", 0) < 65536
    ]


def _mounts(container: Known, path: str, volumes: set[Any]) -> list[Problem]:
    return [
        Problem(f"{path}.volumeMounts[{at}].name", "NotFound", f'Not found: "{one.get("name")}"')
        for at, one in enumerate(container.get("volumeMounts") or [])
        if one.get("name") not in volumes
    ]


def _resources(container: Known, path: str) -> list[Problem]:
    known = container.get("resources") or {}
    found: list[Problem] = []
    for part in ("limits", "requests"):
        for name, value in (known.get(part) or {}).items():
            here = f"{path}.resources.{part}[{name}]"
            if not is_quantity(value):
                found.append(Problem.invalid(here, value, _QUANTITY_WHY))
            elif quantity(value) < 0:
                found.append(Problem.invalid(here, value, "must be greater than or equal to 0"))
    return found or _within(known, f"{path}.resources.requests")


def _within(known: Known, path: str) -> list[Problem]:
    limits = known.get("limits") or {}
    return [
        Problem.invalid(path, value, f"must be less than or equal to {name} limit of {limits[name]}")
        for name, value in (known.get("requests") or {}).items()
        if name in limits and quantity(value) > quantity(limits[name])
    ]


_CHECKS: tuple[Callable[[Known, str], list[Problem]], ...] = (_name, _image, _environment, _ports, _resources)
