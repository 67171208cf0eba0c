"""What an action is to the engine (mitigation.md, "The path of a command"): one file each.

A file of `commands/actions/` that defines `ACTION` is an action and a command at once. It says what it reads, what it
would do and how that is seen afterwards; the clock, the policy, the votes, the lock, the second look, the audit, the
verification and the undo are the engine's, alike for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from commands.context import Call, Services
from commands.domain.plan import Finding, Plan, Target
from commands.errors import Conflict
from commands.grammar.arguments import Option
from commands.locating import Somewhere, workload_of
from commands.ports import Workload
from commands.presentation.words import counted
from commands.registry import ActionClass


@dataclass(frozen=True, kw_only=True)
class Options(Somewhere):
    """What every mitigation takes besides its own arguments."""

    at: Annotated[datetime | None, Option("--at", "when it runs, as 14:05; it is confirmed now")] = None
    wait: Annotated[timedelta | None, Option("--in", "how long it waits before it runs, as 20m")] = None
    why: Annotated[str, Option("--break-glass", "why it cannot wait for an approval; reviewed later")] = ""


@dataclass(frozen=True, kw_only=True)
class Leasable(Options):
    """What a mitigation takes besides that may be temporary: it ends by itself, and what was before comes back."""

    lasts: Annotated[timedelta | None, Option("--for", "how long it lasts, as 30m; then it is taken back")] = None


A = TypeVar("A", bound=Options)


@dataclass(frozen=True)
class Preview:
    """What would change, found out by reading only.

    `after` is what the target is to be; `removes` the share of ready capacity (0 to 1) that is gone for a while, for
    the blast budget; `undo` says how it is taken back, `back` is the command for that; `facts` are pairs of a label
    and its value, for the plan's card. `steps` are given for a change that is made gradually: what is to be there
    after each, the last being `after`; `execute` and `observe` are asked for one at a time. `rounds`: it takes many
    requests, and `pursue` asks for them until it is done or somebody stops it. `again` goes on from there;
    `{left}` in it is what the last read-back, or else the last step that was made, says there is `left`.
    `touches`: what it is about, where that is not the target itself but a node, a Service, an address. `dangerous`: it
    is more than its action declares; never less.
    """

    summary: str
    before: dict[str, Any]
    after: dict[str, Any]
    undo: str
    back: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    diff: str = ""
    removes: float = 0.0
    steps: tuple[dict[str, Any], ...] = ()
    rounds: bool = False
    again: str = ""
    touches: str = ""
    dangerous: bool = False


@dataclass(frozen=True)
class Proposal:
    """An action with what was found out about it: all that a plan is made of, but for who asks and when."""

    action: str
    klass: ActionClass
    options: Options
    arguments: dict[str, Any]
    target: Target
    fingerprint: dict[str, Any]
    preview: Preview
    findings: tuple[Finding, ...] = ()
    undoes: str | None = None


@dataclass(frozen=True)
class Observation:
    """What a read-back found. `absent`: the request never arrived, and the target is as it was before.

    `took_effect`: the target has been changed by the request, however far it has come. `until`: it has been given so
    long, and nobody gives up before, within the longest that the settings allow.
    `left`: what whoever goes on from here has to do, where that is known.
    """

    state: Literal["absent", "running", "done", "failed", "different"]
    detail: str
    done: int = 0
    total: int = 0
    took_effect: bool = False
    until: datetime | None = None
    left: int | None = None


class Action(ABC, Generic[A]):
    """One kind of mitigation. `A` is its argument class, read by the grammar.

    An `A` that is `Leasable` takes `--for`: the change has a lease, and ends by itself (rule 8). Where `temporary`
    is set it always has one. The end runs as the `inverse`, where the target still `shows` the plan. `parts`: the keys
    of `after` that say which part of the target is changed, where two changes may stand beside each other.
    `ends_there`: the target would end it by itself, and is told when its lease is renewed.
    """

    name: ClassVar[str]
    path: ClassVar[tuple[str, ...]]
    summary: ClassVar[str]
    example: ClassVar[str]
    klass: ClassVar[ActionClass] = ActionClass.MITIGATION
    needs: ClassVar[str] = ""
    instead: ClassVar[str] = ""
    temporary: ClassVar[bool] = False
    parts: ClassVar[tuple[str, ...]] = ()
    ends_there: ClassVar[bool] = False
    args: type[A]

    async def resolve(self, args: A, call: Call) -> Workload:
        """The target, by identity. Raises NotFound, Conflict (it fits several), Unavailable."""
        return await workload_of(args, call)

    async def detect(self, args: A, target: Workload, call: Call) -> Sequence[Finding]:  # noqa: ARG002
        """What speaks against it: who else owns the target, what runs already. One that stops it is refused."""
        return await call.services.deployments.objections(target.target, self.name)

    async def regard(self, target: Workload, args: A, services: Services) -> Workload:  # noqa: ARG002
        """The target with what this action has to know of it besides; it was read for another action, or for none."""
        return target

    @abstractmethod
    async def preview(self, args: A, target: Workload, call: Call) -> Preview:
        """What would change. Raises Malformed for arguments out of policy, Conflict when nothing would change."""

    def fingerprint(self, target: Workload) -> dict[str, Any]:
        """The meaningful live fields that the plan is made on; if they differ at execution, the plan is void."""
        return {"uid": target.target.uid, "replicas": target.desired}

    async def look(self, services: Services, plan: Plan) -> Workload:
        """The target of a plan, read again."""
        return await services.deployments.find(plan.target.name, plan.target.location)

    @abstractmethod
    async def execute(self, services: Services, plan: Plan) -> None:
        """Ask the target once. Raises Rejected, OutcomeUnknown."""

    async def pursue(self, services: Services, plan: Plan) -> None:
        """The next round of a change that takes many requests. Raises as `execute`, and Refusal."""

    async def prolong(self, services: Services, plan: Plan, lasts: timedelta) -> None:
        """Have the target not end a finished plan before that by itself. Raises as `pursue`."""

    @abstractmethod
    async def observe(self, services: Services, plan: Plan) -> Observation:
        """Read back; never changes anything."""

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any] | None:  # noqa: ARG002 - many have none
        """The action and its arguments that take a finished plan back, or None where nothing can."""
        return None

    def shows(self, plan: Plan, target: Workload) -> bool:  # noqa: ARG002 - many leave nothing that could be seen
        """Whether the target is as a plan would leave it."""
        return False


async def planned(action: Action[A], args: A, call: Call) -> Proposal:
    """Everything about a plan that is found out by asking the outside. Raises Refusal where it cannot be."""
    return await planned_on(await action.resolve(args, call), action, args, call)


async def planned_on(
    target: Workload, action: Action[A], args: A, call: Call, *, undoes: Plan | None = None
) -> Proposal:
    """As `planned`, on a target that was read; `undoes` is the plan that it takes back."""
    target = await action.regard(target, args, call.services)
    preview = await action.preview(args, target, call)
    if undoes:
        preview = _as_undo(preview)
    findings = tuple(await action.detect(args, target, call))
    _refuse_stopped(findings, target)
    return Proposal(
        action=action.name,
        klass=ActionClass.DANGEROUS if preview.dangerous else action.klass,
        options=args,
        arguments={name: value for name, value in vars(args).items() if name not in _COMMON},
        target=target.target,
        fingerprint=action.fingerprint(target),
        preview=preview,
        findings=findings,
        undoes=undoes.id if undoes else None,
    )


def _as_undo(preview: Preview) -> Preview:
    summary = f"Undo: {preview.summary[0].lower()}{preview.summary[1:]}"
    return replace(preview, summary=summary, undo=f"{preview.back} puts it back" if preview.back else preview.undo)


_COMMON = {field.name for field in fields(Leasable)}


def _refuse_stopped(findings: Sequence[Finding], target: Workload) -> None:
    for finding in findings:
        if finding.stops:
            instead = f"{finding.instead[0].upper()}{finding.instead[1:]}." if finding.instead else ""
            raise Conflict(f"{target.target.name}: {finding.what}.", hint=instead)


def replaced(plan: Plan, workload: Workload) -> Observation | None:
    """What to say when the target of a plan has been replaced by another: nobody knows what became of the request."""
    if workload.target.uid == plan.target.uid:
        return None
    now = f"{counted(workload.desired, 'worker')}, {workload.ready} ready"
    return Observation("different", f"{plan.target.name} was replaced meanwhile by a new one, which has {now}")
