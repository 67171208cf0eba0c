"""The policy in force: read from its file, and read again when that changes; the last good one stays."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.policy_file import PolicyError, default_text, parse, read_text
from bot.store.policy import note
from bot.store.transaction import SqlTransaction, Store
from commands.policy import deciding
from commands.policy.document import Policy, Surroundings
from commands.policy.people import People
from commands.policy.question import Decision, Explanation, Question
from commands.ports import Standing
from commands.redaction import redact

log = logging.getLogger(__name__)

#: What the policy without a file is called.
PACKAGED = "the default that Tocsin comes with"
_LOOK_EVERY = timedelta(seconds=1)


@dataclass(frozen=True)
class _Seen:
    """How a file looked. A look at this is cheap; only when it differs is the file read."""

    modified: int
    size: int
    inode: int


class Policies:
    """Provides the core's Policing.

    Asked from the event loop, from transactions and from the engine's threads alike. Raises PolicyError at the start
    for a file that is wrong: then there is no last good one.
    """

    def __init__(self, file: Path | None, around: Surroundings, now: Callable[[], datetime]) -> None:
        self._file = file
        self._around = around
        self._now = now
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._looked = now()
        self._seen = _look(file)
        self._policy = parse(read_text(file) if file else default_text(), self.source, around)
        self._since = self._looked
        self._wrong = ""

    @property
    def source(self) -> str:
        """Where the policy is from."""
        return str(self._file) if self._file else PACKAGED

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this after each change, from any thread; it must not block."""
        self._listeners.append(listener)

    # ------------------------------------------------------------ Policing

    def decide(self, question: Question) -> Decision:
        """See Policing."""
        return deciding.decide(self.current(), question)

    def explain(self, question: Question) -> Explanation:
        """See Policing."""
        return deciding.explain(self.current(), question)

    def could(self, question: Question) -> bool:
        """See Policing."""
        return deciding.could(self.current(), question)

    def who_could(self, question: Question) -> People | None:
        """See Policing."""
        return deciding.who_could(self.current(), question)

    def standing(self) -> Standing:
        """See Policing."""
        policy = self.current()
        with self._lock:
            return Standing(policy, self.source, self._since, self._wrong)

    # ------------------------------------------------------------ the file

    def current(self) -> Policy:
        """The policy in force at this moment."""
        with self._lock:
            before = self._policy.version
            if self._file and abs(self._now() - self._looked) >= _LOOK_EVERY:
                self._refresh(self._file)
            policy = self._policy
        if policy.version != before:
            for listener in self._listeners:
                listener()
        return policy

    def _refresh(self, file: Path) -> None:
        self._looked = self._now()
        seen = _look(file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            policy = parse(read_text(file), self.source, self._around)
        except PolicyError as error:
            self._wrong = redact(str(error))
            log.error("the policy %s stays in force: %s", self._policy.version, self._wrong)
            return
        self._wrong = ""
        if policy.version != self._policy.version:
            log.warning("the policy changed from %s to %s (%s)", self._policy.version, policy.version, file)
            self._policy, self._since = policy, self._looked


def _look(file: Path | None) -> _Seen | None:
    """None where there is no file, or none that can be looked at."""
    try:
        stat = file.stat() if file else None
    except OSError:
        return None
    return _Seen(stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat else None


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


class PolicyAudit:
    """Writes each change of the policy to the audit, once over all processes; a database that is away is waited for."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        policies.on_change(lambda: _wake(loop, self._changed))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.once()
            except BaseException:
                self._changed.set()  # whoever starts this again begins with what was missed
                raise

    async def once(self) -> None:
        """Tell the audit which policy is in force."""
        await self._store.transact("policy", self.note)

    def note(self, tx: SqlTransaction) -> None:
        """See `once`; within a transaction."""
        standing = self._policies.standing()
        note(tx, standing.policy.version, standing.source)
