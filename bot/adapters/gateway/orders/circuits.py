"""Circuit breakers: forced open, so that nothing gets through, or closed, so that everything does, for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from bot.adapters.gateway.orders.order import (
    Document,
    Lifting,
    Note,
    Order,
    Said,
    Scene,
    of_plan,
    told_of,
)
from bot.adapters.gateway.orders.routes import share_of
from commands.errors import NotFound
from commands.ports import Draft, Operation
from commands.presentation.words import counted

_LISTED = "/admin/circuit-breaker/overrides"
_LONGEST = timedelta(days=1)
EVERY = "*"


class _Forced(Order):
    """One state, whatever the breaker has counted."""

    state: ClassVar[str]
    listed = _LISTED

    async def think(self, scene: Scene, said: Said) -> Draft:
        """Whom it concerns."""
        name = await _checked(scene, said["upstream"])
        orders: list[Document] = (await scene.get(_LISTED))["overrides"]
        held = next((one for one in orders if one["upstream"] == name), None)
        return Draft(
            live={"order": f"{held['state']}, by {held['actor']}" if held else "none"},
            settled={"upstream": name},
            before={"state": held["state"] if held else "auto"},
            already=self._already(name, held, said, scene),
            facts=await _facts(scene, name, held),
        )

    def _already(self, name: str, held: Document | None, said: Said, scene: Scene) -> str:
        if held is None or held["state"] != self.state:
            return ""
        if "plan" in said:
            return "It is forced because of it." if of_plan([held], said["plan"]) else ""
        return f"The breaker of {name} is forced {self.state} already, {told_of(held, scene.now)}."

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One order; it takes the place of another for the same upstream."""
        about = {"upstream": draft.settled["upstream"], "state": self.state}
        await scene.wire.send("POST", _LISTED, {**about, **note.expiring(_LONGEST)})

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:  # noqa: ARG002
        """Whether the gateway has it."""
        mine = of_plan((await scene.get(_LISTED))["overrides"], plan)
        if mine is None:
            return None
        words = f"forced {mine['state']} in all workers"
        return Operation(id=plan, state="done", done=0, total=0, words=words)


class BreakerOpen(_Forced):
    """Nothing is let through."""

    name = "breaker open"
    state = "open"


class BreakerClosed(_Forced):
    """Everything is."""

    name = "breaker closed"
    state = "closed"


class BreakerAuto(Lifting):
    """The breaker decides by what it has counted."""

    name = "breaker auto"
    listed = _LISTED

    async def name_checked(self, scene: Scene, said: Said) -> Document:
        """That there is such an upstream."""
        return {**said, "upstream": await _checked(scene, said["upstream"])}

    def concerns(self, order: Document, said: Said) -> bool:
        """Its own; one for all upstreams is another."""
        return bool(order["upstream"] == said["upstream"])

    def about(self, said: Said) -> Document:
        """Of which upstream."""
        return {"upstream": said["upstream"]}

    def nothing(self, said: Said) -> str:
        """Nobody has ordered anything of it."""
        return f"The breaker of {said['upstream']} is not forced."

    def shown(self, order: Document) -> str:
        """What was ordered."""
        return f"forced {order['state']}"

    async def after(self, scene: Scene, settled: Said) -> str:  # noqa: ARG002
        """The page that tells its state is a second old at most, and may be from before."""
        return "no longer forced"


async def _checked(scene: Scene, name: str) -> str:
    """The name of an upstream, or `*` for all. Raises NotFound, which lists them."""
    known = [one["id"] for one in (await scene.get("/admin/upstreams"))["upstreams"]]
    if name not in (EVERY, *known):
        raise NotFound(f"{scene.service} has no upstream {name[:60]!r}.", hint="It has", allowed=known)
    return name


async def _facts(scene: Scene, name: str, held: Document | None) -> tuple[tuple[str, str], ...]:
    forced = f"forced {held['state']} {told_of(held, scene.now)}; that comes to an end" if held else ""
    now = "; ".join(filter(None, (await state_words(scene, name), forced)))
    document = (await scene.get("/admin/config"))["config"]
    routes = [one["id"] for one in document["routes"] if name in {EVERY, one["upstream_id"]}]
    shown = (("Routes", ", ".join(routes) or "none"), ("Requests", await share_of(scene, set(routes))))
    return (*((("Now", now),) if now else ()), *shown)


async def state_words(scene: Scene, name: str) -> str:
    """`open, 5 failures in a row`, or `off`; nothing where the gateway does not say, and of all at once."""
    known = await circuits(scene)
    if known is None or name == EVERY:
        return ""
    found = known.get(name)
    return words_of(found) if found else "off"


def words_of(found: Document) -> str:
    """`open, 5 failures in a row`."""
    return f"{found['state'].replace('_', '-')}, {counted(found['failure_count'], 'failure')} in a row"


async def circuits(scene: Scene) -> dict[str, Document] | None:
    """What the public page tells of each breaker that is on; None where it is not to be had."""
    listen = (await scene.get("/admin/status"))["listen"][0]
    page = await scene.wire.page(f"{listen}/circuit-breaker/status")
    found = page.get("upstreams") if isinstance(page, dict) else None
    return dict(found) if isinstance(found, dict) else None


ORDERS = (BreakerOpen(), BreakerClosed(), BreakerAuto())
