"""The second Bolt app: it works what was stored. Its listeners may be asked again for the same thing after a crash."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.delivery import Intake
from bot.platforms.slack import listeners
from bot.platforms.slack.arriving import team_of_body
from bot.platforms.slack.asking import Asking
from bot.platforms.slack.chat import SlackChat
from bot.platforms.slack.documents import Documents
from bot.platforms.slack.installs import Installs
from bot.platforms.slack.opening import Opening
from bot.platforms.slack.people import People
from bot.platforms.slack.places import Places
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.web import Web, Wire
from bot.store.arrivals import Arrival
from bot.store.transaction import Store
from commands.context import Services
from commands.ports import Undeliverable
from commands.registry import Registry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """Everything that a listener may need."""

    intake: Intake
    registry: Registry
    services: Services
    store: Store
    settings: SlackSettings
    web: Web
    installs: Installs
    people: People
    places: Places
    asking: Asking
    chat: SlackChat
    documents: Documents
    opening: Opening
    address: str


#: What a module of `listeners` declares as LISTEN: it registers itself.
Listen = Callable[[AsyncApp, Bench], None]


class WorkError(Exception):
    """A listener raised; the arrival is worked again."""


def workshop(bench: Bench, wire: Wire) -> AsyncApp:
    """A Bolt app with every listener, which works before it answers and hides no error."""

    async def authorize(team_id: str | None) -> AuthorizeResult | None:
        try:
            install = await bench.installs.of(team_id or "")
        except Undeliverable as gone:  # what a workspace sent before it removed Tocsin concerns nobody any more
            log.warning("%s", gone)
            return None
        return AuthorizeResult(
            enterprise_id=None,
            team_id=install.team,
            bot_token=install.token,
            bot_id=install.bot_id,
            bot_user_id=install.bot_user,
        )

    quiet = logging.getLogger("slack_bolt.workshop")
    quiet.setLevel(logging.ERROR)  # events of no interest are no reason for a warning each
    app = AsyncApp(
        name="workshop",  # without one, Bolt looks through the sources of all callers for it
        logger=quiet,
        authorize=authorize,  # type: ignore[arg-type] # None is "not installed" for Bolt, which its types leave out
        client=wire.client(),
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
        attaching_function_token_enabled=False,
    )
    app.error(_note)
    for module in pkgutil.iter_modules(listeners.__path__):
        listen: Listen = importlib.import_module(f"{listeners.__name__}.{module.name}").LISTEN
        listen(app, bench)
    return app


async def _note(error: Exception, request: AsyncBoltRequest) -> BoltResponse:
    request.context["failed"] = error
    return BoltResponse(status=500)


async def work(app: AsyncApp, arrival: Arrival) -> None:
    """Have an arrival worked. Raises what its listener raised."""
    body = dict(arrival.payload)
    body["team_id"] = team_of_body(body)
    request = AsyncBoltRequest(body=body, mode="socket_mode", context={"arrival": arrival})
    await app.async_dispatch(request)
    failed = request.context.get("failed")
    if failed is not None:
        raise WorkError(f"{type(failed).__name__}: {failed}") from failed
