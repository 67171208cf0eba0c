"""Who may come in: networks that are kept out, and the page that all others are shown during maintenance."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

from bot.adapters.gateway.orders.order import Document, Lifting, Note, Order, Said, Scene, of_plan, told_of
from bot.adapters.gateway.orders.routes import share_of
from commands.errors import Conflict, NotFound, Refusal
from commands.ports import Draft, Operation

_BLOCKS = "/admin/blocks"
_MAINTENANCE = "/admin/maintenance"
_LONGEST_BLOCK, _LONGEST_PAGE = timedelta(days=31), timedelta(days=7)


class Block(Order):
    """A network gets 403, whatever it asks for."""

    name = "block"
    listed = _BLOCKS
    within = "blocks"

    async def think(self, scene: Scene, said: Said) -> Draft:
        """Who is kept out already."""
        cidr = str(ipaddress.ip_network(said["cidr"]))
        blocks: list[Document] = (await scene.get(_BLOCKS))["blocks"]
        held = next((one for one in blocks if one["network"] == cidr), None)
        return Draft(
            live={"blocked": ", ".join(one["network"] for one in blocks) or "nothing"},
            settled={"cidr": cidr},
            before={},
            already=_blocked_already(held, said, scene),
            facts=(("Blocked now", ", ".join(one["network"] for one in blocks) or "nothing"), ("They get", "403")),
        )

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002
        """Who stands before the gateway speaks for all clients."""
        document, blocked = (await scene.get("/admin/config"))["config"], ipaddress.ip_network(draft.settled["cidr"])
        trusted = [ipaddress.ip_network(one) for one in document["server"]["trusted_proxies"]]
        before = [str(one) for one in trusted if one.version == blocked.version and one.overlaps(blocked)]
        if not before:
            return None
        return Conflict(
            f"{', '.join(before)} is of the proxies before {scene.service} (server.trusted_proxies).",
            hint="Clients are known by their own addresses: block those.",
        )

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One network."""
        await scene.wire.send("POST", _BLOCKS, {"network": draft.settled["cidr"], **note.expiring(_LONGEST_BLOCK)})

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """Whether the gateway has it."""
        if of_plan((await scene.get(_BLOCKS))["blocks"], plan) is None:
            return None
        words = f"{settled['cidr']} gets 403 from all workers"
        return Operation(id=plan, state="done", done=0, total=0, words=words)


def _blocked_already(held: Document | None, said: Said, scene: Scene) -> str:
    if held is None:
        return ""
    if "plan" in said:
        return "It is blocked because of it." if of_plan([held], said["plan"]) else ""
    return f"{held['network']} is blocked already, {told_of(held, scene.now)}."


class Unblock(Lifting):
    """It is let in again."""

    name = "unblock"
    listed = _BLOCKS
    within = "blocks"

    def concerns(self, order: Document, said: Said) -> bool:
        """The very same network."""
        return bool(order["network"] == str(ipaddress.ip_network(said["cidr"])))

    def about(self, said: Said) -> Document:
        """Whom."""
        return {"cidr": str(ipaddress.ip_network(said["cidr"]))}

    def nothing(self, said: Said) -> str:
        """Nobody keeps it out."""
        return f"{said['cidr']} is not blocked."

    def shown(self, order: Document) -> str:
        """One of them."""
        return f"the block of {order['network']}"

    async def after(self, scene: Scene, settled: Said) -> str:
        """Another block may hold it, too."""
        mine = ipaddress.ip_network(settled["cidr"])
        others = [ipaddress.ip_network(one["network"]) for one in await self.held(scene)]
        wider = [str(one) for one in others if one.version == mine.version and one.overlaps(mine)]
        return f"let in again, but for what {', '.join(wider)} keeps out" if wider else "let in again"


class _Page(Order):
    """One order at the most, which has no list."""

    listed = _MAINTENANCE

    async def held(self, scene: Scene) -> list[Document]:
        """One at the most."""
        found = (await scene.get(self.listed))["override"]
        return [found] if found else []


class MaintenanceOn(_Page):
    """All routes answer 503 with the page of the settings, but for who may pass."""

    name = "maintenance on"

    async def think(self, scene: Scene, said: Said) -> Draft:
        """For whom."""
        _check_service(scene, said)
        found = await scene.get(_MAINTENANCE)
        document = (await scene.get("/admin/config"))["config"]
        held, settings = found["override"], document["maintenance"]
        passing = [*settings["bypass_networks"], *(["who has the bypass token"] if settings["bypass_token"] else [])]
        return Draft(
            live={"maintenance": "on" if found["enabled"] else "off"},
            settled={"service": scene.service},
            before={"service": scene.service},
            already=_shown_already(found, said, scene),
            facts=(
                ("Requests", await share_of(scene, {one["id"] for one in document["routes"]})),
                ("They get", f"503 with “{settings['message']}”, or the page of the settings"),
                ("Pass all the same", ", ".join(passing) or "nobody"),
                *((("Takes the place of", f"an order {told_of(held, scene.now)}"),) if held else ()),
            ),
        )

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:  # noqa: ARG002
        """For all routes."""
        await scene.wire.send("POST", _MAINTENANCE, note.expiring(_LONGEST_PAGE))

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:  # noqa: ARG002
        """Whether the gateway has it."""
        held = (await scene.get(_MAINTENANCE))["override"]
        if held is None or of_plan([held], plan) is None:
            return None
        return Operation(id=plan, state="done", done=0, total=0, words="the page is shown by all workers")


def _shown_already(found: Document, said: Said, scene: Scene) -> str:
    held = found["override"]
    if "plan" in said:
        return "It is shown because of it." if held and of_plan([held], said["plan"]) else ""
    if not found["enabled"] or found["routes"]:
        return ""
    return f"The page is shown already, {told_of(held, scene.now) if held else 'as the settings say'}."


class MaintenanceOff(_Page, Lifting):
    """What the settings say holds again."""

    name = "maintenance off"

    async def name_checked(self, scene: Scene, said: Said) -> Document:
        """There is no Service to name."""
        _check_service(scene, said)
        return {**said, "service": scene.service}

    def concerns(self, order: Document, said: Said) -> bool:  # noqa: ARG002
        """The one there is."""
        return True

    def about(self, said: Said) -> Document:
        """Of the gateway."""
        return {"service": said["service"]}

    def nothing(self, said: Said) -> str:
        """Nobody has ordered it."""
        return f"{said['service']} is not in maintenance by an order; what the settings say is changed there."

    def shown(self, order: Document) -> str:
        """For which routes."""
        return f"the maintenance of {', '.join(order['routes']) or 'all routes'}"

    async def retire(self, scene: Scene, name: str, note: Note) -> None:  # noqa: ARG002
        """There is no id in its address."""
        await scene.wire.send("DELETE", self.listed, query=note.signed)

    async def after(self, scene: Scene, settled: Said) -> str:  # noqa: ARG002
        """The settings may have it, too."""
        found = await scene.get(self.listed)
        return "the settings still have the page shown" if found["enabled"] else "requests are answered again"


def _check_service(scene: Scene, said: Said) -> None:
    if said["service"] not in {"", scene.service}:
        raise NotFound(
            f"{scene.service} runs as local processes: there is no Service {said['service'][:60]!r} before it.",
            hint="Leave --service out.",
        )


ORDERS = (Block(), Unblock(), MaintenanceOn(), MaintenanceOff())
