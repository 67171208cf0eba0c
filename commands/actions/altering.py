"""What the actions share that change an object of the cluster: the adapter thinks the change out, and tries it dry.

Such an action reads its arguments and says in words what would happen. Everything else about the object (what it is
now, what the server would make of it, whether it arrived) comes through the port `Alterations`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from commands.actions.action import Action, Leasable, Observation, Options, Preview, replaced
from commands.context import Call, Services
from commands.domain.plan import Plan
from commands.errors import Conflict, Malformed, Unavailable
from commands.ports import Alterations, Draft, Drafted, Workload
from commands.redaction import MASK, redact_value
from commands.registry import KUBERNETES

A = TypeVar("A", bound=Options)
_COMMON = {field.name for field in fields(Leasable)}


class Alteration(Action[A]):
    """One change of one object. `name` is also the adapter's name for it."""

    needs: ClassVar[str] = KUBERNETES
    instead: ClassVar[str] = "The local gateway is changed with /gw scale and /gw restart."
    rounds: ClassVar[bool] = False
    look_at: ClassVar[str] = "/gw history"
    undo: ClassVar[str] = "/gw undo puts back what was before"

    @abstractmethod
    def says(self, args: A, draft: Draft, service: str) -> str:
        """What would happen, as the title of a plan."""

    def touches(self, draft: Draft) -> str:  # noqa: ARG002 - most are about the target itself
        """What is typed to confirm it, where it is dangerous: what would be lost."""
        return ""

    def back(self, draft: Draft) -> str:  # noqa: ARG002 - some have none
        """The command that puts back what was before; nothing where no line does."""
        return ""

    def again(self, draft: Draft) -> str:  # noqa: ARG002 - most are one request, which is not stopped
        """The command that goes on with what was stopped."""
        return ""

    def said(self, args: A) -> dict[str, Any]:
        """The arguments as the adapter wants them."""
        return {name: value for name, value in vars(args).items() if name not in _COMMON}

    def check(self, args: A) -> None:
        """Raises Malformed for arguments that no cluster could make right."""

    async def resolve(self, args: A, call: Call) -> Workload:
        """The target; arguments that cannot be are refused before anything is asked."""
        self.check(args)
        return await super().resolve(args, call)

    async def regard(self, target: Workload, args: A, services: Services) -> Workload:
        """The target with what this would do to it."""
        return await self._drafted(services, target, self.said(args), dry_run=True)

    async def look(self, services: Services, plan: Plan) -> Workload:
        """The target with what the settled change would do to it now."""
        return await self._drafted(services, await super().look(services, plan), plan.after, dry_run=False)

    async def preview(self, args: A, target: Workload, call: Call) -> Preview:  # noqa: ARG002
        """What the adapter found out. Raises Conflict when it is so already."""
        draft = _of(target)
        if draft.already:
            raise Conflict(draft.already, example=self.look_at)
        return Preview(
            summary=self.says(args, draft, target.target.name),
            before=draft.before,
            after=draft.settled,
            undo=self.undo,
            back=self.back(draft),
            facts=draft.facts,
            diff=draft.diff,
            removes=draft.removes,
            rounds=self.rounds,
            again=self.again(draft),
            touches=self.touches(draft),
            dangerous=draft.dangerous,
        )

    def fingerprint(self, target: Workload) -> dict[str, Any]:
        """The identity, and the fields that the change stands on."""
        return {"uid": target.target.uid, **_of(target).live}

    async def execute(self, services: Services, plan: Plan) -> None:
        """One request."""
        live = {key: value for key, value in plan.fingerprint.items() if key != "uid"}
        actor = plan.approver or plan.requester
        await port(services).alter(
            self.name, plan.target, plan.after, live=live, plan=plan.id, actor=actor, lasts=plan.lease
        )

    async def pursue(self, services: Services, plan: Plan) -> None:
        """See Action."""
        actor = plan.approver or plan.requester
        await port(services).pursue(self.name, plan.target, plan.after, plan=plan.id, actor=actor)

    async def prolong(self, services: Services, plan: Plan, lasts: timedelta) -> None:
        """See Action."""
        actor = plan.approver or plan.requester
        await port(services).prolong(self.name, plan.target, plan.after, plan=plan.id, actor=actor, lasts=lasts)

    async def observe(self, services: Services, plan: Plan) -> Observation:
        """Whether the change carries our note, and how far its workers have come."""
        workload = await super().look(services, plan)
        gone = replaced(plan, workload)
        if gone:
            return gone
        operation = await port(services).altered(self.name, plan.target, plan.after, plan=plan.id)
        if operation is None:
            return Observation("absent", "it never arrived; nothing was changed")
        done, total = operation.done, operation.total
        if operation.state == "failed":
            return Observation("failed", operation.error, done, total, took_effect=True)
        state: Any = operation.state
        course = operation.words or self.course(done, total)
        return Observation(state, course, done, total, took_effect=True, until=operation.until)

    def course(self, done: int, total: int) -> str:
        """How far it has come, in words."""
        return f"{done} of {total} workers run it" if total else "changed"

    def shows(self, plan: Plan, target: Workload) -> bool:
        """Whether it would change nothing now."""
        same = target.target.uid == plan.target.uid
        return same and isinstance(target, Drafted) and bool(target.draft.already)

    async def _drafted(
        self, services: Services, target: Workload, said: Mapping[str, Any], *, dry_run: bool
    ) -> Drafted:
        draft = await port(services).draft(self.name, target.target, said, dry_run=dry_run)
        return Drafted(**{name: getattr(target, name) for name in Workload.model_fields}, draft=draft)


def port(services: Services) -> Alterations:
    """The port. Raises Unavailable where nothing takes such changes."""
    if services.alterations is None:
        raise Unavailable("What runs the gateway here takes no such change.")
    return services.alterations


def _of(target: Workload) -> Draft:
    assert isinstance(target, Drafted), "it comes from regard or look"
    return target.draft


def refuse_secret(name: str, value: str, example: str) -> None:
    """Raises Malformed for what looks like a secret: a chat keeps what was said in it. What was masked on its way here
    was one."""
    if MASK in value or redact_value({name: value}) != {name: value}:
        raise Malformed(
            f"{name[:60]} looks like a secret, and a chat is no place for one.",
            hint="Change it where secrets are kept, then /gw restart. If this one was real, it is known to others now.",
            example=example,
        )
