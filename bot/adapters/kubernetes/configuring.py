"""What configures a Deployment's containers: environment and mounted files, masked. No Secret object is read for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from commands.redaction import MASK, redact_value

Maps = Mapping[str, dict[str, Any] | None]


def maps_of(deployment: dict[str, Any]) -> list[str]:
    """The names of the ConfigMaps that its containers use."""
    spec = deployment["spec"]["template"]["spec"]
    names = [name for _, kind, name in mounted(spec) if kind == "configMap"]
    for container in _containers(spec):
        for one in container.get("envFrom") or ():
            names += [one["configMapRef"]["name"]] if "configMapRef" in one else []
        for one in container.get("env") or ():
            asked = (one.get("valueFrom") or {}).get("configMapKeyRef")
            names += [asked["name"]] if asked else []
    return list(dict.fromkeys(names))


def shown(deployment: dict[str, Any], maps: Maps) -> str:
    """YAML: each container with its environment, then each mounted file."""
    spec = deployment["spec"]["template"]["spec"]
    found: dict[str, Any] = {
        "containers": {
            one["name"]: {"image": one["image"], "environment": dict(_environment(one, maps))}
            for one in _containers(spec)
        }
    }
    files = {f"{kind} {name}": _files(kind, name, maps) for _, kind, name in mounted(spec)}
    if files:
        found["mounted"] = files
    return yaml.safe_dump(_redacted(found), sort_keys=False, allow_unicode=True)


def as_text(known: dict[str, Any]) -> str:
    """The content of one ConfigMap as YAML, secrets masked; files that are YAML or JSON are shown as such."""
    found = {key: parsed(text) for key, text in _texts(known).items()}
    return yaml.safe_dump(_redacted(found | _binary(known)), sort_keys=False, allow_unicode=True)


def _redacted(value: dict[str, Any]) -> dict[str, Any]:
    masked: dict[str, Any] = redact_value(value)
    return masked


def _containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def mounted(spec: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Volume, kind, and name of what is mounted."""
    for volume in spec.get("volumes") or ():
        for one in ((volume.get("projected") or {}).get("sources")) or (volume,):
            if "configMap" in one:
                yield volume["name"], "configMap", one["configMap"]["name"]
            elif "secret" in one:
                yield volume["name"], "secret", one["secret"].get("secretName") or one["secret"].get("name", "")


def _environment(container: dict[str, Any], maps: Maps) -> Iterator[tuple[str, str]]:
    for one in container.get("envFrom") or ():
        prefix = one.get("prefix", "")
        if "secretRef" in one:
            yield f"{prefix}* of secret {one['secretRef']['name']}", MASK
        elif "configMapRef" in one:
            name = one["configMapRef"]["name"]
            known = maps.get(name)
            missing = {f"* of configMap {name}": "there is none"}
            yield from ((f"{prefix}{key}", text) for key, text in (missing if known is None else _texts(known)).items())
    for one in container.get("env") or ():
        yield one["name"], str(one["value"]) if "value" in one else _from(one.get("valueFrom") or {}, maps)


def _from(source: dict[str, Any], maps: Maps) -> str:
    if "secretKeyRef" in source:
        return MASK
    if "configMapKeyRef" in source:
        asked = source["configMapKeyRef"]
        known = maps.get(asked["name"])
        there = "there is none" if known is None else _texts(known).get(asked["key"], "has no such key")
        return f"{there}" if known is not None else f"configMap {asked['name']}: {there}"
    if "fieldRef" in source:
        return f"field {source['fieldRef']['fieldPath']}"
    return f"resource {(source.get('resourceFieldRef') or {}).get('resource', '')}"


def _texts(known: dict[str, Any]) -> dict[str, str]:
    return {key: str(text) for key, text in (known.get("data") or {}).items()}


def _files(kind: str, name: str, maps: Maps) -> Any:
    """The files of a mounted ConfigMap; what is YAML or JSON is shown as such, so that its secrets are seen as such."""
    if kind == "secret":
        return MASK
    known = maps.get(name)
    if known is None:
        return "there is none"
    return {key: parsed(text) for key, text in _texts(known).items()} | _binary(known)


def _binary(known: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(known.get("binaryData") or {}, "[binary]")


def parsed(text: str) -> Any:
    """A text that is YAML or JSON as what it says; any other as it is."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return read if isinstance(read, dict | list) else text
