"""Targets of upstreams: drained and let back, or given other weights than those of the settings, for a while."""

from __future__ import annotations

from datetime import timedelta

from bot.adapters.gateway.orders.order import (
    Document,
    Lifting,
    Note,
    Order,
    Said,
    Scene,
    of_plan,
    percent,
    requests,
    since,
    told_of,
)
from bot.adapters.gateway.orders.upstreams import (
    in_shares,
    in_states,
    named_target,
    named_upstream,
    relative,
    shares_of,
    standing,
)
from commands.errors import Conflict, Refusal
from commands.ports import Draft, Operation

_LISTED = "/admin/upstreams/overrides"
_LONGEST = timedelta(days=30)
#: For how long what is under way at a drained target is waited for. A tunnel may stay for hours.
_EMPTY_WITHIN = timedelta(seconds=30)


class Drain(Order):
    """No new request goes to a target; what is under way ends."""

    name = "drain"
    listed = _LISTED

    async def think(self, scene: Scene, said: Said) -> Draft:
        """Who takes its share."""
        one = await named_upstream(scene, said["upstream"])
        target, shares = named_target(one, said["target"]), shares_of(one)
        name, share = target["target"], shares.get(target["target"], 0.0)
        left = relative({other: share for other, share in shares.items() if other != name})
        return Draft(
            live=standing(one),
            settled={"upstream": one["id"], "target": name},
            before={"state": target["state"], "weight": target["weight"]},
            already=await _drained_already(scene, target, said),
            facts=(
                ("Now", f"{target['state']}, {percent(share)} of the requests, {target['in_flight']} in flight"),
                ("Then", in_shares(left) or "nobody"),
            ),
            removes=share,
        )

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002
        """Somebody who is well has to be left."""
        one = await named_upstream(scene, draft.settled["upstream"])
        if any(share for name, share in shares_of(one).items() if name != draft.settled["target"]):
            return None
        return _nobody_left(one)

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One order for one target."""
        about = {"upstream": draft.settled["upstream"], "drain": [draft.settled["target"]]}
        await scene.wire.send("POST", _LISTED, {**about, **note.expiring(_LONGEST)})

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """Whether it is empty; what does not end by itself for long is told, and not waited for."""
        mine = of_plan((await scene.get(_LISTED))["overrides"], plan)
        if mine is None:
            return None
        target = named_target(await named_upstream(scene, settled["upstream"]), settled["target"])
        name, state = target["target"], target["state"]
        if state == "drained":
            return Operation(
                id=plan, state="done", done=0, total=0, words=f"no requests go to {name}, and none is under way there"
            )
        if state != "draining":
            error = f"{name} is {state}: another order for it has come after this one"
            return Operation(id=plan, state="failed", done=0, total=0, error=error)
        waited = since(mine["created_at"], scene.now) >= _EMPTY_WITHIN
        words = f"no new requests go to {name}, {requests(target['in_flight'])} still under way there"
        return Operation(id=plan, state="done" if waited else "running", done=0, total=0, words=words)


async def _drained_already(scene: Scene, target: Document, said: Said) -> str:
    name, order = target["target"], target["order"]
    if "plan" in said:
        mine = of_plan((await scene.get(_LISTED))["overrides"], said["plan"])
        return f"{name} is drained because of it." if mine else ""
    if order and name in order["drain"]:
        return f"{name} is drained already, {told_of(order, scene.now)}."
    return ""


def _nobody_left(one: Document) -> Conflict:
    hint = f"It has {in_states(one)}."
    return Conflict(
        f"Then no target of {one['id']} that is well would take requests.", hint=hint, example="/gw upstreams"
    )


class Weight(Order):
    """Other shares of the requests: a canary, or a switch from blue to green."""

    name = "weight"
    listed = _LISTED

    async def think(self, scene: Scene, said: Said) -> Draft:
        """The shares before and after."""
        one = await named_upstream(scene, said["upstream"])
        now = {target["target"]: target["weight"] for target in one["targets"]}
        weights = {named_target(one, name)["target"]: weight for name, weight in said["weights"].items()}
        then = shares_of(one, weights)
        return Draft(
            live=standing(one),
            settled={"upstream": one["id"], "weights": weights},
            before={"weights": {name: now[name] for name in weights}},
            already=await self._already(scene, one, weights, said),
            facts=(
                ("Now", in_shares(shares_of(one)) or "nobody takes requests"),
                ("Then", in_shares(then) or "nobody takes requests"),
            ),
        )

    async def _already(self, scene: Scene, one: Document, weights: dict[str, int], said: Said) -> str:
        if "plan" in said:
            mine = of_plan((await scene.get(_LISTED))["overrides"], said["plan"])
            return "These weights hold because of it." if mine else ""
        now = {target["target"]: target["weight"] for target in one["targets"]}
        same = all(now[name] == weight for name, weight in weights.items())
        return f"The targets of {one['id']} have these weights already." if same else ""

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002
        """A newer order goes before a drain, which nobody means; and somebody who is well has to be left."""
        one, weights = await named_upstream(scene, draft.settled["upstream"]), draft.settled["weights"]
        drained = [name for name in weights if (order := named_target(one, name)["order"]) and name in order["drain"]]
        if drained:
            undrain = f"/gw undrain {one['id']} {drained[0]}"
            return Conflict(f"{drained[0]} is drained; a weight would send requests to it again.", example=undrain)
        return None if any(shares_of(one, weights).values()) else _nobody_left(one)

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One order for all of them, so that no moment is between."""
        about = {"upstream": draft.settled["upstream"], "weights": draft.settled["weights"]}
        await scene.wire.send("POST", _LISTED, {**about, **note.expiring(_LONGEST)})

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:
        """Whether its weights hold."""
        if of_plan((await scene.get(_LISTED))["overrides"], plan) is None:
            return None
        one = await named_upstream(scene, settled["upstream"])
        now = {target["target"]: target["weight"] for target in one["targets"]}
        shares = in_shares(shares_of(one)) or "nobody"
        if any(now.get(name) != weight for name, weight in settled["weights"].items()):
            error = f"other weights hold ({shares}): another order has come after this one"
            return Operation(id=plan, state="failed", done=0, total=0, error=error)
        return Operation(id=plan, state="done", done=0, total=0, words=f"requests go to {shares}")


class _TargetsLet(Lifting):
    """Orders for targets are in one list, whether they drain or weigh."""

    listed = _LISTED

    async def after(self, scene: Scene, settled: Said) -> str:
        """The shares."""
        shares = in_shares(shares_of(await named_upstream(scene, settled["upstream"])))
        return f"requests go to {shares or 'nobody'}"


class Undrain(_TargetsLet):
    """A target is let back."""

    name = "undrain"

    async def name_checked(self, scene: Scene, said: Said) -> Document:
        """By its own name."""
        one = await named_upstream(scene, said["upstream"])
        return {**said, "upstream": one["id"], "target": named_target(one, said["target"])["target"]}

    def concerns(self, order: Document, said: Said) -> bool:
        """Those that drain it."""
        return order["upstream"] == said["upstream"] and said["target"] in order["drain"]

    def about(self, said: Said) -> Document:
        """Which one."""
        return {"upstream": said["upstream"], "target": said["target"]}

    def nothing(self, said: Said) -> str:
        """It takes requests, or is left out for another reason."""
        return f"{said['target']} of {said['upstream']} is not drained."

    def shown(self, order: Document) -> str:
        """All that it drains."""
        return f"the drain of {', '.join(order['drain'])}"

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002
        """An order is taken away as a whole, so it has to be about this target alone."""
        for one in await self.held(scene):
            others = [name for name in (*one["drain"], *one["weights"]) if name != draft.settled["target"]]
            if one["id"] in draft.settled["orders"] and others:
                return Conflict(
                    f"The order that drains it is about {', '.join(others)} as well, {told_of(one, scene.now)}.",
                    hint=f"Only as a whole it can be undone: DELETE {_LISTED}/{one['id']} at the admin API.",
                )
        return None

    async def after(self, scene: Scene, settled: Said) -> str:
        """Its state: one that was let back may still be ill."""
        target = named_target(await named_upstream(scene, settled["upstream"]), settled["target"])
        return f"now {target['target']} is {target['state']}, with weight {target['weight']}"


class WeightAuto(_TargetsLet):
    """The weights of the settings hold again."""

    name = "weight auto"

    async def name_checked(self, scene: Scene, said: Said) -> Document:
        """By its own name."""
        return {**said, "upstream": (await named_upstream(scene, said["upstream"]))["id"]}

    def concerns(self, order: Document, said: Said) -> bool:
        """Those that give weights, and drain nothing."""
        return order["upstream"] == said["upstream"] and bool(order["weights"]) and not order["drain"]

    def about(self, said: Said) -> Document:
        """Of which upstream."""
        return {"upstream": said["upstream"]}

    def nothing(self, said: Said) -> str:
        """They hold already."""
        return f"The targets of {said['upstream']} have the weights of the settings."

    def shown(self, order: Document) -> str:
        """As they were typed."""
        return f"the weights {', '.join(f'{name}={weight}' for name, weight in order['weights'].items())}"


ORDERS = (Drain(), Undrain(), Weight(), WeightAuto())
