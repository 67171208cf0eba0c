"""`/gw configmap`: what the ConfigMaps say, how that differs from before, and which copies still run with that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Code, Fact, Rich, Table, Tone, When, fact, rich
from commands.context import Call
from commands.errors import NotFound
from commands.grammar.arguments import Flag, Word
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, beneath, named
from commands.ports.inspecting import ConfigMap
from commands.presentation.words import counted, first_lines
from commands.redaction import redact
from commands.registry import KUBERNETES, READERS, ActionClass, Command

_FILES = "mounted as files"


@dataclass(frozen=True)
class ConfigMapArgs(Somewhere):
    """Arguments of `/gw configmap`."""

    name: Annotated[str, Word("one of the gateway's ConfigMaps; else all are listed")] = ""
    whole: Annotated[bool, Flag("--whole", "what it says now, also where something older is known")] = False


async def config_map(args: ConfigMapArgs, call: Call) -> Card:
    """One, or the list of them."""
    inspection, workload = await beneath(args, call)
    found = await inspection.config_maps(workload.target)
    if not found:
        title = f"{named(workload, call)} uses no ConfigMap"
        return Card(title=title, paragraphs=(rich("Its environment: ", Code(text="/gw config")),))
    if not args.name and len(found) > 1:
        return _listed(f"ConfigMaps of {named(workload, call)}", found)
    chosen = next((one for one in found if args.name in {"", one.name}), None)
    if chosen is None:
        names = [one.name for one in found]
        raise NotFound(f"{named(workload, call)} uses no ConfigMap {args.name[:60]!r}.", hint="It uses", allowed=names)
    return _one(chosen, whole=args.whole)


def _listed(title: str, found: Sequence[ConfigMap]) -> Card:
    rows = tuple((rich(one.name), rich(one.how), _changed(one), rich(_behind(one) or "no")) for one in found)
    return Card(
        title=title,
        tone=Tone.WARNING if any(map(_waits, found)) else Tone.NEUTRAL,
        table=Table(columns=("Name", "Used", "Changed", "Older in use"), rows=rows),
        footer=rich("One in full: ", Code(text=f"/gw configmap {found[0].name}")),
    )


def _changed(one: ConfigMap) -> Rich:
    return rich(When(at=one.changed_at, style="full")) if one.changed_at else rich("-")


def _waits(one: ConfigMap) -> bool:
    """Whether copies run with what it said before, and will until they are restarted."""
    return bool(one.stale) and one.how != _FILES


def _behind(one: ConfigMap) -> str:
    if not one.stale:
        return ""
    who = f"{len(one.stale)} of {counted(one.copies, 'copy', 'copies')}"
    return f"{who} started before" + (", read anew within minutes" if one.how == _FILES else "")


def _one(one: ConfigMap, *, whole: bool) -> Card:
    differs = bool(one.diff) and not whole
    said = [rich(f"Against {one.against}:")] if differs else []
    said += [rich("To have them read it: ", Code(text="/gw restart"))] if _waits(one) else []
    return Card(
        title=f"ConfigMap {one.name}{': what has changed' if differs else ''}",
        tone=Tone.WARNING if _waits(one) else Tone.NEUTRAL,
        paragraphs=tuple(said),
        facts=tuple(_facts(one)),
        preformatted=first_lines(redact(one.diff if differs else one.text).splitlines(), most=120),
        footer=rich("As it is now: ", Code(text=f"/gw configmap {one.name} --whole")) if differs else (),
    )


def _facts(one: ConfigMap) -> list[Fact]:
    found = [fact("Used", one.how)]
    found += [fact("Changed", When(at=one.changed_at, style="full"))] if one.changed_at else []
    found += [fact("Older in use", _behind(one))] if one.stale else []
    older = "nothing older is known" if not one.against else "no difference" if not one.diff else ""
    return found + ([fact("Before", older)] if older else [])


COMMANDS = (
    Command(
        path=("gw", "configmap"),
        args=ConfigMapArgs,
        summary="Show the ConfigMaps: what has changed, and which copies still run with what was before.",
        example="/gw configmap",
        gather=config_map,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=KUBERNETES,
        instead="/gw config shows the configuration.",
    ),
)
