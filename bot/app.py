"""The composition root: the one place that picks the concretes and puts them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from bot import keeper
from bot.adapters import Adapter
from bot.adapters import discover as discover_adapters
from bot.adapters.clock import SystemClock
from bot.anchoring.anchoring import Anchoring
from bot.anchoring.checking import Anchorage, anchorage
from bot.anchoring.signing import AnchorError
from bot.engine.durable import DbosDurable, Durable
from bot.engine.leases import Leases
from bot.engine.mitigate import Mitigate, Pace
from bot.engine.postmortem import DraftPostmortem
from bot.keeper import Keeper
from bot.pipeline import Pipeline
from bot.platforms import Connected, Parts
from bot.platforms import discover as discover_platforms
from bot.platforms.console.app import build as build_console
from bot.platforms.console.hub import Hub
from bot.platforms.console.platform import ConsolePlatform
from bot.platforms.console.settings import netloc
from bot.policies import Policies, PolicyAudit
from bot.policy_file import PolicyError, surroundings
from bot.sending.outbox import Outbox
from bot.sending.undelivered import Undelivered
from bot.settings import Settings, SettingsError, sections
from bot.signing import signing_secret
from bot.store.audit import StoreAuditor
from bot.store.chat import ChatRecord
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.plans import StoreLedger
from bot.store.transaction import SqlTransaction, Store
from bot.supervised import supervised
from bot.watch import Watch
from commands import drafting, policed
from commands.context import Limits, Services
from commands.domain.incident import Status
from commands.domain.location import HERE
from commands.errors import Conflict
from commands.mitigation import deciding, leasing, proposing
from commands.people import Directory
from commands.ports import (
    Alterations,
    Auditor,
    ChatPlatform,
    Clock,
    Deployments,
    Ledger,
    Logs,
    OnCall,
    Policing,
    Room,
    Telemetry,
)
from commands.postmortem import Report
from commands.registry import Registry, discover
from templates.render import render

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outside:
    """The adapters of the outside; tests pass their own."""

    deployments: Deployments
    telemetry: Telemetry
    logs: Logs
    on_call: OnCall
    clock: Clock


class JinjaTexts:
    """The Texts port: the templates of `templates/status/`."""

    def status_update(self, status: Status, values: Mapping[str, Any]) -> str:
        """See Texts."""
        return render(f"status/{status.value}.txt.j2", **values).strip()


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
    platforms: dict[str, Connected] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    """The adapters that the settings choose. Raises SettingsError for a name that no adapter has."""
    known = discover_adapters()
    made: dict[Adapter, Any] = {}
    chosen: dict[str, Any] = {}
    for port, name in settings.adapters.model_dump().items():
        adapter = known.get((port, name))
        if adapter is None:
            allowed = ", ".join(sorted(one for other, one in known if other == port))
            raise SettingsError(f"adapters.{port} = {name!r}: there is no such adapter. Allowed: {allowed}.")
        chosen[port] = made[adapter] = made.get(adapter) or adapter.build(settings)
    try:
        yield Outside(clock=SystemClock(), **chosen)
    finally:
        for one in made.values():
            if hasattr(one, "close"):
                await one.close()


def services(
    settings: Settings, found: Outside, registry: Registry, auditor: Auditor, ledger: Ledger, policy: Policing
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
        bookmarks=settings.bookmarks,
        invited=settings.invite,
        inspection=getattr(found.deployments, "inspection", None),
        usual=settings.kubernetes.usual(),
        several_places=getattr(found.deployments, "several", False),
        home=getattr(found.deployments, "home", HERE),
        alterations=found.deployments if isinstance(found.deployments, Alterations) else None,
        offers=frozenset(getattr(found.deployments, "offers", ())),
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
        tasks = [asyncio.create_task(loop) for loop in _loops(app, database, platforms)]
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
    known = services(settings, found, registry, auditor, StoreLedger(database), policies)
    pipeline = Pipeline(store, registry, known)
    record = ChatRecord(database, found.clock.now, store.committed)
    _register_workflows(durable, store, known, settings, executor)
    store.on_commit(hub.wake)
    days = timedelta(days=settings.store.keep_finished_work_days)
    return App(
        settings=settings,
        store=store,
        record=record,
        pipeline=pipeline,
        registry=registry,
        services=known,
        console=_console(settings, pipeline, record, known, hub),
        hub=hub,
        durable=durable,
        keeper=Keeper(store, durable, pipeline, found.clock, keep=days),
        policy=PolicyAudit(store, policies),
        anchorage=anchored,
    )


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


def _console(settings: Settings, pipeline: Pipeline, record: ChatRecord, known: Services, hub: Hub) -> FastAPI:
    return build_console(
        intake=pipeline,
        record=record,
        commands=lambda person: policed.visible_to(person, known),
        directory=known.directory,
        settings=settings.console,
        hub=hub,
        secret=signing_secret(settings),
        version=version("tocsin"),
    )


def _register_workflows(durable: Durable, store: Store, known: Services, settings: Settings, executor: str) -> None:
    verify = settings.verify
    pace = Pace(
        poll=verify.poll_seconds,
        effect_within=verify.effect_within_seconds,
        absent_for=verify.absent_for_seconds,
        verify_within=verify.within_seconds,
        verify_every=verify.every_seconds,
        readings=verify.readings,
    )
    mitigate = Mitigate(store, known, _from_threads(), executor=executor, pace=pace)
    durable.register(deciding.WORKFLOW, mitigate)
    durable.register(proposing.EXPIRY, mitigate.expire)
    leases = Leases(store, known, _from_threads())
    durable.register(leasing.NOTICE, leases.notice)
    durable.register(leasing.END, leases.end)
    durable.register(drafting.WORKFLOW, DraftPostmortem(store, known, _postmortem_text))


def _postmortem_text(report: Report, template: str) -> str:
    return render(f"postmortem/{template}.md.j2", report=report)


def _from_threads() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on the main loop and waits for it in the calling thread of the engine."""
    loop = asyncio.get_running_loop()
    return lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()


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


def _loops(app: App, database: Database, platforms: Mapping[str, Connected]) -> list[Coroutine[Any, Any, None]]:
    chats: dict[str, ChatPlatform] = {ConsolePlatform.name: ConsolePlatform(app.hub)}
    chats |= {name: one.chat for name, one in platforms.items()}
    teller = Undelivered(app.store, app.services)
    outbox = Outbox(database, chats, owner=app.store.owner, teller=teller, clock=app.services.clock)
    app.store.on_commit(outbox.wake)
    own = {"outbox": outbox.run, "keeper": app.keeper.run, "policy": app.policy.run}
    if app.anchorage:
        every = 60 * app.settings.audit.every_minutes
        own["anchors"] = Anchoring(app.store, app.anchorage, teller, app.services.clock, every=every).run
    loops = {**own, **{name: one.run for name, one in platforms.items()}}
    if app.settings.watch.enabled:
        loops["watch"] = Watch(app.store, app.services, app.pipeline, app.settings.watch).run
    return [supervised(name, run) for name, run in loops.items()]


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
