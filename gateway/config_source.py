"""Where the configuration comes from: a file or a mounted directory, the environment, and what `serve` was told."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway import config_file
from gateway.config_file import Written
from gateway.misplaced import misplaced
from gateway.settings import Settings

#: What it takes to see that a file is another one: a mounted ConfigMap swaps a link, an editor renames or writes.
Seen = tuple[tuple[int, int, int, int] | None, ...]
Overrides = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """It can be read again at any time; the environment is that of the process's start."""

    path: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=dict)
    """By section and key: options of the command line, which stand above everything else."""

    def load(self) -> Settings:
        """The settings as they are now.

        Raises:
            ConfigError: they cannot be used.
        """
        return self.made(self.read())

    def read(self) -> Written:
        """What is written there now.

        Raises:
            ConfigError: it cannot be read.
        """
        return config_file.read(self.path)

    def made(self, written: Written) -> Settings:
        """The settings of what was written there, now or before; the environment is that of now.

        Raises:
            ConfigError: they cannot be used.
        """
        return overridden(config_file.made(written, self.path, self.environ), self.overrides)

    def misplaced(self) -> list[str]:
        """What was set here and means nothing for a gateway, in words."""
        return misplaced(self.path, self.environ)

    def seen(self) -> Seen:
        """Device, inode, time and size of each file; cheap, and another where something may have changed."""
        return tuple(_seen(path) for path in config_file.files_of(self.path))

    def digest(self) -> str:
        """Another where the contents have changed."""
        found = hashlib.sha256()
        for path in config_file.files_of(self.path):
            try:
                found.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
            except OSError:
                found.update(f"{path.name}\0missing\0".encode())
        return found.hexdigest()


def _seen(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - it follows links, as Path.stat does, and is asked each second
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def overridden(settings: Settings, overrides: Overrides) -> Settings:
    """The settings with these above them.

    Raises:
        ConfigError: they do not go together.
    """
    workers, limits = overrides.get("workers", {}).get("count"), settings.workers
    if workers is not None and not limits.min <= workers <= limits.max:
        raise config_file.ConfigError(
            f"--workers {workers} is not allowed: workers.min is {limits.min}, workers.max {limits.max}"
        )
    updated = {section: getattr(settings, section).model_copy(update=values) for section, values in overrides.items()}
    return settings.model_copy(update=updated)
