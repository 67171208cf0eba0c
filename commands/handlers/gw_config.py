"""`/gw config versions` and `/gw config diff`: which configuration holds, who loaded it and why, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Card, Code, Rich, Table, Tone, When, rich, strong
from commands.context import Call
from commands.grammar.arguments import Option, Word
from commands.handlers.common import show_gathered
from commands.locating import Somewhere, named, steered
from commands.ports import Configuration, Configurations
from commands.presentation.whose import actor
from commands.presentation.words import cut, first_lines
from commands.redaction import redact
from commands.registry import ADMIN, READERS, ActionClass, Command

_MOST = 100


@dataclass(frozen=True)
class VersionsArgs(Somewhere):
    """Arguments of `/gw config versions`."""

    limit: Annotated[int, Option("--limit", f"how many, at most {_MOST}")] = 10


@dataclass(frozen=True)
class DiffArgs(Somewhere):
    """Arguments of `/gw config diff`."""

    before: Annotated[int, Word("a number of /gw config versions")]
    after: Annotated[int, Word("another; the one that holds, when left out")] = 0


async def versions(args: VersionsArgs, call: Call) -> Card:
    """The newest first."""
    steering, workload = await steered(args, call)
    found = await steering.configurations(workload.target)
    shown = found.versions[: max(1, min(args.limit, _MOST))]
    more = len(found.versions) - len(shown)
    return Card(
        title=f"Configuration {found.current.number} of {named(workload, call)} holds{_in_part(found)}",
        tone=Tone.WARNING if found.refused or not found.agreed else Tone.NEUTRAL,
        paragraphs=(
            *_refused(found, call),
            *((rich(f"{more:,} more left out, which are older."),) if more > 0 else ()),
        ),
        table=Table(
            columns=("Number", "Since", "By", "How", "Why"), rows=tuple(_row(one, found, call) for one in shown)
        ),
        footer=_next(found),
    )


def _next(found: Configurations) -> Rich:
    """What can be done with the one before."""
    if len(found.versions) == 1:
        return ()
    before = found.versions[1].number
    differs, back = Code(text=f"/gw config diff {before}"), Code(text=f"/gw config rollback {before}")
    return rich("What is new: ", differs, " · to go back: ", back)


def _in_part(found: Configurations) -> str:
    return "" if found.agreed else ", but not in all workers yet"


def _refused(found: Configurations, call: Call) -> tuple[Rich, ...]:
    """The last attempt, where it failed: what is in the file is not what holds."""
    if found.refused is None:
        return ()
    one = found.refused
    told = rich(strong("The last one was refused"), " at ", When(at=one.at, style="full"), ", asked for by ")
    return (told + rich(actor(one.by, call), f": {cut(redact(one.message), 600)}"),)


def _row(one: Configuration, found: Configurations, call: Call) -> tuple[Rich, ...]:
    number = strong(str(one.number)) if one is found.current else str(one.number)
    went = f" to {one.went_back_to}" if one.went_back_to else ""
    how = f"{one.cause.replace('_', ' ')}{went}"
    return (
        rich(number),
        rich(When(at=one.at, style="full")),
        rich(actor(one.by, call)),
        rich(how),
        rich(cut(redact(one.reason), 120) or "-"),
    )


async def diff(args: DiffArgs, call: Call) -> Card:
    """What the second changes of the first."""
    steering, workload = await steered(args, call)
    after = args.after or (await steering.configurations(workload.target)).current.number
    text = redact(await steering.differences(workload.target, args.before, after))
    title = f"Configuration {after} of {named(workload, call)} against {args.before}"
    if not text:
        return Card(title=f"{title}: no difference")
    return Card(
        title=title,
        preformatted=first_lines(text.splitlines(), most=120),
        footer=rich("To go back to it: ", Code(text=f"/gw config rollback {args.before}")),
    )


COMMANDS = (
    Command(
        path=("gw", "config", "versions"),
        args=VersionsArgs,
        summary="Show which configuration holds, those before it, who loaded each and why.",
        example="/gw config versions",
        gather=versions,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="In a cluster the settings are a ConfigMap: /gw configmap.",
    ),
    Command(
        path=("gw", "config", "diff"),
        args=DiffArgs,
        summary="Show what differs between two configurations of the gateway.",
        example="/gw config diff 3 4",
        gather=diff,
        decide=show_gathered,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
        needs=ADMIN,
        instead="In a cluster the settings are a ConfigMap: /gw configmap.",
    ),
)
