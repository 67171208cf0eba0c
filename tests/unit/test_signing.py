"""The secret that signs sessions: made once, whole, and for nobody else to read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError
from bot.signing import signing_secret


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database_url=f"sqlite:///{tmp_path / 'kept' / 'tocsin.db'}")


def test_it_is_made_once_and_is_for_nobody_else(settings: Settings, tmp_path: Path) -> None:
    first = signing_secret(settings)
    file = tmp_path / "kept" / "secret"
    assert len(first) == 43
    assert file.stat().st_mode & 0o777 == 0o600
    assert signing_secret(settings) == first
    assert [one.name for one in (tmp_path / "kept").iterdir()] == ["secret"]


def test_of_many_that_make_it_at_once_all_have_the_same(settings: Settings) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(signing_secret, [settings] * 64))) == 1


def test_a_crash_in_the_middle_leaves_no_empty_secret(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)  # nothing else comes between the file and what it holds
    with pytest.raises(KeyboardInterrupt):
        signing_secret(settings)
    monkeypatch.undo()
    assert list((tmp_path / "kept").iterdir()) == []
    assert len(signing_secret(settings)) == 43


@pytest.mark.parametrize("content", ["", "short\n", " " * 40])
def test_a_file_that_holds_next_to_nothing_is_refused(settings: Settings, tmp_path: Path, content: str) -> None:
    file = tmp_path / "kept" / "secret"
    file.parent.mkdir()
    file.write_text(content, encoding="ascii")
    with pytest.raises(SettingsError, match=f"The secret in {file} has .* 16 or more are needed.* Remove the file"):
        signing_secret(settings)


def test_a_file_that_others_could_read_is_closed_to_them(settings: Settings, tmp_path: Path) -> None:
    signing_secret(settings)
    file = tmp_path / "kept" / "secret"
    file.chmod(0o644)
    signing_secret(settings)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file", encoding="ascii")
    with pytest.raises(SettingsError, match="cannot be kept"):
        signing_secret(Settings(database_url=f"sqlite:///{tmp_path / 'kept' / 'tocsin.db'}"))


def test_a_secret_of_the_settings_is_taken_as_it_is(tmp_path: Path) -> None:
    assert signing_secret(Settings(secret="sixteen-bytes-ok")) == b"sixteen-bytes-ok"  # type: ignore[arg-type]
