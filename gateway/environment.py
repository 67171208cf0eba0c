"""Switches in the environment that stand above the configuration file (runbook 004): set them, and start anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_WINDOW_SECS = 60


class SwitchError(Exception):
    """A switch has a value that means nothing; the text names both."""


def overridden(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The configuration with what the environment says of it. What is wrong with either is found by validation.

    Raises:
        SwitchError: a switch cannot be read.
    """
    document = _with_logging(document, environ)
    document = _with_maintenance(document, environ.get("MAINTENANCE_MODE"))
    section = document.get("rate_limiting") or {}
    routes = document.get("routes")
    if not isinstance(section, dict):
        return document
    changed = dict(section)
    if enabled := environ.get("RATE_LIMIT_ENABLED"):
        changed["enabled"] = _truth("RATE_LIMIT_ENABLED", enabled)
    limit = _limit(environ, changed.get("default_limit"))
    if limit is not None:
        rest = changed["default_limit"][1:] if isinstance(changed.get("default_limit"), list) else []
        changed["default_limit"] = [limit, *rest] if rest else limit
        routes = [_limited(route, limit) for route in routes] if isinstance(routes, list) else routes
    if limit is None and changed == section:
        return document
    return {**document, "rate_limiting": changed, "routes": routes}


def _with_logging(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    section = document.get("logging") or {}
    if not isinstance(section, dict):
        return document
    changed = dict(section)
    if level := environ.get("LOG_LEVEL"):
        # It is above what is written of single sinks, too.
        changed["level"] = level
        changed["sinks"] = _each(section.get("sinks"), lambda sink: {**sink, "min_level": None})
    if audit := environ.get("AUDIT_MODE"):
        changed["audit_mode"] = _truth("AUDIT_MODE", audit)
    if region := environ.get("AWS_REGION"):
        changed["sinks"] = _each(changed.get("sinks"), lambda sink: _in_region(sink, region))
    if changed.get("sinks") is None:
        changed.pop("sinks", None)
    return document if changed == section else {**document, "logging": changed}


def _each(sinks: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(sinks, list):
        return sinks
    return [change(sink) if isinstance(sink, dict) else sink for sink in sinks]


def _in_region(sink: dict[str, Any], region: str) -> dict[str, Any]:
    """The region of the environment is for who names none; the SDK itself knows AWS_DEFAULT_REGION only."""
    section = sink.get("cloudwatch")
    return {**sink, "cloudwatch": {"region": region, **section}} if isinstance(section, dict) else sink


def _with_maintenance(document: dict[str, Any], mode: str | None) -> dict[str, Any]:
    section = document.get("maintenance") or {}
    if not mode or not isinstance(section, dict):
        return document
    return {**document, "maintenance": {**section, "enabled": _truth("MAINTENANCE_MODE", mode)}}


def _limit(environ: Mapping[str, str], configured: Any) -> dict[str, Any] | None:
    """The limit that the environment asks for: for what it leaves open, as the default one or else by address."""
    name = "RATE_LIMIT_REQUESTS" if environ.get("RATE_LIMIT_REQUESTS") else "RATE_LIMIT"
    requests, window = environ.get(name), environ.get("RATE_LIMIT_WINDOW")
    first = configured[0] if isinstance(configured, list) and configured else configured
    known = dict(first) if isinstance(first, dict) else {}
    if not requests and not (window and known):
        return None
    if requests:
        known["limit"] = _number(name, requests)
    if window:
        known["window_secs"] = _number("RATE_LIMIT_WINDOW", window)
    return {"window_secs": _WINDOW_SECS, **known}


def _limited(route: Any, limit: dict[str, Any]) -> Any:
    """A route with limits of its own, the environment's added to them."""
    own = route.get("rate_limit") if isinstance(route, dict) else None
    if not own:
        return route
    return {**route, "rate_limit": [*(own if isinstance(own, list) else [own]), limit]}


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise SwitchError(f"{name}: {value!r} is not allowed: must be a whole number") from None


def _truth(name: str, value: str) -> bool:
    try:
        return _WORDS[value.strip().lower()]
    except KeyError:
        raise SwitchError(f"{name}: {value!r} is not allowed: must be true or false") from None
