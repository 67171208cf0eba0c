"""Compares an audit with its anchors: a database that was written anew, whole and consistent, is noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from bot.anchoring.places import Place, place
from bot.anchoring.settings import AuditSettings
from bot.anchoring.signing import Anchor, AnchorError, Signer, signer
from bot.store.audit import Look, digests
from commands.ports import AuditReport


def flaw(anchors: Sequence[Anchor], kept: Mapping[int, str], made: Callable[[Anchor], bool]) -> tuple[int, str] | None:
    """The first entry that is not as it was anchored, and why. `kept` are the digests of anchored entries, by number.

    Anchors of S3 may begin in the middle: the first has no forerunner here.
    """
    before: Anchor | None = None
    for anchor in anchors:
        said = f"{anchor.at:%Y-%m-%d %H:%M} UTC"
        if not made(anchor):
            return anchor.sequence, f"its anchor of {said} does not bear the signature of our key"
        if before is not None and anchor.previous != before.digest_of_line():
            return anchor.sequence, f"the anchors before that of {said} were changed or taken away"
        if anchor.sequence not in kept:
            return anchor.sequence, f"it is gone, and was there at {said}, when it was anchored"
        if kept[anchor.sequence] != anchor.digest:
            return anchor.sequence, f"it is not what was anchored at {said}: the audit was written anew"
        before = anchor
    return None


class Anchorage:
    """The place of the anchors and the key that they are signed with."""

    def __init__(self, where: Place, own: Signer) -> None:
        self.place = where
        self.signer = own

    def look(self) -> Look:
        """Read the anchors; what comes back holds them against an audit. Blocks; what cannot be read is said there."""
        try:
            anchors = self.place.all()
        except AnchorError as error:
            trouble = str(error)
            return lambda _, report: report.model_copy(update={"trouble": trouble})
        return lambda connection, report: self._held_against(connection, report, anchors)

    def _held_against(self, connection: sa.Connection, report: AuditReport, anchors: list[Anchor]) -> AuditReport:
        newest = anchors[-1] if anchors else None
        seen = report.model_copy(
            update={
                "anchors": len(anchors),
                "anchored_entry": newest.sequence if newest else 0,
                "anchored_at": newest.at if newest else None,
            }
        )
        if report.broken_at is not None:
            return seen
        found = flaw(anchors, digests(connection, [one.sequence for one in anchors]), self.signer.made)
        return seen if found is None else seen.model_copy(update={"broken_at": found[0], "why": found[1]})


def anchorage(settings: AuditSettings, *, make: bool = False) -> Anchorage | None:
    """That of the settings; None where they name none. `make`: a key, where there is none. Raises AnchorError."""
    return Anchorage(place(settings), signer(settings, make=make)) if settings.anchor else None
