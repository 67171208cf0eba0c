"""Files for their owner alone, and such as are replaced as a whole.

Of those, whoever reads one finds what was there before, or all of what is there now.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def for_its_owner(path: str, flags: int) -> int:
    """The opener of a file that says whom operators keep out; one that is there already stays as its owner wants it."""
    return os.open(path, flags, 0o600)


def replace_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Have these there, one after the other, for the owner alone, also after the power has failed.

    Raises:
        OSError: what was there before is there still.
    """
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    # Its new name is on the disk when the directory is. There are file systems that cannot be asked for that.
    with contextlib.suppress(OSError):
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
