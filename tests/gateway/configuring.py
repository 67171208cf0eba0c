"""A file, the configurations that are loaded from it, and workers that go by them or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import config_file
from gateway.config_source import ConfigSource
from gateway.settings import Settings
from gateway.supervisor.config_versions import KeptVersions
from gateway.supervisor.configurations import Applying, Configurations
from tests.gateway.running import settings_for


class Workers:
    """Workers that go by everything, unless a test has them say otherwise."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.holding: tuple[int, int] = (1, 30)
        """The number of the configuration, and its request timeout."""
        self.discarded = 0
        self.before_prepared: Callable[[], Awaitable[None]] | None = None

    async def prepare(self, _settings: Settings, _number: int) -> list[str]:
        if self.before_prepared is not None:
            await self.before_prepared()
        return self.problems

    def discard(self) -> None:
        self.discarded += 1

    async def commit(self, settings: Settings, number: int) -> None:
        self.holding = (number, int(settings.server.request_timeout_secs))


class Stand:
    """A file, and the configurations that are loaded from it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "gateway.yaml"
        self.write()
        self.source = ConfigSource(self.path)
        self.workers = Workers()
        self.recorded: list[tuple[Any, ...]] = []
        self.told: list[tuple[str, str]] = []
        self.disk_is_full = False
        applying = Applying(prepare=self.workers.prepare, discard=self.workers.discard, commit=self.workers.commit)
        self.all = Configurations(
            self.source, self.source.load(), applying, kept=KeptVersions(None, self.source, lambda _: None),
            record=self._record, told=lambda *words: self.told.append(words),
        )  # fmt: skip

    def write(self, timeout: int = 30, **sections: dict[str, Any]) -> None:
        server = {"request_timeout_secs": timeout, **sections.pop("server", {})}
        document = settings_for("http://a", **{"server": server, **sections})
        self.path.write_text(yaml.safe_dump(document))

    def _record(self, *change: Any) -> None:
        if self.disk_is_full:
            raise OSError("no space left")
        self.recorded.append(change)


def loaded(document: Any, directory: Path, environ: dict[str, str] | None = None) -> Settings:
    """What is read of this document, as a file in the directory."""
    path = directory / "gateway.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return config_file.load(path, environ or {})


def problem(document: Any, directory: Path, environ: dict[str, str] | None = None) -> str:
    """What is said of a document that is refused."""
    with pytest.raises(config_file.ConfigError) as caught:
        loaded(document, directory, environ)
    assert str(directory / "gateway.yaml") in str(caught.value)
    return str(caught.value)
