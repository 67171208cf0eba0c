"""One order to the gateway: thought out, sent once, and found again by what was given as its reason.

The admin API knows orders by ids of its own, which nobody learns whose answer was lost. So each is given the plan's id
in its reason: the first word of it. Where the gateway has such an order, the request has arrived.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from bot.adapters.gateway.wire import AdminWire
from commands.errors import Refusal
from commands.ports import Draft, Operation, OutcomeUnknown, Rejected
from commands.presentation.words import counted, cut, lasting

Said = Mapping[str, Any]
Document = dict[str, Any]

#: An order outlives its plan's lease by so much: Tocsin ends it, and the gateway where Tocsin is gone.
_GRACE = timedelta(minutes=5)
_UNBOUNDED = timedelta(days=1)


@dataclass(frozen=True)
class Scene:
    """Where an order is thought out. `service`: what people call the gateway."""

    wire: AdminWire
    service: str
    now: datetime

    async def get(self, path: str, **query: object) -> Any:
        """Read. Raises Unavailable."""
        return await self.wire.get(path, query)


@dataclass(frozen=True)
class Note:
    """Whose order it is, and for how long. `lasts` None: as long as such an order may."""

    plan: str
    actor: str
    lasts: timedelta | None = None

    @property
    def signed(self) -> Document:
        """What every order says."""
        return {"actor": self.actor, "reason": f"{self.plan} by {self.actor}"}

    def expiring(self, longest: timedelta) -> Document:
        """The same, for an order that ends by itself."""
        span = min(_UNBOUNDED if self.lasts is None else self.lasts + _GRACE, longest)
        return {**self.signed, "expires_in_seconds": span.total_seconds()}


class Order(ABC):
    """One kind, by the name of its action.

    `listed` is where orders of its kind are found, `within` the name of the list there; empty for what does not last.
    What was said is what a person has typed, or what was settled of it; then `plan` is the plan's own id, and the order
    is in force `already` where the gateway has it from that plan.
    """

    name: ClassVar[str]
    listed: ClassVar[str] = ""
    within: ClassVar[str] = "overrides"

    @abstractmethod
    async def think(self, scene: Scene, said: Said) -> Draft:
        """What it would do. Raises NotFound, Conflict, Unavailable."""

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002 - few have one
        """Why it must not be given, which stops who plans or sends it, and nobody who looks whether it is in force."""
        return None

    @abstractmethod
    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """Ask once. Raises Rejected, OutcomeUnknown."""

    @abstractmethod
    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """What came of it; None: it never arrived."""

    async def held(self, scene: Scene) -> list[Document]:
        """All orders of this kind that hold, the newest first."""
        found: list[Document] = (await scene.get(self.listed))[self.within]
        return found

    async def prolong(self, scene: Scene, settled: Said, note: Note) -> None:
        """Give it anew, with another end, and take the former one away; where it does not hold any more, it is left.

        Raises Rejected, OutcomeUnknown, Unavailable.
        """
        found = await self.became(scene, settled, note.plan)
        if found is None or found.state == "failed":
            raise Rejected(found.error if found else "the gateway does not have the order any more")
        former = of_plan(await self.held(scene), note.plan)
        await self.send(scene, Draft(live={}, settled=dict(settled), before={}), note)
        if former and former["id"] in {one["id"] for one in await self.held(scene)}:
            await self.retire(scene, str(former["id"]), note)

    async def retire(self, scene: Scene, name: str, note: Note) -> None:
        """Take one away, by its id."""
        await scene.wire.send("DELETE", f"{self.listed}/{name}", query=note.signed)


class Lifting(Order):
    """An order that takes others away. `of` in what was said: only those of that plan."""

    @abstractmethod
    def concerns(self, order: Document, said: Said) -> bool:
        """Whether an order is about what was said."""

    @abstractmethod
    def about(self, said: Said) -> Document:
        """What was said, as it is settled."""

    @abstractmethod
    def nothing(self, said: Said) -> str:
        """What to say where there is nothing to take away."""

    @abstractmethod
    def shown(self, order: Document) -> str:
        """One in a few words."""

    async def name_checked(self, scene: Scene, said: Said) -> Document:  # noqa: ARG002 - many need no look
        """What was said, once it is sure that there is such a thing. Raises NotFound."""
        return dict(said)

    async def prolong(self, scene: Scene, settled: Said, note: Note) -> None:
        """What is taken away stays so."""

    async def think(self, scene: Scene, said: Said) -> Draft:
        """Those that are meant, by their ids from then on."""
        said = said if "orders" in said else await self.name_checked(scene, said)
        mine = [one for one in await self.held(scene) if self._is_meant(one, said)]
        ids = [str(one["id"]) for one in mine]
        return Draft(
            live={"orders": ", ".join(ids) or "none"},
            settled={**self.about(said), "orders": list(said.get("orders", ids))},
            before={"orders": [self.shown(one) for one in mine]},
            already="" if mine else self.nothing(said),
            facts=tuple(("Takes away", f"{self.shown(one)}, {told_of(one, scene.now)}") for one in mine),
        )

    def _is_meant(self, order: Document, said: Said) -> bool:
        if "orders" in said:
            return order["id"] in said["orders"]
        return self.concerns(order, said) and said.get("of") in {None, plan_of(order)}

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One request for each. After the first, a refusal does not mean that nothing was changed."""
        for number, name in enumerate(draft.settled["orders"]):
            try:
                await self.retire(scene, str(name), note)
            except Rejected as refused:
                if number:
                    raise OutcomeUnknown(str(refused)) from refused
                raise

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """They are gone, or it never arrived."""
        left = {one["id"] for one in await self.held(scene)} & set(settled["orders"])
        if left:
            return None
        return Operation(id=plan, state="done", done=0, total=0, words=await self.after(scene, settled))

    @abstractmethod
    async def after(self, scene: Scene, settled: Said) -> str:
        """How it is once they are gone."""


# ------------------------------------------------------------ orders as the admin API shows them


def plan_of(order: Document) -> str:
    """The plan that gave an order, where one did."""
    first = str(order.get("reason") or "").partition(" ")[0]
    return first if first.startswith("plan-") else ""


def of_plan(orders: list[Document], plan: str) -> Document | None:
    """The newest order of a plan."""
    return next((one for one in orders if plan and plan_of(one) == plan), None)


def told_of(order: Document, now: datetime) -> str:
    """`by ana, 25 min left`; with its reason, where that is not a plan's."""
    left = datetime.fromisoformat(order["expires_at"]) - now
    why = "" if plan_of(order) else cut(str(order.get("reason") or ""), 80)
    return ", ".join(filter(None, (f"by {order['actor']}", f"{lasting(left)} left", why)))


def since(at: str, now: datetime) -> timedelta:
    """How long ago a time of the admin API was."""
    return now - datetime.fromisoformat(at)


def ago(at: str, now: datetime) -> str:
    """`12 min ago`."""
    return f"{lasting(since(at, now))} ago"


def percent(share: float) -> str:
    """`50%`."""
    return f"{share:.0%}"


def requests(number: int) -> str:
    """`3 requests`."""
    return counted(number, "request")
