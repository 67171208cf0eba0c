"""Single keys of the settings, changed for a while: limits of a route, whether it is served, the level of the log."""

from __future__ import annotations

import json
from abc import abstractmethod
from datetime import timedelta
from typing import Any

from bot.adapters.gateway.orders.order import Document, Lifting, Note, Order, Said, Scene, of_plan, told_of
from bot.adapters.gateway.orders.routes import (
    LEVEL,
    limit_key,
    limit_words,
    limits_of,
    named_route,
    share_of,
    switch_key,
)
from commands.errors import Conflict, Refusal
from commands.ports import Draft, Operation
from commands.presentation.words import counted, cut

_LISTED = "/admin/config/overrides"
_LONGEST = timedelta(days=7)


class _Setting(Order):
    """One key, above the file and every configuration."""

    listed = _LISTED

    @abstractmethod
    async def wanted(self, scene: Scene, document: Document, said: Said) -> tuple[str, Any, Any]:
        """(the key, what holds, what is to hold). Raises NotFound."""

    @abstractmethod
    def about(self, said: Said) -> Document:
        """What was said, as it is settled."""

    @abstractmethod
    def words(self, value: Any) -> str:
        """A value, for people."""

    async def besides(self, scene: Scene, document: Document, said: Said) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """What else there is to know."""
        return ()

    async def think(self, scene: Scene, said: Said) -> Draft:
        """From what to what."""
        document = (await scene.get("/admin/config"))["config"]
        key, now, then = await self.wanted(scene, document, said)
        return Draft(
            live={key: json.dumps(now, sort_keys=True)},
            settled={**self.about(said), "key": key, "value": then},
            before={"value": now},
            already=await self._already(scene, now, then, said),
            facts=(("Now", self.words(now)), ("Then", self.words(then)), *await self.besides(scene, document, said)),
        )

    async def _already(self, scene: Scene, now: Any, then: Any, said: Said) -> str:
        if "plan" in said:
            mine = of_plan((await scene.get(_LISTED))["overrides"], said["plan"])
            return "It is so because of it." if mine else ""
        return f"It is so already: {self.words(now)}." if now == then else ""

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One override of one key."""
        changes = {draft.settled["key"]: draft.settled["value"]}
        await scene.wire.send("POST", _LISTED, {"changes": changes, **note.expiring(_LONGEST)})

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """Whether every worker goes by it."""
        if of_plan((await scene.get(_LISTED))["overrides"], plan) is None:
            return None
        found = await scene.get("/admin/config")
        _, now, _ = await self.wanted(scene, found["config"], settled)
        if now != settled["value"]:
            error = f"another order has come after this one: {self.words(now)}"
            return Operation(id=plan, state="failed", done=0, total=0, error=error)
        words = f"{self.words(now)}, in {counted(len(found['workers']), 'worker')}"
        return Operation(id=plan, state="done" if found["agreed"] else "running", done=0, total=0, words=words)


class Limit(_Setting):
    """A limit of a route; others of it, that count by something else, stay."""

    name = "limit"

    async def wanted(self, scene: Scene, document: Document, said: Said) -> tuple[str, Any, Any]:
        """See _Setting."""
        route = named_route(scene, document, said["route"])
        now = limits_of(route, document)
        if "value" in said:
            return limit_key(route["id"]), now, said["value"]
        by = said["by"] or (now[0]["key_type"] if now else "ip")
        same = next((one for one in now if one["key_type"] == by), {"algorithm": "token_bucket"})
        new = {**same, "limit": said["limit"], "window_secs": said["seconds"], "key_type": by}
        return limit_key(route["id"]), now, [*(one for one in now if one["key_type"] != by), new]

    def about(self, said: Said) -> Document:
        """Of which route."""
        return {"route": said["route"]}

    def words(self, value: Any) -> str:
        """`10 in 1 min for each ip`."""
        return limit_words(value)

    async def besides(self, scene: Scene, document: Document, said: Said) -> tuple[tuple[str, str], ...]:
        """How much of all goes that way, and whether that loosens it."""
        _, now, then = await self.wanted(scene, document, said)
        return (("Requests", await share_of(scene, {said["route"]})), *_loosened(now, then))

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002
        """Limits count only where they are switched on."""
        document = (await scene.get("/admin/config"))["config"]
        if document["rate_limiting"]["enabled"]:
            return None
        return Conflict("Rate limits are switched off in the settings: rate_limiting.enabled.", example="/gw config")


def _loosened(now: list[Document], then: list[Document]) -> tuple[tuple[str, str], ...]:
    before, after = ({one["key_type"]: one["limit"] / one["window_secs"] for one in limits} for limits in (now, then))
    looser = [by for by, rate in after.items() if by in before and rate > before[by]]
    return (("Careful", "this lets more through than before"),) if looser else ()


class RouteDisable(_Setting):
    """A route answers 503, and nothing is passed on."""

    name = "route disable"

    async def wanted(self, scene: Scene, document: Document, said: Said) -> tuple[str, Any, Any]:
        """See _Setting."""
        route = named_route(scene, document, said["route"])
        return switch_key(route["id"]), route["enabled"], False

    def about(self, said: Said) -> Document:
        """Which one."""
        return {"route": said["route"]}

    def words(self, value: Any) -> str:
        """Of a switch."""
        return "its requests are passed on" if value else "its requests are answered with 503 route_disabled"

    async def besides(self, scene: Scene, document: Document, said: Said) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """How much of all goes that way."""
        return (("Requests", await share_of(scene, {said["route"]})),)


class LogLevel(_Setting):
    """How much the workers say."""

    name = "loglevel"

    async def wanted(self, scene: Scene, document: Document, said: Said) -> tuple[str, Any, Any]:  # noqa: ARG002
        """See _Setting."""
        return LEVEL, document["logging"]["level"], said["level"]

    def about(self, said: Said) -> Document:
        """Which one."""
        return {"level": said["level"]}

    def words(self, value: Any) -> str:
        """As it is written."""
        return f"level {value}"


class _SettingLet(Lifting):
    """What overrides one key is taken away."""

    listed = _LISTED

    @abstractmethod
    def key(self, said: Said) -> str:
        """The key."""

    @abstractmethod
    def words(self, document: Document, said: Said) -> str:
        """What holds then."""

    async def name_checked(self, scene: Scene, said: Said) -> Document:
        """That there is such a route, where one was said."""
        if "route" in said:
            named_route(scene, (await scene.get("/admin/config"))["config"], said["route"])
        return dict(said)

    def concerns(self, order: Document, said: Said) -> bool:
        """Those that change the key."""
        return self.key(said) in order["changes"]

    def about(self, said: Said) -> Document:
        """What was said."""
        return {"route": said["route"]} if "route" in said else {}

    def shown(self, order: Document) -> str:
        """The keys and their values."""
        return cut(", ".join(f"{key} = {value}" for key, value in order["changes"].items()), 200)

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:
        """An order is taken away as a whole, so it has to be about this key alone."""
        for one in await self.held(scene):
            others = [key for key in one["changes"] if key != self.key(said)]
            if one["id"] in draft.settled["orders"] and others:
                return Conflict(
                    f"The order is about {', '.join(others)} as well, {told_of(one, scene.now)}.",
                    hint=f"Only as a whole it can be undone: DELETE {_LISTED}/{one['id']} at the admin API.",
                )
        return None

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """They are gone, and every worker goes by what holds then."""
        found = await super().became(scene, settled, plan)
        if found is None or (await scene.get("/admin/config"))["agreed"]:
            return found
        return found.model_copy(update={"state": "running", "words": "not all workers go by it yet"})

    async def after(self, scene: Scene, settled: Said) -> str:
        """What holds now."""
        return self.words((await scene.get("/admin/config"))["config"], settled)


class LimitAuto(_SettingLet):
    """The limits of the settings hold again."""

    name = "limit auto"

    def key(self, said: Said) -> str:
        """Of the route."""
        return limit_key(said["route"])

    def nothing(self, said: Said) -> str:
        """They hold already."""
        return f"The route {said['route']} has the limits of the settings."

    def words(self, document: Document, said: Said) -> str:
        """Its limits."""
        mine = [one for one in document["routes"] if one["id"] == said["route"]]
        return limit_words([limit for route in mine for limit in limits_of(route, document)])


class RouteEnable(_SettingLet):
    """A route is served again."""

    name = "route enable"

    def key(self, said: Said) -> str:
        """Of the route."""
        return switch_key(said["route"])

    def nothing(self, said: Said) -> str:
        """Nobody has ordered it."""
        return f"No order disables the route {said['route']}."

    def words(self, document: Document, said: Said) -> str:
        """Whether it is."""
        found = next((one for one in document["routes"] if one["id"] == said["route"]), {"enabled": False})
        return RouteDisable().words(found["enabled"])


class LogLevelAuto(_SettingLet):
    """The level of the settings holds again."""

    name = "loglevel auto"

    def key(self, said: Said) -> str:  # noqa: ARG002 - there is one
        """Of the log."""
        return LEVEL

    def nothing(self, said: Said) -> str:  # noqa: ARG002
        """It holds already."""
        return "The log has the level of the settings."

    def words(self, document: Document, said: Said) -> str:  # noqa: ARG002
        """Which one."""
        return LogLevel().words(document["logging"]["level"])


ORDERS = (Limit(), LimitAuto(), RouteDisable(), RouteEnable(), LogLevel(), LogLevelAuto())
