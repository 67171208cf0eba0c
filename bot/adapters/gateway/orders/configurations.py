"""The way back to an earlier configuration."""

from __future__ import annotations

import re
from typing import Any

from bot.adapters.gateway.orders.order import Document, Note, Order, Said, Scene, ago, plan_of
from commands.errors import Conflict, NotFound, Refusal
from commands.ports import Draft, Operation, Rejected
from commands.presentation.words import counted, cut, first_lines

#: Keys that decide who is believed, and who may ask.
_ADMITS = re.compile(
    r"^(?:admin|auth|ip_filter)\.|^server\.trusted_proxies|^maintenance\.bypass_|^routes$"
    r"|^routes\..*(?:auth_required|roles|permissions|path|ip_filter)"
)


class Rollback(Order):
    """It gets a number of its own. The file stays as it is."""

    name = "config rollback"

    async def think(self, scene: Scene, said: Said) -> Draft:
        """What would differ."""
        versions: list[Document] = (await scene.get("/admin/config/versions"))["versions"]
        current, number = versions[0], said["number"]
        wanted = next((one for one in versions if one["number"] == number), None)
        if wanted is None:
            numbers = [str(one["number"]) for one in versions]
            raise NotFound(
                f"There is no configuration {number} of {scene.service} any more, or not yet.",
                hint="I know",
                allowed=numbers,
            )
        changes = await _changes(scene, current["number"], number)
        careful = _careful(changes)
        return Draft(
            live={"configuration": current["number"]},
            settled={"number": number},
            before={"number": current["number"]},
            already=_already(current, wanted, changes, said.get("plan")),
            facts=(
                ("Now", _told(current, scene)),
                ("Then", _told(wanted, scene)),
                ("The file", "stays as it is, and is loaded when it changes, and at the next start: put it right, too"),
                *careful,
            ),
            diff=first_lines([line for one in changes for line in lines_of(one)]),
            dangerous=bool(careful),
        )

    async def objection(self, scene: Scene, said: Said, draft: Draft) -> Refusal | None:  # noqa: ARG002
        """What operators had overridden then is no configuration to go back to: only what it was made of is."""
        versions: list[Document] = (await scene.get("/admin/config/versions"))["versions"]
        number = draft.settled["number"]
        older = [one for one in versions if one["number"] <= number]
        made_of = next((one["number"] for one in older if not _is_override(one)), None)
        if made_of is None or made_of == number or not await _changes(scene, made_of, number):
            return None
        return Conflict(
            f"Configuration {number} is {made_of} with single keys overridden for a while.",
            hint="A rollback leaves those as they are.",
            example=f"/gw config rollback {made_of}",
        )

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One request, with the number that holds now."""
        body = {"number": draft.settled["number"], "expected": {"number": draft.live["configuration"]}, **note.signed}
        answer = await scene.wire.send("POST", "/admin/config/rollback", body)
        if answer and answer.get("result") == "unchanged":
            raise Rejected("nothing would change: what differs is overridden by operators, or was then")

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:  # noqa: ARG002
        """Its own version, and which workers go by it."""
        versions: list[Document] = (await scene.get("/admin/config/versions"))["versions"]
        mine = next((one for one in versions if plan_of(one) == plan), None)
        if mine is None:
            return None
        found = await scene.get("/admin/config")
        if found["number"] != mine["number"]:
            error = f"configuration {mine['number']} held, and {_told(found, scene)} has come after it"
            return Operation(id=plan, state="failed", done=0, total=0, error=error)
        workers = found["workers"]
        there = sum(one["number"] == mine["number"] for one in workers)
        words = f"configuration {mine['number']} holds in {there} of {counted(len(workers), 'worker')}"
        return Operation(
            id=plan, state="done" if found["agreed"] else "running", done=there, total=len(workers), words=words
        )


def _already(current: Document, wanted: Document, changes: list[Document], plan: str | None) -> str:
    """Whether it holds: to who asks, where nothing would differ; to its plan, where its own version does."""
    if plan is not None and plan_of(current) == plan:
        return f"Configuration {current['number']} holds because of it."
    if plan is not None or changes:
        return ""
    if current["number"] == wanted["number"]:
        return f"Configuration {wanted['number']} holds already."
    return f"Configuration {wanted['number']} does not differ from {current['number']}, but for what is overridden."


async def _changes(scene: Scene, before: int, after: int) -> list[Document]:
    """What differs, but for keys that operators have overridden: those stay as they are."""
    found: list[Document] = (await scene.get("/admin/config/diff", **{"from": before, "to": after}))["changes"]
    overrides = (await scene.get("/admin/config/overrides"))["overrides"]
    held = [key for one in overrides for key in one["changes"]]
    return [one for one in found if not any(f"{one['key']}.".startswith(f"{key}.") for key in held)]


def _careful(changes: list[Document]) -> tuple[tuple[str, str], ...]:
    """An earlier one may let in again who was shut out since, so that somebody else looks at it, too."""
    keys = [one["key"] for one in changes if _ADMITS.search(one["key"])]
    return (("Careful", f"it changes who is let in: {cut(', '.join(keys), 300)}"),) if keys else ()


def _is_override(version: Document) -> bool:
    return str(version["cause"]).startswith("override")


def _told(version: Document, scene: Scene) -> str:
    why = f": {cut(version['reason'], 120)}" if version["reason"] else ""
    return f"{version['number']}, {version['cause']} by {version['actor']} {ago(version['loaded_at'], scene.now)}{why}"


def lines_of(change: Document) -> list[str]:
    """One key of a difference, as a diff shows it."""
    key, before, after = change["key"], change["before"], change["after"]
    if before == after:
        return [f"~{key}: another secret"]
    return [f"{sign}{key}: {_value(value)}" for sign, value in (("-", before), ("+", after)) if value is not None]


def _value(value: Any) -> str:
    return cut(str(value), 300)


ORDERS = (Rollback(),)
