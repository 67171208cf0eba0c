"""Reading the configuration file: YAML, with `${VAR}` and `${VAR:-default}` from the environment.

Raises:
    ConfigError: with one line a problem, each naming the key, the value, what is allowed and the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gateway.environment import SwitchError, overridden
from gateway.flat_keys import DOCUMENT, FLAT_KEYS, with_flat_keys
from gateway.sections import MASK
from gateway.settings import Settings

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SECRET_KEYS = re.compile(r"token|secret|password|api_key|credential|redis_url", re.IGNORECASE)


class ConfigError(Exception):
    """The configuration cannot be used; the text is meant for the operator."""


@dataclass(frozen=True, slots=True)
class Written:
    """A configuration as it is written: references to the environment are not filled in, so no secret of it is here."""

    document: str
    flat: Mapping[str, str] = field(default_factory=dict)
    """What flat keys of a directory say, by their names."""


def read(path: Path) -> Written:
    """What is in the file at `path`; of a directory in its file `gateway.yaml`, with the flat keys beside it."""
    return Written(_text_of(_document_of(path)), _flat_of(path))


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings at `path` (see `read`), with references to the environment filled in, and its switches above it."""
    return made(read(path), path, environ)


def made(written: Written, path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of what was written at `path`, now or before."""
    parsed = with_flat_keys(_parsed(written.document, _document_of(path)), dict(written.flat))
    document = _expanded(parsed, environ, path, "")
    try:
        document = overridden(document, environ)
    except SwitchError as error:
        raise ConfigError(f"{path}: in the environment: {error}") from None
    return validated(document, str(path))


def validated(document: dict[str, Any], place: str) -> Settings:
    """The settings that a document is; `place` is where it is from, for what is said of it."""
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(_explained(item, place) for item in error.errors())) from None


def files_of(path: Path) -> list[Path]:
    """The files that `load` reads, those that are not there included."""
    return [_document_of(path), *(path / name for name in FLAT_KEYS)] if path.is_dir() else [path]


def masked(settings: Settings) -> dict[str, Any]:
    """The effective settings as plain JSON values, with every secret replaced."""
    shown: dict[str, Any] = settings.model_dump(mode="json")
    return shown


def version_of(settings: Settings) -> str:
    """A short fingerprint of the effective settings; equal settings have equal versions."""
    text = json.dumps(masked(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _document_of(path: Path) -> Path:
    return path / DOCUMENT if path.is_dir() else path


def _flat_of(path: Path) -> dict[str, str]:
    found = {}
    for file in files_of(path)[1:]:
        try:
            found[file.name] = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: cannot be read: {error}") from None
    return found


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _parsed(text: str, path: Path) -> Any:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must be a mapping of keys, for example `server:`")
    return document


def _expanded(value: Any, environ: Mapping[str, str], path: Path, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _expanded(item, environ, path, _joined(key, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, environ, path, _joined(key, index)) for index, item in enumerate(value)]
    if isinstance(value, str):
        return _filled_in(value, environ, path, key)
    return value


def _filled_in(text: str, environ: Mapping[str, str], path: Path, key: str) -> str:
    def replacement(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = environ.get(name) or default
        if found is None:
            raise ConfigError(
                f"{path}: {key}: the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            )
        return found

    return _REFERENCE.sub(replacement, text)


def _joined(key: str, part: object) -> str:
    return f"{key}.{part}" if key else str(part)


def _explained(item: Any, path: str) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    if item["type"] == "missing":
        return f"{path}: {key}: is missing; {_what_is_missing(key)}"
    if item["type"] == "extra_forbidden":
        return f"{path}: {key}: unknown key (value {_shown(key, item['input'])}); {_allowed_keys(item['loc'])}"
    reason = item["msg"].removeprefix("Value error, ")
    if not item["loc"] or isinstance(item["input"], dict):
        return f"{path}: {key}: {reason}"
    return f"{path}: {key}: {_shown(key, item['input'])} is not allowed: {reason}"


def _what_is_missing(key: str) -> str:
    if key in ("admin", "admin.token"):
        return "the admin API never runs unauthenticated: set admin.token (for example ${GATEWAY_ADMIN_TOKEN})"
    return "it has no default"


def _shown(key: str, value: object) -> str:
    if _SECRET_KEYS.search(key):
        return MASK
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _allowed_keys(location: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in location[:-1]:
        if isinstance(part, str):
            model = _section_in(model.model_fields[part].annotation)
    return f"allowed here: {', '.join(sorted(model.model_fields))}"


def _section_in(annotation: Any) -> Any:
    """The section that a key holds, where it may be left out or there may be several of it, too."""
    while hasattr(annotation, "__args__"):
        annotation = annotation.__args__[0]
    return annotation
