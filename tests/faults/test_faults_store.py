"""The store fails: a clear message, nothing lost, the process stays up, and it goes on when the store is back."""

from __future__ import annotations

import resource
import signal
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from bot.store.database import Database
from bot.store.errors import StoreUnavailable
from bot.store.plans import SqlPlans
from commands.domain.plan import PlanState
from tests.fakes import START
from tests.faults.client import Refused
from tests.faults.processes import BotProcess, Scene, scene
from tests.locking import locked
from tests.simulators.gateway.server import GatewaySimulator
from tests.waiting import eventually

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
IMPATIENT = {"busy_timeout_seconds": 0.3}


def refused(acting: Scene, text: str, *, delivery: str) -> Refused:
    """Type a line that the bot cannot store; what it answers."""
    with pytest.raises(Refused) as caught:
        acting.bot.console.command("ana", "general", text, delivery=delivery)
    return caught.value


def test_a_locked_database_is_said_and_the_same_line_works_afterwards(
    tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, sqlite_url, gateway, store=IMPATIENT) as acting:
        with locked(sqlite_url):
            answer = refused(acting, "/incident declare sev1 locked out", delivery="declare-1")
            assert answer.status == 503
            assert answer.message.startswith("The database is locked by another program: close it. Nothing was stored")
            assert acting.record.incidents() == []
        key = acting.answer("ana", "general", "/incident declare sev1 locked out", delivery="declare-1")
        assert acting.record.card(key).title == "Declared: SEV1 · locked out"
        assert len(acting.record.incidents()) == 1
        acting.record.check()


def test_a_mitigation_waits_for_a_database_that_is_locked_in_its_middle(
    tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, sqlite_url, gateway, store=IMPATIENT) as acting:
        channel = acting.declare("declare-1")
        plan_id = acting.plan(channel, "/gw scale 5", delivery="scale-0001")
        held = gateway.faults.hold("GET /admin/operations")
        acting.confirm(plan_id, channel)
        assert held.arrived.wait(30)
        with locked(sqlite_url):
            held.release()
            eventually(lambda: "waits for the store" in acting.bot.said(), "the step meets the lock")
        plan = eventually(lambda: acting.record.ended(plan_id), f"{plan_id} ends")
        assert (plan.state, gateway.state.effects[plan_id]) == (PlanState.DONE, 1)
        acting.record.check_plan(plan, began=True)


def test_a_diagnostic_waits_for_a_database_that_is_locked_in_its_middle(
    tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, sqlite_url, gateway, store=IMPATIENT) as acting:
        held = gateway.faults.hold("GET /admin/status")
        acting.bot.console.command("ana", "general", "/gw status", delivery="status-1")
        assert held.arrived.wait(30)
        with locked(sqlite_url):
            held.release()
            eventually(lambda: "is kept for later" in acting.bot.said(), "the answer meets the lock")
        acting.answered("status-1")


def test_a_full_disk_is_said_and_nothing_is_lost_when_there_is_space_again(
    tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator
) -> None:
    """No file of the process may grow: what a disk without space does, without filling one."""
    with scene(tmp_path, sqlite_url, gateway) as acting:
        channel = acting.declare("declare-1")
        bot = psutil.Process(acting.bot.pid)
        bot.rlimit(psutil.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        answer = refused(acting, "/incident declare sev1 " + "x" * 250, delivery="declare-2")
        assert answer.status == 503
        assert "disk" in answer.message
        assert "Nothing was stored" in answer.message
        bot.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        acting.answer("ana", channel, "/incident note there is space again", delivery="note-0001")
        acting.answer("ana", "general", "/incident declare sev1 " + "x" * 250, delivery="declare-2")
        assert len(acting.record.incidents()) == 2
        acting.record.check()
        plan_id = acting.plan(channel, "/gw scale 5", delivery="scale-0001")
        acting.confirm(plan_id, channel)
        assert eventually(lambda: acting.record.ended(plan_id), "it ends").state is PlanState.DONE


def test_a_second_process_on_the_same_file_is_told_which_one_has_it(
    tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, sqlite_url, gateway) as acting:
        second = BotProcess(tmp_path, sqlite_url, gateway.url, name="second")
        try:
            assert second.launch().wait(60) == 1
        finally:
            second.stop()
        assert second.said() == (
            f"Another Tocsin (process {acting.bot.pid}) already uses {sqlite_url.removeprefix('sqlite:///')}. "
            "Stop it, or give this one its own database_url; several on one database need Postgres.\n"
        )
        acting.declare("declare-1")


def test_a_stop_in_the_middle_of_a_mitigation_leaves_it_to_the_next_start(acting: Scene) -> None:
    """SIGTERM, as a deployment sends it: not an end of the work either."""
    unique = uuid.uuid4().hex
    channel = acting.declare(f"declare-{unique}")
    plan_id = acting.plan(channel, "/gw scale 5", delivery=f"scale-{unique}")
    held = acting.gateway.faults.hold("GET /admin/operations")
    acting.confirm(plan_id, channel)
    assert held.arrived.wait(30)
    _terminate(acting.bot)
    held.abandon()
    acting.record.age(acting.bot.pid)
    acting.bot.start()
    plan = eventually(lambda: acting.record.ended(plan_id), f"{plan_id} ends")
    assert (plan.state, acting.gateway.state.effects[plan_id]) == (PlanState.DONE, 1)
    acting.record.check_plan(plan, began=True)


def _terminate(bot: BotProcess) -> None:
    process = psutil.Process(bot.pid)
    process.send_signal(signal.SIGTERM)
    eventually(lambda: not bot.is_alive, "the bot ends")


def test_a_read_only_database_is_said_at_the_start(tmp_path: Path, sqlite_url: str, gateway: GatewaySimulator) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with scene(tmp_path, sqlite_url, gateway):
        pass
    bot = BotProcess(tmp_path, f"sqlite:///file:{file}?mode=ro&uri=true", gateway.url, name="reader")
    try:
        assert bot.launch().wait(60) == 1
    finally:
        bot.stop()
    assert "read-only: check its owner and permissions" in bot.said()
    assert "Traceback" not in bot.said()


@pytest.mark.postgres
def test_postgres_that_cuts_every_connection_is_found_again(
    tmp_path: Path, postgres_url: str, gateway: GatewaySimulator
) -> None:
    """What a restart of the server does to the bot, in the middle of a mitigation."""
    with scene(tmp_path, postgres_url, gateway) as acting:
        channel = acting.declare("declare-1")
        plan_id = acting.plan(channel, "/gw scale 5", delivery="scale-0001")
        held = gateway.faults.hold("POST /admin/scale", "after")
        acting.confirm(plan_id, channel)
        assert held.arrived.wait(30)
        for _ in range(3):
            acting.record.rows(CUT)
        held.release()
        plan = eventually(lambda: acting.record.ended(plan_id), f"{plan_id} ends")
        assert (plan.state, gateway.state.effects[plan_id]) == (PlanState.DONE, 1)
        assert acting.bot.is_alive
        acting.answer("ana", channel, "/incident note still here", delivery="note-0001")
        acting.record.check_plan(plan, began=True)


def test_no_database_at_the_start_is_one_clear_line(tmp_path: Path, gateway: GatewaySimulator) -> None:
    bot = BotProcess(tmp_path, "postgresql://tocsin:secret-word@127.0.0.1:1/tocsin", gateway.url)
    try:
        assert bot.launch_program().wait(60) == 1
    finally:
        bot.stop()
    assert "The database cannot be reached" in bot.said()
    assert "Traceback" not in bot.said()
    assert "secret-word" not in bot.said()


@pytest.mark.parametrize("made", [0o644, None])
def test_the_record_is_for_nobody_else_on_the_machine(tmp_path: Path, made: int | None) -> None:
    """Whoever made the file, and with whatever umask."""
    file = tmp_path / "tocsin.db"
    if made:
        file.touch()
        file.chmod(made)
    Database(f"sqlite:///{file}").close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"The database file .* cannot be used"):
        Database(f"sqlite:///{tmp_path / 'file' / 'below' / 'tocsin.db'}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "database_url = 'nonsense': it is no address of a database"),
        ("postgresql+asyncpg://t:hunter2@h/d", "postgresql+asyncpg is no database that Tocsin uses"),
        ("sqlite:///{file}/below/tocsin.db", "cannot be used: "),
    ],
)
def test_serve_with_a_database_that_cannot_be_is_one_clear_message(
    tmp_path: Path, gateway: GatewaySimulator, url: str, said: str
) -> None:
    (tmp_path / "file").touch()
    bot = BotProcess(tmp_path, url.format(file=tmp_path / "file"), gateway.url)
    try:
        assert bot.launch().wait(60) == 1
    finally:
        bot.stop()
    assert said in bot.said()
    assert "Traceback" not in bot.said()
    assert "hunter2" not in bot.said()


@pytest.mark.postgres
def test_two_plans_of_one_service_are_counted_one_after_the_other(postgres_url: str) -> None:
    """Who comes second waits until the first has been stored, and then counts it; another service does not wait."""
    database = Database(postgres_url, busy_timeout=20)
    holds, go_on, order = threading.Event(), threading.Event(), list[str]()

    def first(connection: sa.Connection) -> None:
        SqlPlans(connection, START).one_at_a_time("gateway")
        holds.set()
        assert go_on.wait(30)
        order.append("first")

    def later(name: str, service: str) -> None:
        def work(connection: sa.Connection) -> None:
            SqlPlans(connection, START).one_at_a_time(service)
            order.append(name)

        database.write_now(work)

    def waits() -> bool:
        query = sa.text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return database.read_now(lambda connection: connection.execute(query).first() is not None)

    with ThreadPoolExecutor(2) as threads:
        try:
            one = threads.submit(database.write_now, first)
            assert holds.wait(30)
            two = threads.submit(later, "second", "gateway")
            eventually(waits, "the second waits")
            later("another service", "orders")
        finally:
            go_on.set()
        one.result(30)
        two.result(30)
    database.close()
    assert order == ["another service", "first", "second"]
