"""The secret that signs the console's sessions: the setting, else a random one that is kept beside the database."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from bot.settings import SHORTEST_SECRET, Settings, SettingsError
from bot.store.database import directory_of


def signing_secret(settings: Settings) -> bytes:
    """What signs the sessions. Raises SettingsError for a file that cannot be kept, or holds next to nothing."""
    given = settings.secret.get_secret_value()
    return given.encode() if given else _kept(directory_of(settings.database_url) / "secret")


def _kept(file: Path) -> bytes:
    try:
        if not file.exists():
            _make(file)
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        found = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"The secret in {file} cannot be kept: {error.strerror}. Or set TOCSIN_SECRET.") from None
    if len(found.strip()) < SHORTEST_SECRET:
        raise SettingsError(
            f"The secret in {file} has {len(found.strip())} bytes; {SHORTEST_SECRET} or more are needed, or anybody "
            "could sign sessions. Remove the file and a new one is made; people sign in again then."
        )
    return found


def _make(file: Path) -> None:
    """Whole or not at all: a secret that a crash had cut short would sign all the same. The first to make it wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as new:
            new.write(secrets.token_urlsafe(32))
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
