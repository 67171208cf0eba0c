"""Purges of the response cache. Nothing of them is to be taken back: answers are fetched anew when asked for."""

from __future__ import annotations

import re

from bot.adapters.gateway.orders.order import Document, Note, Order, Said, Scene
from commands.errors import Conflict
from commands.ports import Draft, Operation, OutcomeUnknown
from commands.presentation.words import counted

_KIND = "cache_purged"
_REMEMBERED = 100
#: Upstreams that live by the cache may fall over without it, be it only one of them.
_WHOLE_HOST = re.compile(r"(?:https?://(?P<host>[^/]+))?/")
_AGAIN = "Ask again to be sure: it does no harm twice"


class Purge(Order):
    """Of a URL, of all with a prefix, or of all with a tag; `soft`: stale, and asked about."""

    name = "purge"

    def __init__(self) -> None:
        self._answers: dict[str, tuple[str, str]] = {}
        """What came of the last ones, as (state, words) by plan: the gateway keeps only that they were asked for."""

    async def think(self, scene: Scene, said: Said) -> Draft:
        """How much there is to lose. Which entries fit is known when it is done."""
        document = (await scene.get("/admin/config"))["config"]
        routes = [one["id"] for one in document["routes"] if _is_cached(one, document)]
        if not routes:
            raise Conflict("No route has the cache, so there is nothing to purge.", example="/gw cache")
        stats = await scene.get("/cache/stats")
        ratio = stats["hit_ratio"]
        saved = "nobody has asked it yet" if ratio is None else f"{ratio:.0f}% of what is asked for comes from it"
        wide = _WHOLE_HOST.fullmatch(said["value"]) if said["by"] == "prefix" else None
        return Draft(
            live={"routes": ", ".join(routes)},
            settled={"by": said["by"], "value": said["value"], "soft": bool(said["soft"])},
            before={},
            facts=(
                ("In the cache", f"{counted(stats['size'], 'entry', 'entries')}, {stats['memory_usage']} MB; {saved}"),
                ("Of routes", ", ".join(routes)),
                *((("Careful", f"that is everything of {wide['host'] or 'all hosts'}"),) if wide else ()),
            ),
            dangerous=wide is not None,
        )

    async def send(self, scene: Scene, draft: Draft, note: Note) -> None:
        """One request. What one worker has not confirmed is remembered as that."""
        by, soft = draft.settled["by"], draft.settled["soft"]
        value = True if by == "all" else draft.settled["value"]
        try:
            answer = await scene.wire.send("POST", "/cache/purge", {by: value, "soft": soft, **note.signed})
        except OutcomeUnknown as unclear:
            self._remember(
                note.plan,
                "failed",
                f"it was asked for, and not every worker is known to have done it ({unclear}). {_AGAIN}",
            )
            raise
        self._remember(note.plan, "done", _counted(answer))

    def _remember(self, plan: str, state: str, words: str) -> None:
        self._answers[plan] = (state, words)
        while len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]

    async def became(self, scene: Scene, settled: Said, plan: str) -> Operation | None:  # noqa: ARG002
        """In the history it is written before it is done; what came of it, the answer has said."""
        changes = (await scene.get("/admin/history", limit=1000))["changes"]
        if not any(one["kind"] == _KIND and str(one["reason"]).startswith(f"{plan} ") for one in changes):
            return None
        lost = ("failed", f"it was asked for, and what came of it is not known. {_AGAIN}")
        state, words = self._answers.get(plan, lost)
        return Operation(id=plan, state=state, done=0, total=0, error=words, words=words)


class PurgeAll(Purge):
    """Of everything."""

    name = "purge all"


def _is_cached(route: Document, document: Document) -> bool:
    own = route.get("cache")
    return bool((own or document["cache"])["enabled"])


def _counted(answer: Document) -> str:
    entries, workers = answer.get("purged", 0), answer.get("workers", 0)
    return f"{counted(entries, 'entry', 'entries')} purged in {counted(workers, 'worker')}"


ORDERS = (Purge(), PurgeAll())
