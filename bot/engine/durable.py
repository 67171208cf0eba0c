"""The durable engine: dbos on the bot's own database, behind a small port (durable.md).

The pitfalls of durable.md that are handled here: the application version is pinned (1), the executor id is
unique per boot (2), a dead replica's work is recovered by our reaper (3), inputs are portable JSON (7),
queues are polled calmly (8), finished work is collected (9), and nothing of dbos is seen outside (10).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

from bot.store.database import Database

T = TypeVar("T")

#: Pinned by hand. Raise it only together with code that still runs the workflows of the version before.
APPLICATION_VERSION = "tocsin-1"
_SERIAL, _WORK = "serial", "work"


class Steps(Protocol):
    """What a workflow is given: each step's result is kept, and a step that is done is not run again."""

    def run(self, name: str, step: Callable[[], T]) -> T: ...


Workflow = Callable[[Steps, dict[str, Any]], None]


class Durable(Protocol):
    """Durable work by name. A key is unique for ever: the same key again is the same piece of work."""

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

    def recover(self, executors: list[str]) -> None:
        """Run on what dead executors had begun. May be called twice for the same."""

    def collect(self, older_than: timedelta) -> None:
        """Forget finished work."""

    def close(self) -> None: ...


class _DbosSteps:
    """Each result is kept as plain JSON."""

    def run(self, name: str, step: Callable[[], T]) -> T:
        return DBOS.run_step({"name": name}, step)


class DbosDurable:
    """One per process: dbos keeps global state."""

    def __init__(self, database: Database, *, executor: str, poll_seconds: float = 0.2) -> None:
        self._poll = poll_seconds
        logging.getLogger("dbos").setLevel(logging.WARNING)
        self._url = database.url
        config = DBOSConfig(
            name="tocsin",
            system_database_url=database.url,
            serializer=DBOSPortableJSONSerializer(),
            application_version=APPLICATION_VERSION,
            executor_id=executor,
            log_level="WARNING",
            use_listen_notify=not database.is_sqlite,
            notification_listener_polling_interval_sec=1.0,
            max_executor_threads=32,
        )
        self._dbos = DBOS(config=config)
        self._client: DBOSClient | None = None

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known; before `launch`."""

        def run(payload: dict[str, Any]) -> None:
            workflow(_DbosSteps(), payload)

        run.__qualname__ = run.__name__ = name
        DBOS.workflow(name=name)(run)

    def launch(self) -> None:
        """Create the engine's tables where they are missing, and begin to work."""
        DBOS.launch()
        DBOS.register_queue(_WORK, worker_concurrency=16, polling_interval_sec=self._poll)
        DBOS.register_queue(_SERIAL, partition_concurrency=1, polling_interval_sec=self._poll)
        self._client = DBOSClient(
            system_database_url=self._url, application_name="tocsin", serializer=DBOSPortableJSONSerializer()
        )

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
        if delay:
            options["delay_seconds"] = max(delay.total_seconds(), 0.001)
        self._client.enqueue_in_transaction(connection, options, payload)

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
        if self._client:
            self._client.destroy()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=2)
