"""Configurations that held: what is known of each, and the directory where they are kept, one file each.

A file has a configuration as it was written, so that no secret that the environment filled in is on the disk, and is
made into settings only when somebody asks for it. It is written beside its place first, and its owner alone reads it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from gateway.config_file import ConfigError, Written, version_of
from gateway.config_patch import patched
from gateway.config_source import ConfigSource
from gateway.settings import Settings
from gateway.supervisor.operations import OperationError
from gateway.supervisor.whole_files import replace_whole
from gateway.telemetry.records import iso

#: How many are kept.
KEPT = 100
_NAME = re.compile(r"([0-9]{6,12})\.json")

_DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)

Cause = Literal["start", "signal", "file", "admin", "rollback", "override", "override_undone", "override_expired"]
Changes: TypeAlias = dict[str, Any]


class UnusableVersionError(OperationError):
    """A configuration of an earlier run cannot be used any more: the environment or the gateway is another one."""

    code = "config_refused"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Since when something holds, by whom and why."""

    cause: Cause
    actor: str
    reason: str
    rolled_back_to: int | None = None
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Base:
    """What the source said, or an earlier version: without what operators have overridden."""

    settings: Settings
    written: Written | None
    """None where it is not known: the source was another one already when it was read once more."""


@dataclass(frozen=True, slots=True)
class Version:
    """One configuration that held. Where they are kept, numbers go on over restarts."""

    number: int
    hash: str
    """Equal settings have equal hashes; secrets are not part of it."""
    occasion: Occasion
    written: Written | None
    changes: tuple[Changes, ...]
    """What operators had overridden, the older first."""
    make: Callable[[], tuple[Base, Settings]] = field(compare=False, repr=False)
    """Its base, and the settings that held."""

    @property
    def base(self) -> Base:
        """Raises UnusableVersionError."""
        return self.make()[0]

    @property
    def settings(self) -> Settings:
        """Raises UnusableVersionError."""
        return self.make()[1]

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        why = self.occasion
        return {
            "number": self.number, "version": self.hash, "loaded_at": iso(why.at), "cause": why.cause,
            "actor": why.actor, "reason": why.reason, "rolled_back_to": why.rolled_back_to,
        }  # fmt: skip


def fresh_version(
    number: int, base: Base, settings: Settings, changes: tuple[Changes, ...], occasion: Occasion
) -> Version:
    """A version whose settings are there already."""
    return Version(number, version_of(settings), occasion, base.written, changes, lambda: (base, settings))


class KeptVersions:
    """Those in `directory`; without one, nothing is kept. `tell` hears of what is wrong there: it stops nothing."""

    def __init__(self, directory: str | None, source: ConfigSource, tell: Callable[[str], None]) -> None:
        self._directory = Path(directory) if directory else None
        self._source = source
        self._tell = tell

    def read_back(self) -> list[Version]:
        """Those of earlier runs, the oldest first; files that are damaged are told, and left as they are."""
        found = []
        for path in self._files():
            try:
                found.append(self._read(path))
            except _DAMAGED as error:
                self._tell(f"{path}: no configuration can be read there: {type(error).__name__}: {error}")
        return found[-KEPT:]

    def keep(self, one: Version) -> None:
        """Write one, and have the oldest go; a disk that does not take it is told."""
        if self._directory is None or one.written is None:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(self._directory / f"{one.number:06}.json", [_text(one, one.written)])
            for path in self._files()[:-KEPT]:
                path.unlink(missing_ok=True)
        except OSError as error:
            self._tell(f"{self._directory}: configuration {one.number} is not kept for the next run: {error}")

    @property
    def last(self) -> int:
        """The number of the last one, readable or not; 0 without any."""
        return int(files[-1].stem) if (files := self._files()) else 0

    def _files(self) -> list[Path]:
        if self._directory is None:
            return []
        try:
            found = [path for path in self._directory.iterdir() if _NAME.fullmatch(path.name)]
        except OSError:  # Whatever it is, it is told when one is to be kept.
            return []
        return sorted(found, key=lambda path: int(path.stem))

    def _read(self, path: Path) -> Version:
        told = json.loads(path.read_bytes())
        written = Written(_text_in(told["document"]), {name: _text_in(text) for name, text in told["flat"].items()})
        why = told["occasion"]
        if why["cause"] not in get_args(Cause) or told["number"] != int(path.stem):
            raise ValueError("it is that of no version")
        back = why["rolled_back_to"]
        occasion = Occasion(
            why["cause"], _text_in(why["actor"]), _text_in(why["reason"]), None if back is None else int(back),
            float(why["at"]),
        )  # fmt: skip
        iso(occasion.at)  # A time that is none is found here.
        changes, number = tuple(dict(one) for one in told["changes"]), int(path.stem)
        make = cache(lambda: self._made(number, written, changes))
        return Version(number, _text_in(told["hash"]), occasion, written, changes, make)

    def _made(self, number: int, written: Written, changes: tuple[Changes, ...]) -> tuple[Base, Settings]:
        try:
            base = settings = self._source.made(written)
            for one in changes:
                settings = patched(settings, one)
        except ConfigError as error:
            raise UnusableVersionError(f"configuration {number} cannot be used any more: {error}") from None
        return Base(base, written), settings


def _text(one: Version, written: Written) -> bytes:
    named = {"number": one.number, "hash": one.hash, "occasion": asdict(one.occasion), "changes": one.changes}
    return json.dumps({**named, **asdict(written)}, indent=1).encode()


def _text_in(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is needed, not {type(value).__name__}")
    return value
