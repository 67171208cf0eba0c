"""Two decisions together: what a change of the policy means for a plan that is being approved."""

from __future__ import annotations

from commands.policy.document import CLASSES, Bound
from commands.policy.question import Decision


def stricter(old: Decision, new: Decision) -> Decision:
    """What both allow, with the bounds of both: a plan that waits is never loosened, one that is denied stays so."""
    if not (old.allowed and new.allowed):
        return new if not new.allowed else old.model_copy(update={"version": new.version})
    return Decision(
        allowed=True,
        rule=new.rule,
        klass=max(old.klass, new.klass, key=_harm),
        approvals=max(old.approvals, new.approvals),
        approvers=tuple(dict.fromkeys((*old.approvers, *new.approvers))),
        limits=_narrowed(old.limits, new.limits),
        lease=min((one.lease for one in (old, new) if one.lease is not None), default=None),
        version=new.version,
    )


def _harm(klass: str) -> int:
    return [str(one) for one in CLASSES].index(klass) if klass in CLASSES else -1


def _narrowed(old: dict[str, Bound], new: dict[str, Bound]) -> dict[str, Bound]:
    both = {name: old[name].narrowed(new[name]) for name in old.keys() & new.keys()}
    return {**old, **new, **both}
