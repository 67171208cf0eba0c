"""What runs all the time beside the answers: sending, keeping, watching, and the like."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from bot.anchoring.anchoring import Anchoring
from bot.clocks import Clocks
from bot.errands import Errands
from bot.paging.answering import Asking
from bot.platforms import Connected
from bot.platforms.console.platform import ConsolePlatform
from bot.reports import Reports, scheduled
from bot.sending.outbox import Outbox
from bot.sending.undelivered import Undelivered
from bot.store.database import Database
from bot.supervised import supervised
from bot.watch import Watch
from bot.world.tickets import Following, followed
from commands.ports import ChatPlatform

if TYPE_CHECKING:
    from bot.app import App


def loops(app: App, database: Database, platforms: Mapping[str, Connected]) -> list[Coroutine[Any, Any, None]]:
    """All that runs beside the answers, each started anew when it fails."""
    chats: dict[str, ChatPlatform] = {ConsolePlatform.name: ConsolePlatform(app.hub)}
    chats |= {name: one.chat for name, one in platforms.items()}
    teller = Undelivered(app.store, app.services)
    outbox = Outbox(database, chats, owner=app.store.owner, teller=teller, clock=app.services.clock)
    app.store.on_commit(outbox.wake)
    own = {"outbox": outbox.run, "keeper": app.keeper.run, "policy": app.policy.run}
    if app.anchorage:
        every = 60 * app.settings.audit.every_minutes
        own["anchors"] = Anchoring(app.store, app.anchorage, teller, app.services.clock, every=every).run
    if app.alerts:
        own["alerts"] = app.alerts.run
    running = {**own, **{name: one.run for name, one in platforms.items()}}
    if app.settings.watch.enabled:
        running["watch"] = Watch(app.store, app.services, app.pipeline, app.settings.watch).run
    if app.settings.clocks.enabled:
        running["clocks"] = Clocks(app.store, app.services, every=app.settings.clocks.every_seconds).run
    if app.pager and app.pager.can_ask and app.settings.integrations.enabled:
        every = app.settings.paging.ask_every_seconds
        running["pager"] = Asking(app.store, app.services, app.pager, every=every).run
    if app.settings.reports:
        running["reports"] = Reports(app.store, app.services, scheduled(app.settings.reports, app.services)).run
    if app.runners and app.settings.integrations.enabled:
        every = app.settings.integrations.every_seconds
        running["integrations"] = Errands(app.store, app.services, app.runners, every=every).run
    if app.settings.integrations.enabled and (kept := followed(app.runners)):
        every = app.settings.tickets.every_seconds
        running["tickets"] = Following(app.store, app.services.clock, kept, every=every).run
    return [supervised(name, run) for name, run in running.items()]
