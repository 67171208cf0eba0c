"""What an action is to the engine (mitigation.md, "The path of a command")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from commands.cards import Fact
from commands.context import Services
from commands.domain.plan import Plan, Target
from commands.ports import Workload
from commands.presentation.words import counted


@dataclass(frozen=True)
class Proposal:
    """What an action would do, found out by reading only.

    `fingerprint` holds the meaningful live fields: when they differ at execution, the plan is void. `undo`
    says how it is taken back. `facts` are shown on the plan's card. `removes` is the share of ready capacity (0 to 1)
    that is gone afterwards, for the blast budget.
    """

    action: str
    arguments: dict[str, Any]
    target: Target
    fingerprint: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    summary: str
    undo: str
    facts: tuple[Fact, ...] = ()
    undoes: str | None = None
    removes: float = 0.0


@dataclass(frozen=True)
class Observation:
    """What a read-back found. `absent`: the request never arrived, and the target is as it was before.

    `took_effect`: the target has been changed by the request, however far it has come.
    """

    state: Literal["absent", "running", "done", "failed", "different"]
    detail: str
    done: int = 0
    total: int = 0
    took_effect: bool = False


class Action(Protocol):
    """One kind of mitigation."""

    name: str

    async def fingerprint(self, services: Services, plan: Plan) -> dict[str, Any]:
        """The live fields that the plan was made on, read again."""

    async def execute(self, services: Services, plan: Plan) -> None:
        """Ask the target once. Raises Rejected, OutcomeUnknown."""

    async def observe(self, services: Services, plan: Plan) -> Observation:
        """Read back; never changes anything."""

    def inverse(self, plan: Plan) -> Mapping[str, Any] | None:
        """The arguments that take a finished plan back, or None where nothing can."""

    def shows(self, plan: Plan, workload: Workload) -> bool:
        """Whether the target is as a plan would leave it."""


def fingerprint_of(workload: Workload) -> dict[str, Any]:
    """Identity and wished count: what both actions on copies are planned on."""
    return {"uid": workload.target.uid, "replicas": workload.desired}


def replaced(plan: Plan, workload: Workload) -> Observation | None:
    """What to say when the target of a plan has been replaced by another: nobody knows what became of the request."""
    if workload.target.uid == plan.target.uid:
        return None
    now = f"{counted(workload.desired, 'worker')}, {workload.ready} ready"
    return Observation("different", f"{plan.target.name} was replaced meanwhile by a new one, which has {now}")
