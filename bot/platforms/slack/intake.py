"""Takes deliveries in: verified by Bolt, stored, acknowledged, and only then worked, from the store.

Bolt acknowledges an event before its listener runs, so a crash in between would lose it. Here the first of two Bolt
apps verifies and stores; the second, `listeners`, does the work and may be asked again after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.platforms.slack.arriving import arrival_of, is_chatter, rest_of
from bot.platforms.slack.places import PLATFORM
from bot.platforms.slack.web import Barred, Busy, Unclear
from bot.store import arrivals
from bot.store.arrivals import Arrival, Finished, Keeping
from bot.store.errors import StoreUnavailable
from bot.store.transaction import Store
from bot.supervised import repeated
from commands.ports import Clock

log = logging.getLogger(__name__)

_LOOK_SECONDS, _SILENT_SECONDS, _LAST_SECONDS, _ATTEMPTS = 2.0, 10.0, 1.0, 6
#: Slack waits for three seconds; an answer needs its way.
PATIENCE_SECONDS = 2.4
#: While Slack, or the way to it, is out of order: nothing is given up for that, and it is asked at least this often.
_AWAY = (Busy, Unclear, Barred)
_LONGEST_SECONDS = 60.0
_PRUNE_EVERY = timedelta(hours=1)
_NOT_STORED = "Tocsin could not store that, so nothing happened. Please send it again in a moment."

#: Does the work of one arrival; raises what may be tried again.
Work = Callable[[Arrival], Awaitable[None]]
#: What must happen within Slack's three seconds, before anything is stored: opening a view.
AtOnce = Callable[[dict[str, Any]], dict[str, Any] | None]


def front(receive: Callable[[dict[str, Any]], Awaitable[BoltResponse]], signing_secret: str, **oauth: Any) -> AsyncApp:
    """The Bolt app that Slack meets: it verifies the signature and hands the body on."""

    async def take(req: AsyncBoltRequest) -> BoltResponse:
        if req.body.get("type") == "url_verification":
            return BoltResponse(status=200, body={"challenge": req.body.get("challenge", "")})
        return await receive(dict(req.body))

    quiet = logging.getLogger("slack_bolt.front")
    quiet.setLevel(logging.WARNING)  # below, Bolt writes the body of each request that it refuses
    return AsyncApp(
        name="front",
        logger=quiet,
        signing_secret=signing_secret or "socket mode is not signed",
        before_authorize=take,
        request_verification_enabled=bool(signing_secret),
        **(oauth or {"authorize": _nobody}),
    )


async def _nobody() -> AuthorizeResult | None:
    """Never asked: every request ends before it is authorised; that is done when it is worked."""
    return None


class Intake:
    """Stores, acknowledges, and works what is stored, in the order of each lane."""

    def __init__(self, store: Store, clock: Clock, work: Work, at_once: AtOnce, give_up: Work) -> None:
        self._store = store
        self._clock = clock
        self._work = work
        self._at_once = at_once
        self._give_up = give_up
        self._lanes: dict[str, deque[Arrival]] = defaultdict(deque)
        self._working: dict[str, asyncio.Task[None]] = {}
        self._here: set[str] = set()
        self._finished: list[Finished] = []
        self._marking: asyncio.Task[None] | None = None
        self._pruned = clock.now()

    async def receive(self, body: dict[str, Any]) -> BoltResponse:
        """Slack's delivery in, its acknowledgement out. Nothing is acknowledged that is not stored."""
        if is_chatter(body):
            return BoltResponse(status=200, body="")
        said = self._at_once(body)
        arrival = arrival_of(body, self._clock.now())
        try:
            fresh = await self._keep(arrival)
        except StoreUnavailable as gone:
            log.warning("a delivery of Slack was not taken: %s", gone)
            return _not_taken(body)
        if fresh:
            self._add(arrival)
        return BoltResponse(status=200, body=said or "")

    async def _keep(self, arrival: Arrival) -> bool:
        """Store it in time for the acknowledgement, or not at all: whoever reads that it failed will do it again."""
        keeping = Keeping(arrival, self._store.owner)
        storing = asyncio.ensure_future(self._store.database.write(keeping.store, urgent=True))
        done, _ = await asyncio.wait({storing}, timeout=PATIENCE_SECONDS)
        if not done and keeping.give_up():
            storing.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise StoreUnavailable(f"The database was not ready within {PATIENCE_SECONDS:.1f} s.")
        return await storing

    def _add(self, arrival: Arrival) -> None:
        if arrival.id in self._here:
            return
        self._here.add(arrival.id)
        self._lanes[arrival.lane].append(arrival)
        if arrival.lane not in self._working:
            self._working[arrival.lane] = asyncio.create_task(self._drain(arrival.lane))

    async def _drain(self, lane: str) -> None:
        try:
            while self._lanes[lane]:
                arrival = self._lanes[lane].popleft()
                try:
                    await self._finish(arrival)
                except BaseException:
                    self._here.discard(arrival.id)
                    raise
        finally:  # what is left here, whatever happened, is found again in the store
            self._here.difference_update(left.id for left in self._lanes.pop(lane, ()))
            self._working.pop(lane, None)

    async def _finish(self, arrival: Arrival) -> None:
        """Until it is done, or given up with a word about it. The trouble of the store and of Slack is waited out.

        Of Slack for two days: what it answers with an error for ever holds up its lane no longer.
        """
        attempt, pause = arrival.attempts, 1.0
        while True:
            try:
                await self._try(arrival, attempt)
                self._mark(arrival)
                return
            except Exception as error:
                if _is_from(error, StoreUnavailable):
                    log.warning("%s waits: %s", arrival.id, error)
                    await asyncio.sleep(_LOOK_SECONDS)
                elif _is_from(error, _AWAY):
                    log.warning("%s waits for Slack: %s", arrival.id, error)
                    if self._clock.now() - arrival.received_at > arrivals.KEEP:
                        attempt = max(attempt + 1, _ATTEMPTS)
                    await self._clock.sleep(pause)
                    pause = min(2 * pause, _LONGEST_SECONDS)
                else:
                    log.exception("%s failed, attempt %s", arrival.id, attempt + 1)
                    attempt += 1
                    await self._count(arrival)
                    await self._clock.sleep(min(0.5 * 2**attempt, 30))

    async def _try(self, arrival: Arrival, attempt: int) -> None:
        """After the last attempt, a word about it; where not even that could be said, it is in the log."""
        if attempt < _ATTEMPTS:
            await self._work(arrival)
        elif attempt == _ATTEMPTS:
            await self._give_up(arrival)

    def _mark(self, arrival: Arrival) -> None:
        """Its lane goes on meanwhile: what a crash leaves unmarked is worked again, and found to be done."""
        self._finished.append(Finished(arrival.id, self._clock.now(), rest_of(arrival.payload)))
        if self._marking is None:
            self._marking = asyncio.create_task(self._mark_all())

    async def _mark_all(self) -> None:
        """In one transaction all that were finished while the last one was written."""
        try:
            while self._finished:
                batch = tuple(self._finished)
                try:
                    await self._store.database.write(partial(arrivals.finish, finished=batch))
                except StoreUnavailable as gone:
                    log.warning("%d deliveries are done and wait to be marked: %s", len(batch), gone)
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                except Exception:
                    log.exception("%d deliveries are done, could not be marked, and are looked at again", len(batch))
                del self._finished[: len(batch)]
                self._here.difference_update(one.id for one in batch)
        finally:
            self._marking = None

    async def _count(self, arrival: Arrival) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._store.database.write(lambda c: arrivals.tried(c, arrival.id))

    async def run(self) -> None:
        """Take over what a process that is gone has left, until cancelled."""
        await repeated("deliveries of Slack", self._look, lambda: asyncio.sleep(_LOOK_SECONDS))

    async def _look(self) -> None:
        owner = self._store.owner
        silent = None if self._store.database.is_sqlite else _SILENT_SECONDS
        left = await self._store.database.read(lambda c: arrivals.orphans(c, PLATFORM, owner=owner, silent_for=silent))
        left += [
            one
            for one in await self._store.database.read(lambda c: arrivals.own(c, PLATFORM, owner=owner))
            if one not in self._here
        ]
        for arrival in await self._store.database.write(lambda c: arrivals.adopt(c, left, owner=owner)) if left else ():
            self._add(arrival)
        await self._prune()

    async def _prune(self) -> None:
        now = self._clock.now()
        if now - self._pruned > _PRUNE_EVERY:
            self._pruned = now
            await self._store.database.write(lambda c: arrivals.prune(c, now - arrivals.KEEP))

    async def drain(self) -> None:
        """Wait for what is being worked on, and until it is marked."""
        while self._working or self._marking:
            marking = [self._marking] if self._marking else []
            await asyncio.gather(*self._working.values(), *marking, return_exceptions=True)

    async def close(self) -> None:
        """Stop working; what is not finished is taken up by the next process."""
        working = list(self._working.values())
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        if self._marking is not None:
            _, late = await asyncio.wait({self._marking}, timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _is_from(error: BaseException, kinds: type[Exception] | tuple[type[Exception], ...]) -> bool:
    return isinstance(error, kinds) or isinstance(error.__cause__, kinds)


def _not_taken(body: dict[str, Any]) -> BoltResponse:
    """An event comes again by itself; a person is told to do it again."""
    if body.get("command"):
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": _NOT_STORED})
    return BoltResponse(status=503, body="")
