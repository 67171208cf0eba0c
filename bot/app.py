"""The composition root: the one place that picks the concretes and puts them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from bot import drills, keeper
from bot.alerts.receiving import AlertsDoor, Receiving
from bot.alerts.rules_file import rules_of
from bot.alerts.working import AlertWork
from bot.anchoring.checking import Anchorage, anchorage
from bot.anchoring.signing import AnchorError
from bot.delivery import OwnIntake
from bot.engine.durable import DbosDurable, Durable
from bot.engine.leases import Leases
from bot.engine.mitigate import Mitigate, Pace
from bot.engine.postmortem import DraftPostmortem
from bot.engine.report import MakeReport
from bot.errands import Runners
from bot.integrations import runners
from bot.keeper import Keeper
from bot.loops import loops
from bot.outside import Outside
from bot.paging.answering import Answers
from bot.paging.pager import Pager
from bot.papers import PaperDesk
from bot.pipeline import Pipeline
from bot.platforms import Connected, Parts
from bot.platforms import discover as discover_platforms
from bot.platforms.console.app import build as build_console
from bot.platforms.console.hub import Hub
from bot.platforms.console.platform import ConsolePlatform
from bot.platforms.console.public_page import Board, PublicPage
from bot.platforms.console.settings import netloc
from bot.policies import Policies, PolicyAudit
from bot.policy_file import PolicyError, surroundings
from bot.settings import Settings, SettingsError, sections
from bot.signing import signing_secret
from bot.store.audit import StoreAuditor
from bot.store.chat import ChatRecord
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.plans import StoreLedger
from bot.store.transaction import SqlTransaction, Store
from bot.texts import JinjaTexts
from bot.world.connecting import notice
from commands import drafting, drilling, policed, reporting
from commands.alerts.grouping import Folding
from commands.alerts.taking import Desk
from commands.context import Limits, Services
from commands.domain.errand import Integration
from commands.domain.location import HERE
from commands.errors import Conflict
from commands.mitigation import leasing, ordering, proposing
from commands.people import Directory
from commands.ports import (
    Alterations,
    Auditor,
    Clock,
    Faults,
    Ledger,
    Policing,
    Room,
    Steering,
)
from commands.registry import Registry, discover

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class App:
    """The running bot: what a platform, a test or the drill needs of it."""

    settings: Settings
    store: Store
    record: ChatRecord
    pipeline: Pipeline
    registry: Registry
    services: Services
    console: FastAPI
    hub: Hub
    durable: Durable
    keeper: Keeper
    policy: PolicyAudit
    anchorage: Anchorage | None
    alerts: AlertWork | None
    runners: Runners = field(default_factory=dict)
    pager: Pager | None = None
    platforms: dict[str, Connected] = field(default_factory=dict)


def services(
    settings: Settings,
    found: Outside,
    registry: Registry,
    auditor: Auditor,
    ledger: Ledger,
    policy: Policing,
    integrations: Iterable[Integration] = (),
) -> Services:
    """The core's view of the outside and of the configuration."""
    limits = Limits(**settings.policy.model_dump(exclude={"file"}))
    return Services(
        deployments=found.deployments,
        telemetry=found.telemetry,
        logs=found.logs,
        on_call=found.on_call,
        clock=found.clock,
        texts=JinjaTexts(),
        auditor=auditor,
        ledger=ledger,
        scheme=settings.scheme(),
        directory=Directory(settings.persons()),
        limits=limits,
        objectives=settings.objectives,
        registry=registry,
        policy=policy,
        default_service=settings.gateway.name,
        announce_in=settings.announce_in,
        postmortem_template=settings.postmortem_template,
        zone=settings.timezone,
        pages_at=address_of(settings),
        bookmarks=settings.bookmarks,
        invited=settings.invite,
        inspection=getattr(found.deployments, "inspection", None),
        usual=settings.kubernetes.usual(),
        several_places=getattr(found.deployments, "several", False),
        home=getattr(found.deployments, "home", HERE),
        alterations=found.deployments if isinstance(found.deployments, Alterations) else None,
        steering=found.deployments if isinstance(found.deployments, Steering) else None,
        offers=frozenset(getattr(found.deployments, "offers", ())),
        pace=settings.clocks.pace(),
        office_hours=settings.clocks.office_hours,
        publicity=settings.status_page.publicity(),
        integrations=tuple(integrations),
        checklists=settings.checklists,
        paging=settings.how_people_are_paged(),
        stakeholders=settings.places(),
        tickets=settings.tickets.desks(settings.scheme()),
        address=settings.address,
        scenarios=settings.drills.known(settings.scheme()),
        breakable=settings.drills.inject and isinstance(found.deployments, Faults),
    )


@contextlib.asynccontextmanager
async def running(settings: Settings, found: Outside) -> AsyncIterator[App]:
    """The bot without its listeners: store open, engine at work, loops running; all of it ended on the way out."""
    executor = f"tocsin-{uuid.uuid4().hex[:12]}"
    async with contextlib.AsyncExitStack() as ending:
        database = await asyncio.to_thread(_open_database, settings, executor)
        ending.push_async_callback(asyncio.to_thread, database.close)
        durable = DbosDurable(database, executor=executor)
        ending.push_async_callback(asyncio.to_thread, durable.close)
        app = _assemble(settings, found, database, durable, executor)
        parts = Parts(
            intake=app.pipeline,
            registry=app.registry,
            directory=app.services.directory,
            store=app.store,
            services=app.services,
            address=address_of(settings),
            people=tuple(settings.persons()),
            accounts=settings.accounts(),
        )
        platforms = connect(settings, parts)
        for one in platforms.values():
            ending.push_async_callback(one.close)
        ending.callback(app.hub.close)
        await asyncio.to_thread(durable.launch)
        await app.store.transact("standing-channels", lambda tx: _standing_channels(tx, settings))
        await app.policy.once()
        for one in platforms.values():
            await one.load()
        app.platforms.update(platforms)
        tasks = [asyncio.create_task(loop) for loop in loops(app, database, platforms)]
        ending.push_async_callback(_stop, app, tasks)
        yield app


def _open_database(settings: Settings, executor: str) -> Database:
    database = Database(settings.database_url, busy_timeout=settings.store.busy_timeout_seconds)
    try:
        migrate(database.engine)
        keeper.beat(database, executor)
    except BaseException:
        database.close()
        raise
    return database


def _assemble(settings: Settings, found: Outside, database: Database, durable: Durable, executor: str) -> App:
    store = Store(database, now=found.clock.now, owner=executor, enqueue=durable.enqueue)
    registry, hub = discover(), Hub()
    policies = policies_of(settings, registry, found.clock)
    anchored = _anchorage(settings)
    auditor = StoreAuditor(database, anchored.look if anchored else None)
    broken = drills.runners(store, found.deployments, found.clock.now, inject=settings.drills.inject)
    told = runners(store, found.pages, found.pager, found.world, lambda: known, settings.confluence, broken)
    known = services(settings, found, registry, auditor, StoreLedger(database), policies, told)
    pipeline = Pipeline(store, registry, known)
    record = ChatRecord(database, found.clock.now, store.committed)
    _register_workflows(durable, store, known, settings, executor)
    notice(store, known)
    drills.notice(store, known)
    store.on_commit(hub.wake)
    store.on_commit(durable.committed)
    days = timedelta(days=settings.store.keep_finished_work_days)
    console = _console(settings, pipeline, record, known, hub, store)
    return App(
        settings=settings,
        store=store,
        record=record,
        pipeline=pipeline,
        registry=registry,
        services=known,
        console=console,
        hub=hub,
        durable=durable,
        keeper=Keeper(store, durable, pipeline, found.clock, keep=days),
        policy=PolicyAudit(store, policies),
        anchorage=anchored,
        alerts=_alerts(settings, store, known, console, pipeline),
        runners=told,
        pager=found.pager,
    )


def _alerts(settings: Settings, store: Store, known: Services, console: FastAPI, intake: OwnIntake) -> AlertWork | None:
    """What works alerts off, where somebody may send them; the console's server takes them in."""
    mine = settings.alerts
    try:
        rules = rules_of(mine.rules, settings.scheme(), known.registry)
    except PolicyError as error:
        raise SettingsError(f"alerts.rules: {error}") from None
    if not mine.receivers:
        return None
    folding = Folding(timedelta(minutes=mine.window_minutes), mine.flaps, mine.most_groups)
    desk = Desk(known, rules, folding, timedelta(seconds=mine.tell_every_seconds), mine.platform)
    work = AlertWork(store, desk, intake, stale=timedelta(hours=mine.stale_hours))
    now, service = known.clock.now, settings.gateway.name
    answers = Answers(store, known)
    receiving = Receiving(mine, store.database, answers, now=now, service=service, taken=work.wake)
    console.add_middleware(AlertsDoor, receiving=receiving)
    return work


def _anchorage(settings: Settings) -> Anchorage | None:
    try:
        return anchorage(settings.audit)
    except AnchorError as error:
        raise SettingsError(f"audit: {error}") from None


def policies_of(settings: Settings, registry: Registry, clock: Clock) -> Policies:
    """The policy that the settings name, else the default. Raises SettingsError for a file that is wrong."""
    file = Path(settings.policy.file) if settings.policy.file else None
    try:
        return Policies(file, surroundings(registry, settings.scheme()), clock.now)
    except PolicyError as error:
        raise SettingsError(str(error)) from None


def _console(
    settings: Settings, pipeline: Pipeline, record: ChatRecord, known: Services, hub: Hub, store: Store
) -> FastAPI:
    console = build_console(
        intake=pipeline,
        record=record,
        papers=PaperDesk(store, known),
        commands=lambda person: policed.visible_to(person, known),
        directory=known.directory,
        settings=settings.console,
        hub=hub,
        secret=signing_secret(settings),
        version=version("tocsin"),
    )
    if settings.status_page.enabled:
        console.router.routes.extend(_public_page(settings, known, store).routes().routes)
    return console


def _public_page(settings: Settings, known: Services, store: Store) -> PublicPage:
    """What was published is all that it can reach."""

    async def board() -> Board:
        return await store.look(Board.of)

    page = settings.status_page
    return PublicPage(board, known.publicity, settings.timezone, page.history_days, address_of(settings))


def _register_workflows(durable: Durable, store: Store, known: Services, settings: Settings, executor: str) -> None:
    verify = settings.verify
    pace = Pace(
        poll=verify.poll_seconds,
        effect_within=verify.effect_within_seconds,
        effect_at_most=verify.effect_at_most_seconds,
        absent_for=verify.absent_for_seconds,
        verify_within=verify.within_seconds,
        verify_every=verify.every_seconds,
        readings=verify.readings,
    )
    mitigate = Mitigate(store, known, _from_threads(), executor=executor, pace=pace)
    durable.register(ordering.WORKFLOW, mitigate)
    durable.register(ordering.EARLIER, mitigate.earlier)
    durable.register(proposing.EXPIRY, mitigate.expire)
    leases = Leases(store, known, _from_threads())
    durable.register(leasing.NOTICE, leases.notice)
    durable.register(leasing.END, leases.end)
    durable.register(leasing.PROLONG, leases.prolong)
    durable.register(drilling.TIMER, drills.DrillTimer(store))
    durable.register(drafting.WORKFLOW, DraftPostmortem(store, known))
    durable.register(reporting.WORKFLOW, MakeReport(store, known))


def _from_threads() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on the main loop and waits for it in the calling thread of the engine."""
    loop = asyncio.get_running_loop()

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
        except RuntimeError:
            coroutine.close()  # the loop has ended: nobody awaits it any more
            raise

    return run


def _standing_channels(tx: SqlTransaction, settings: Settings) -> None:
    topics = {settings.announce_in: "Incidents are announced here"}
    for name in dict.fromkeys((settings.announce_in, *settings.channels)):
        room = Room(name=name, platform=ConsolePlatform.name, private=False, topic=topics.get(name, ""))
        try:
            tx.messages.open_channel(room)
        except Conflict as taken:
            raise SettingsError(f"channels: {taken.message} {taken.hint}") from None


def connect(settings: Settings, parts: Parts) -> dict[str, Connected]:
    """The platforms beside the console that the settings have. Raises SettingsError for unknown or wrong ones."""
    known = discover_platforms()
    return {name: known[name].connect(parts, section) for name, section in sections(settings).items()}


async def _stop(app: App, tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await app.pipeline.drain()


def address_of(settings: Settings) -> str:
    """Where people reach the bot's pages: the setting, else the console on this machine."""
    return (settings.address or f"http://{netloc(settings.console.host, settings.console.port)}").rstrip("/")
