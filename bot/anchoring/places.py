"""Where anchors are kept: a file, one a line, or objects of S3, one each. None is ever changed by us."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bot.anchoring.settings import AuditSettings
from bot.anchoring.signing import FIRST, Anchor, AnchorError, read

#: As many of the newest objects are read; each was compared with its forerunner when it was written.
MOST_OBJECTS = 1000
_AT_A_TIME = 8
_THERE = "PreconditionFailed"


class Place(Protocol):
    """A place of anchors. All block, and raise AnchorError."""

    name: str

    def all(self) -> list[Anchor]:
        """Oldest first."""

    def newest(self) -> Anchor | None:
        """The last one."""

    def add(self, anchor: Anchor) -> bool:
        """Keep one more. False: another process has anchored since its forerunner was read."""


def place(settings: AuditSettings) -> Place:
    """That of the settings, which name one."""
    scheme, is_address, rest = settings.anchor.partition("://")
    return InBucket(rest, settings) if is_address and scheme == "s3" else InFile(Path(settings.anchor))


class InFile:
    """A file of JSON lines."""

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        self._file = file

    def all(self) -> list[Anchor]:
        """See Place. A last line without its end was cut by a crash: it was never kept."""
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise AnchorError(f"{self.name} cannot be read: {error}") from error
        return [read(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def newest(self) -> Anchor | None:
        """See Place."""
        found = self.all()
        return found[-1] if found else None

    def add(self, anchor: Anchor) -> bool:
        """See Place. On the disk before it returns."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._drop_what_was_cut(file)
                last = self.newest()
                if anchor.previous != (last.digest_of_line() if last else FIRST):
                    return False
                file.write(f"{anchor.line()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
                return True
        except OSError as error:
            raise AnchorError(f"{self.name} cannot be written: {error.strerror}") from error

    @staticmethod
    def _drop_what_was_cut(file: Any) -> None:
        file.seek(0)
        text = file.read()
        if not text.endswith(b"\n"):
            file.truncate(text.rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)


class InBucket:
    """Objects of a bucket, named by the entry. With Object Lock nobody can take one away."""

    def __init__(self, address: str, settings: AuditSettings) -> None:
        self.name = f"s3://{address}"
        self._bucket, _, prefix = address.partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        import boto3  # a fifth of a second to load, and most anchor in files

        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint or None,
            region_name=settings.s3_region or None,
            config=Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"}),
        )

    def all(self) -> list[Anchor]:
        """See Place: the newest MOST_OBJECTS of them."""
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(self._read, self._keys()[-MOST_OBJECTS:]))

    def newest(self) -> Anchor | None:
        """See Place."""
        keys = self._keys()
        return self._read(keys[-1]) if keys else None

    def add(self, anchor: Anchor) -> bool:
        """See Place: the object is made only if there is none of its name."""
        key = f"{self._prefix}{anchor.sequence:012d}.json"
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=f"{anchor.line()}\n".encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != _THERE:
                raise AnchorError(f"{self.name} cannot be written: {error}") from error
            return False
        except BotoCoreError as error:
            raise AnchorError(f"{self.name} cannot be written: {error}") from error
        return True

    def _keys(self) -> list[str]:
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            names = [one["Key"] for page in pages for one in page.get("Contents", ())]
        except (BotoCoreError, ClientError) as error:
            raise AnchorError(f"{self.name} cannot be listed: {error}") from error
        return sorted(one for one in names if one.removeprefix(self._prefix).removesuffix(".json").isdigit())

    def _read(self, key: str) -> Anchor:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise AnchorError(f"{self.name} cannot be read: {error}") from error
        return read(body.decode("utf-8", "replace"))
