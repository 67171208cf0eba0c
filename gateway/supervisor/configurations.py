"""The configurations of the gateway: that which holds, those before it, and the way from one to the next.

A new one is read, validated, held against what cannot change while the gateway runs, prepared by every worker and
recorded; only then do the workers go by it. Whatever fails on the way, the last good one goes on holding, and what was
wrong is kept for operators to see.

The errors, each with the code that the admin API answers with:
    OperationError
        ConfigRefusedError    it cannot be used (422)
        RestartNeededError    it changes what cannot change while the gateway runs (422)
        UnknownVersionError   no version has this number any more (404)
        UnusableVersionError  one of an earlier run cannot be made into settings any more (422)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from gateway import config_file
from gateway.config_diff import Difference, differences
from gateway.config_file import Written
from gateway.config_patch import patched
from gateway.config_source import ConfigSource, Seen
from gateway.settings import Settings
from gateway.supervisor.callers import CALLER
from gateway.supervisor.config_overrides import MAX_OVERRIDES, ConfigOverride, applied
from gateway.supervisor.config_versions import KEPT, Base, Cause, KeptVersions, Occasion, Version, fresh_version
from gateway.supervisor.operations import ConflictError, OperationError, OutOfLimitsError
from gateway.telemetry.records import iso

_WAIT_SECS = 5.0

#: What listens, what is open and what runs from the start to the end, as keys or sections.
FIXED = (
    "server.bind_address", "server.port", "server.backlog", "server.handover_path", "workers.count",
    "admin.bind_address", "admin.port", "admin.history_path", "admin.versions_path", "observability.metrics_port",
    "observability.metrics_bind_address", "auth.revocations", "reload",
)  # fmt: skip

#: kind, actor, reason, before, after: into the history and the log, before the change is made. Raises OSError.
Record = Callable[[str, str, str, Any, Any], None]


class ConfigRefusedError(OperationError):
    """The configuration cannot be used; the one before goes on holding."""

    code = "config_refused"


class RestartNeededError(ConfigRefusedError):
    """It would need other listeners or other processes."""

    code = "restart_needed"


class UnknownVersionError(OperationError):
    """The number is of no version that is kept."""

    code = "not_found"


class Applying:
    """How the gateway goes by a configuration: `prepare` says what is wrong with it, `commit` makes it hold."""

    def __init__(
        self,
        *,
        prepare: Callable[[Settings, int], Awaitable[list[str]]],
        discard: Callable[[], None],
        commit: Callable[[Settings, int], Awaitable[None]],
    ) -> None:
        self.prepare = prepare
        self.discard = discard
        self.commit = commit


class Configurations:
    """All of them. `told` hears of each attempt: its result, and a sentence for the log."""

    def __init__(
        self,
        source: ConfigSource,
        settings: Settings,
        applying: Applying,
        *,
        kept: KeptVersions,
        record: Record,
        told: Callable[[str, str], None],
    ) -> None:
        self.source = source
        self.counts: Counter[str] = Counter()
        """Attempts since the start by result: loaded, unchanged, refused."""
        self.last_error: dict[str, Any] | None = None
        """What was wrong with the last attempt: at, cause, actor, message. None where it was good."""
        self.digest = source.digest()
        """Of the source as it was read last, whatever came of it."""
        self._applying = applying
        self._record = record
        self._told = told
        self.overrides: list[ConfigOverride] = []
        self._kept = kept
        self._versions = {one.number: one for one in kept.read_back()}
        self._begin(settings)
        if self.current.base.written is None:
            self.digest = ""  # It was another one already, which is to be loaded, too.
        self._loading = False
        self._over = asyncio.Event()
        self._asked_again: tuple[Cause, str] | None = None

    def _begin(self, settings: Settings) -> None:
        """Have the first of this run hold: the newest one that was kept, where it is the same."""
        newest, base = max(self._versions, default=0), Base(settings, self._written_as(settings))
        number = max(newest, self._kept.last) + 1
        first = fresh_version(number, base, settings, (), Occasion("start", "gateway", "the gateway was started"))
        before = self._versions.get(newest)
        if before is not None and (before.written, before.changes, before.hash) == (base.written, (), first.hash):
            self._versions[newest] = replace(before, make=first.make)
        else:
            self._add(first)

    def _written_as(self, settings: Settings) -> Written | None:
        try:
            written = self.source.read()
            return written if self.source.made(written) == settings else None
        except config_file.ConfigError:
            return None

    def _add(self, made: Version) -> None:
        self._versions[made.number] = made
        while len(self._versions) > KEPT:
            del self._versions[min(self._versions)]
        self._kept.keep(made)

    @property
    def current(self) -> Version:
        """The one that holds."""
        return self._versions[max(self._versions)]

    @property
    def rolled_back(self) -> Version | None:
        """The rollback that holds, with or without overrides above it; the source says something else."""
        loaded = (one for one in self.versions() if not one.occasion.cause.startswith("override"))
        newest = next(loaded, None)
        return newest if newest is not None and newest.occasion.cause == "rollback" else None

    def versions(self) -> list[Version]:
        """Those that are kept, the newest first."""
        return sorted(self._versions.values(), key=lambda one: -one.number)

    def version(self, number: int) -> Version:
        """The one with this number.

        Raises:
            UnknownVersionError: there is none, or it is kept no longer.
        """
        if number not in self._versions:
            kept = f"{min(self._versions)} to {max(self._versions)}"
            raise UnknownVersionError(f"no configuration has the number {number}; kept are {kept}")
        return self._versions[number]

    def differences(self, before: int, after: int) -> list[Difference]:
        """What the later one has changed."""
        return differences(self.version(before).settings, self.version(after).settings)

    async def reload(self, actor: str, reason: str, expected: int | None = None) -> dict[str, Any]:
        """Load the source for an operator; what came of it.

        Raises:
            ConfigRefusedError: it is not loaded.
            ConflictError: another one holds than the expected, or another attempt is under way for too long.
        """
        return await self._exclusively(lambda: self._reload("admin", actor, reason), expected)

    async def noticed(self, cause: Cause, actor: str) -> None:
        """Load the source because of a signal, or because it has changed; what is wrong is only told."""
        if self._loading:
            self._asked_again = (cause, actor)
            return
        reason = "SIGHUP" if cause == "signal" else "the file has changed"
        CALLER.set(None)  # It may have waited for an operator's attempt, and is none of theirs.
        try:
            await self._exclusively(lambda: self._reload(cause, actor, reason), None)
        except (OperationError, OSError):
            return  # It was told, and is kept.

    async def rollback(self, number: int, actor: str, reason: str, expected: int | None = None) -> dict[str, Any]:
        """Have an earlier one hold again, under a new number; the source stays as it is, until it is loaded again.

        Raises:
            UnknownVersionError, UnusableVersionError, ConfigRefusedError, ConflictError: nothing was changed.
        """
        base, why = self.version(number).base, Occasion("rollback", actor, reason, number)
        return await self._exclusively(lambda: self._change(base, self.overrides, why), expected)

    async def override(self, made: ConfigOverride, expected: int | None = None) -> dict[str, Any]:
        """Have single keys changed until that expires; a newer override of a key goes before an older one.

        Raises:
            ConfigRefusedError, ConflictError: nothing was changed.
        """
        return await self._exclusively(lambda: self._with(made), expected)

    async def _with(self, made: ConfigOverride) -> dict[str, Any]:
        if len(self.overrides) >= MAX_OVERRIDES:
            raise OutOfLimitsError(f"there are {MAX_OVERRIDES} overrides already; undo some first")
        try:
            patched(self.current.settings, made.changes)
        except config_file.ConfigError as error:
            raise ConfigRefusedError(str(error)) from None
        why = Occasion("override", made.actor, made.reason)
        return await self._change(self.current.base, [*self.overrides, made], why)

    async def undo(
        self, override: ConfigOverride, actor: str, reason: str, expected: int | None = None
    ) -> dict[str, Any]:
        """Go back to what holds without one override."""
        why = Occasion("override_undone", actor, reason)
        return await self._exclusively(lambda: self._without([override], why), expected)

    async def _without(self, ended: list[ConfigOverride], why: Occasion, *, known: bool = False) -> dict[str, Any]:
        gone = {one.id for one in ended}
        left = [one for one in self.overrides if one.id not in gone]
        return await self._change(self.current.base, left, why, known=known)

    async def expire(self) -> bool:
        """End the overrides whose time is over; to be called every second or so. False: they hold still."""
        ended = [one for one in self.overrides if one.expires_at <= time.time()]
        if not ended or self._loading:
            return True
        why = Occasion("override_expired", "gateway", f"{', '.join(one.id for one in ended)} has expired")
        try:
            await self._exclusively(lambda: self._without(ended, why, known=True), None)
        except (OperationError, OSError):
            return False  # It was told, and is to be tried again.
        return True

    def count_on(self, number: int, version: str) -> None:
        """Count on from the one that held in the former process: a number is of one configuration alone."""
        first = self.current
        if first.number <= number and (first.number, first.hash) != (number, version):
            del self._versions[first.number]
            self._add(replace(first, number=number + 1))

    async def take_over(self, overrides: list[ConfigOverride], reason: str) -> None:
        """Have what was overridden elsewhere hold, in place of all; what no longer fits is left out.

        Raises:
            ConfigRefusedError: nothing was changed.
        """
        if [one.id for one in overrides] != [one.id for one in self.overrides]:
            why = Occasion("override", "gateway", reason)
            await self._exclusively(lambda: self._change(self.current.base, overrides, why, known=True), None)

    def check(self) -> list[Difference]:
        """What loading the source would change.

        Raises:
            ConfigRefusedError: it would not be loaded.
        """
        try:
            settings = self.source.load()
        except config_file.ConfigError as error:
            raise ConfigRefusedError(str(error)) from None
        return self._allowed(applied(settings, self.overrides)[0])

    async def _exclusively(self, work: Callable[[], Awaitable[dict[str, Any]]], expected: int | None) -> dict[str, Any]:
        await self._until_free()
        found = {"number": self.current.number}
        if self._loading:
            raise ConflictError("another configuration is being loaded", found)
        if expected is not None and expected != self.current.number:
            raise ConflictError(f"expected configuration {expected}, found {self.current.number}", found)
        self._loading = True
        try:
            return await work()
        finally:
            self._loading = False
            self._over.set()
            again, self._asked_again = self._asked_again, None
            if again is not None:
                await self.noticed(*again)

    async def _until_free(self) -> None:
        """Wait for an attempt that is under way, for as long as a good one may take."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECS):
                while self._loading:
                    self._over.clear()
                    await self._over.wait()

    async def _reload(self, cause: Cause, actor: str, reason: str) -> dict[str, Any]:
        try:
            # The file may be on a file system that takes its time.
            self.digest = await asyncio.to_thread(self.source.digest)
            written = await asyncio.to_thread(self.source.read)
            settings = await asyncio.to_thread(self.source.made, written)
        except config_file.ConfigError as error:
            self._refuse(cause, actor, str(error))
            raise ConfigRefusedError(str(error)) from None
        return await self._change(Base(settings, written), self.overrides, Occasion(cause, actor, reason))

    async def _change(
        self, base: Base, overrides: list[ConfigOverride], why: Occasion, *, known: bool = False
    ) -> dict[str, Any]:
        """`known`: it was recorded when it was ordered, so it is made also while nothing can be recorded."""
        before = self.current
        settings, fitting = applied(base.settings, overrides)
        try:
            changes = self._allowed(settings)
            is_another = (base.settings, settings) != (before.base.settings, before.settings)
            if is_another:
                made = fresh_version(before.number + 1, base, settings, tuple(one.changes for one in fitting), why)
                await self._apply(made, changes, known=known)
        except (OperationError, OSError) as error:
            self._refuse(why.cause, why.actor, str(error))
            raise
        lost = [one.id for one in overrides if one not in fitting]
        self.overrides = fitting
        self.last_error = None
        result = "loaded" if is_another else "unchanged"
        self.counts[result] += 1
        held = f"Configuration {self.current.number} ({self.current.hash})"
        over = f"; over, because what they change is gone: {', '.join(lost)}" if lost else ""
        self._told(result, f"{held} holds, {len(changes)} changes, asked for by {why.actor}{over}")
        return {
            "result": result, **self.current.described(), "before": {"number": before.number, "version": before.hash},
            "changes": [one.described() for one in changes],
        }  # fmt: skip

    def _allowed(self, settings: Settings) -> list[Difference]:
        changes = differences(self.current.settings, settings)
        fixed = [one for one in changes if any(f"{one.key}.".startswith(f"{key}.") for key in FIXED)]
        if fixed:
            words = "; ".join(f"{one.key} ({one.before!r} -> {one.after!r})" for one in fixed)
            raise RestartNeededError(f"cannot be changed while the gateway runs, so restart it: {words}")
        return changes

    async def _apply(self, made: Version, changes: list[Difference], *, known: bool) -> None:
        problems = await self._applying.prepare(made.settings, made.number)
        try:
            if problems:
                raise ConfigRefusedError(f"a worker cannot go by it: {'; '.join(problems)}")
            before, after = self.current, made.described()
            described = {"number": before.number, "version": before.hash}
            shown = {one.key: [one.before, one.after] for one in changes}
            self._recorded(made.occasion, described, {**after, "changes": shown}, known=known)
        except (OperationError, OSError):
            self._applying.discard()
            raise
        self._add(made)
        await self._applying.commit(made.settings, made.number)

    def _recorded(self, why: Occasion, before: dict[str, Any], after: dict[str, Any], *, known: bool) -> None:
        """Raises OSError."""
        try:
            self._record("config_changed", why.actor, why.reason, before, after)
        except OSError as error:
            if not known:
                raise
            self._told("unrecorded", f"{why.reason}, which cannot be recorded: {error}")

    def _refuse(self, cause: Cause, actor: str, message: str) -> None:
        self.counts["refused"] += 1
        self.last_error = {"at": iso(time.time()), "cause": cause, "actor": actor, "message": message}
        self._told("refused", f"the configuration is refused, number {self.current.number} goes on: {message}")


class FileWatch:
    """Looks whether the source is another one than was read last, by its `digest`; `changed` is called when it is.

    So what was loaded on a signal is not loaded once more, after a rollback perhaps.
    """

    def __init__(self, source: ConfigSource, digest: Callable[[], str], changed: Callable[[], None]) -> None:
        self._source = source
        self._digest = digest
        self._changed = changed
        self._known: Seen | None = None
        """None: it is not known whether this is what was read at the start, a while ago."""
        self._last = source.seen()

    def look(self) -> None:
        """To be called every second or so. A file that is being written is left alone until it is."""
        seen = self._source.seen()
        settled, self._last = seen == self._last, seen
        if seen == self._known or not settled:
            return
        self._known = seen
        if self._source.digest() != self._digest():
            self._changed()
