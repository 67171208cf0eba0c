"""The durable engine: dbos on the bot's own database, behind a small port (durable.md).

The pitfalls of durable.md that are handled here: the application version is pinned (1), the executor id is
unique per boot (2), a dead replica's work is recovered by our reaper (3), inputs are portable JSON (7),
queues are polled calmly (8; what somebody waits for is looked for at once), finished work is collected (9), and nothing
of dbos is seen outside (10).
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer
from dbos._core import execute_dequeued_workflow
from dbos._utils import GlobalParams

from bot.engine.prompt import Prompt
from bot.store.database import Database
from bot.store.errors import StoreUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Pinned by hand. Raise it only together with code that still runs the workflows of the version before.
APPLICATION_VERSION = "tocsin-1"
_SERIAL, _WORK = "serial", "work"
_PATIENCE_SECONDS = 2.0
#: How long an end waits for what is in flight.
_GRACE_SECONDS = 2.0


class Steps(Protocol):
    """What a workflow is given: each step's result is kept, and a step that is done is not run again."""

    def run(self, name: str, step: Callable[[], T], *, otherwise: Callable[[Exception], T] | None = None) -> T:
        """Run a step once. While the store takes nothing it is tried again; `otherwise` answers any other error."""


Workflow = Callable[[Steps, dict[str, Any]], None]


class Durable(Protocol):
    """Durable work by name. A key is unique while its work is kept: the same key again is the same piece of work."""

    def register(self, name: str, workflow: Workflow) -> None: ...

    def enqueue(
        self,
        connection: sa.Connection,
        workflow: str,
        *,
        key: str,
        payload: dict[str, Any],
        partition: str | None,
        delay: timedelta | None,
    ) -> None: ...

    def launch(self) -> None: ...

    def committed(self) -> None:
        """A transaction was committed, perhaps one that enqueued. From any thread; does not block."""

    def recover(self, executors: list[str]) -> None:
        """Run on what dead executors had begun. May be called twice for the same."""

    def collect(self, older_than: timedelta) -> None:
        """Forget finished work."""

    def close(self) -> None: ...


class _Ending(BaseException):
    """This process ends in the middle of a step. The engine records no such thing, so the next life goes on there."""


class _DbosSteps:
    """Each result is kept as plain JSON. An error that the engine saw would be the end of the work, for good."""

    def __init__(self, ending: threading.Event) -> None:
        self._ending = ending

    def run(self, name: str, step: Callable[[], T], *, otherwise: Callable[[Exception], T] | None = None) -> T:
        return DBOS.run_step({"name": name}, lambda: self._insist(name, step, otherwise))

    def _insist(self, name: str, step: Callable[[], T], otherwise: Callable[[Exception], T] | None) -> T:
        while True:
            try:
                return step()
            except Exception as error:
                if isinstance(error, CancelledError) or self._ending.is_set():
                    raise _Ending from error
                if isinstance(error, StoreUnavailable):
                    self._wait(name, error)
                elif otherwise:
                    log.exception("step %s failed", name)
                    step, otherwise = partial(otherwise, error), None
                else:
                    raise

    def _wait(self, name: str, gone: StoreUnavailable) -> None:
        log.warning("step %s waits for the store: %s", name, gone)
        if self._ending.wait(_PATIENCE_SECONDS):
            raise _Ending from gone


class _InFlight:
    """Counts the workflows that run here; the engine itself would make every end wait for a second."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0

    def __enter__(self) -> None:
        with self._changed:
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def wait_for_none(self, seconds: float) -> None:
        """Until nothing runs, but no longer than this."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, timeout=seconds)


class DbosDurable:
    """One per process: dbos keeps global state."""

    def __init__(self, database: Database, *, executor: str, poll_seconds: float = 0.5) -> None:
        self._poll = poll_seconds
        self._ending = threading.Event()
        self._in_flight = _InFlight()
        logging.getLogger("dbos").setLevel(logging.WARNING)
        self._url, self._database_is_sqlite = database.url, database.is_sqlite
        config = DBOSConfig(
            name="tocsin",
            system_database_url=database.url,
            serializer=DBOSPortableJSONSerializer(),
            application_version=APPLICATION_VERSION,
            executor_id=executor,
            log_level="WARNING",
            use_listen_notify=not database.is_sqlite,
            max_executor_threads=32,
            sys_db_pool_size=8,  # of a Postgres that has a hundred connections for everybody
        )
        self._dbos = DBOS(config=config)
        self._client: DBOSClient | None = None
        self._prompt = Prompt(self._take)

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known; before `launch`."""

        def run(payload: dict[str, Any]) -> None:
            with self._in_flight:
                workflow(_DbosSteps(self._ending), payload)

        run.__qualname__ = run.__name__ = name
        DBOS.workflow(name=name)(run)

    def launch(self) -> None:
        """Create the engine's tables where they are missing, and begin to work."""
        DBOS.launch()
        DBOS.register_queue(_WORK, worker_concurrency=16, polling_interval_sec=self._poll)
        DBOS.register_queue(_SERIAL, partition_concurrency=1, polling_interval_sec=self._poll)
        self._client = DBOSClient(
            system_database_url=self._url,
            application_name="tocsin",
            serializer=DBOSPortableJSONSerializer(),
            system_database_pool_size=2,
        )
        self._prompt.start()

    def enqueue(
        self,
        connection: sa.Connection,
        workflow: str,
        *,
        key: str,
        payload: dict[str, Any],
        partition: str | None,
        delay: timedelta | None,
    ) -> None:
        """Enqueue on the caller's transaction. Work of one partition runs one after the other."""
        assert self._client is not None, "launch() comes first"
        options: Any = {
            "workflow_name": workflow,
            "workflow_id": key,
            "app_version": APPLICATION_VERSION,
            "queue_name": _SERIAL if partition else _WORK,
        }
        if partition:
            options["queue_partition_key"] = partition
            self._prompt.expect()
        if delay:
            options["delay_seconds"] = max(delay.total_seconds(), 0.001)
        self._client.enqueue_in_transaction(connection, options, payload)

    def committed(self) -> None:
        """See Durable."""
        self._prompt.committed()

    def _take(self) -> bool:
        """What the engine's own worker does at each look; of two that look at once, one gets it."""
        system, owner = self._dbos._sys_db, uuid.uuid4().hex
        queue = system.get_queue(_SERIAL)
        if queue is None or self._ending.is_set():
            return False
        claimed = system.start_queued_partitioned_workflows(
            queue, GlobalParams.executor_id, GlobalParams.app_version, owner_xid=owner
        )
        for workflow in claimed:
            self._dispatch(workflow, owner)
        return bool(claimed)

    def _dispatch(self, workflow: str, owner: str) -> None:
        """Run what was claimed; what cannot be run now is put back, so that it holds up nothing."""
        system = self._dbos._sys_db
        try:
            status = system.get_workflow_status(workflow)
            if status is not None:
                execute_dequeued_workflow(self._dbos, status, owner)
        except Exception:
            log.exception("work %s was taken and not begun; it is put back", workflow)
            system.reenqueue_for_recovery(workflow, [GlobalParams.executor_id], _SERIAL)

    def recover(self, executors: list[str]) -> None:
        """See Durable."""
        if executors:
            DBOS._recover_pending_workflows(executors)

    def collect(self, older_than: timedelta) -> None:
        """See Durable."""
        assert self._client is not None, "launch() comes first"
        before = (datetime.now(UTC) - older_than).isoformat()
        done = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            end_time=before,
            limit=1000,
            load_input=False,
            load_output=False,
        )
        self._client.delete_workflows([one.workflow_id for one in done])

    def close(self) -> None:
        """Stop taking work; what is in flight is given a moment, and goes on at the next start."""
        self._ending.set()
        self._prompt.close()
        if self._client:
            self._client.destroy()
        self._in_flight.wait_for_none(_GRACE_SECONDS)
        self._leave_the_listener()
        DBOS.destroy(destroy_registry=True)

    def _leave_the_listener(self) -> None:
        """Between its looks at a SQLite file for events, which nothing here uses, it sleeps: no end waits for that."""
        if self._database_is_sqlite:
            threads = self._dbos._background_threads
            self._dbos._background_threads = [one for one in threads if not _listens(one)]


def _listens(thread: threading.Thread) -> bool:
    return getattr(getattr(thread, "_target", None), "__name__", "") == "run_notification_listener"
