"""What a platform that keeps its objects on a server can change of them, each change thought out before it is asked.

The core names a change and gives plain values; what request that becomes is the adapter's own business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from commands.domain.plan import Target
from commands.ports.values import Operation, Workload, _Value


class Draft(_Value):
    """What a change would do, found out by reading and by trying it dry.

    `live` are the fields that it stands on, by their names for people; `settled` its arguments with everything that is
    fixed now (a full image, a revision's own name); `before` what would put it back. `already` says why nothing would
    change, and is empty where something would. `removes` is the share of ready capacity that is gone for a while.
    `dangerous`: it can do more harm than its kind mostly does, and needs a second person for that.
    """

    live: dict[str, Any]
    settled: dict[str, Any]
    before: dict[str, Any]
    already: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    diff: str = ""
    removes: float = 0.0
    dangerous: bool = False


class Drafted(Workload):
    """A target with what one change of it would do."""

    draft: Draft


@runtime_checkable
class Alterations(Protocol):
    """Changes of a service's objects, by name: `image`, `pod delete` ..."""

    async def draft(self, change: str, target: Target, said: Mapping[str, Any], *, dry_run: bool) -> Draft:
        """What a change would do. `said`: its arguments, or what was settled of them before.

        Raises:
            NotFound: what it names is not there. Conflict: it cannot be, or the server would refuse it.
            Unavailable: no answer.
        """

    async def alter(
        self,
        change: str,
        target: Target,
        settled: Mapping[str, Any],
        *,
        live: Mapping[str, Any],
        plan: str,
        actor: str,
        lasts: timedelta | None = None,
    ) -> None:
        """Ask once for it, if the fields that it stands on are as they were. Never retries.

        `lasts`: for how long, if not for good. It is taken back then; a target that can do that by itself does so a
        little later, for the case that nobody is there to do it.

        Raises:
            Rejected: refused with certainty. OutcomeUnknown: no clear answer.
        """

    async def prolong(
        self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str, lasts: timedelta
    ) -> None:
        """Have one that the target would end by itself last so long from now on; nothing is to be done for others.

        Raises as `alter`, and NotFound, Unavailable.
        """

    async def pursue(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str, actor: str) -> None:
        """The next round of one that takes many requests, as evictions; each asks for what is still to be done.

        Raises as `alter`, and NotFound, Unavailable.
        """

    async def altered(self, change: str, target: Target, settled: Mapping[str, Any], *, plan: str) -> Operation | None:
        """What became of it; None: it never arrived. Raises NotFound, Unavailable."""
