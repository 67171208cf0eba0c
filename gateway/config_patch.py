"""Changing single keys of a configuration, as an operator does for a while: `logging.level`, `routes.api.rate_limit`.

What is an entry of a list is named by its id. The result is validated as any configuration is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config_file import ConfigError, validated
from gateway.sections import FOR_WORKERS
from gateway.settings import Settings

#: These are not for the body of a request and the history of changes.
_PRIVATE = re.compile(r"^(?:admin|auth|reload)(?:\.|$)|bypass_token|secret|password|redis_url", re.IGNORECASE)


def patched(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these keys changed.

    Raises:
        ConfigError: a key is not there, may not be changed so, or its value is not allowed.
    """
    document = settings.model_dump(mode="json", context=FOR_WORKERS)
    for key, value in changes.items():
        if any(_PRIVATE.search(name) for name in (key, *_inner(value))):
            raise ConfigError(f"{key}: cannot be overridden; change it in the configuration")
        _set(document, key, value, key)
    return validated(document, "the override")


def _set(document: Any, key: str, value: Any, whole: str) -> None:
    """Ids may have dots in them, so the longest name that fits goes first."""
    names = _names(document)
    if key in names:
        document[names[key]] = value
        return
    for name in sorted(names, key=len, reverse=True):
        if key.startswith(f"{name}."):
            _set(document[names[name]], key[len(name) + 1 :], value, whole)
            return
    raise ConfigError(f"{whole}: there is no such key; known here: {', '.join(sorted(names)) or 'none'}")


def _inner(value: Any) -> Iterator[str]:
    """The names within a value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from _inner(item)
    elif isinstance(value, list):
        for item in value:
            yield from _inner(item)


def _names(document: Any) -> dict[str, Any]:
    if isinstance(document, dict):
        return {str(name): name for name in document}
    if isinstance(document, list):
        return {
            str(item["id"]): place for place, item in enumerate(document) if isinstance(item, dict) and "id" in item
        }
    return {}
