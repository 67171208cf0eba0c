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

    An anchor follows one of those before it: two processes may have read the same newest one. Anchors of S3 may begin
    in the middle, so that the first has no forerunner here.
    """
    before: set[str] = set()
    for anchor in anchors:
        said = f"{anchor.at:%Y-%m-%d %H:%M} UTC"
        if not made(anchor):
            return anchor.sequence, f"its anchor of {said} does not bear the signature of our key"
        if before and anchor.previous not in before:
            return anchor.sequence, f"the anchors before that of {said} were changed or taken away"
        if anchor.sequence not in kept:
            return anchor.sequence, f"it is gone, and was there at {said}, when it was anchored"
        if kept[anchor.sequence] != anchor.digest:
            return anchor.sequence, f"it is not what was anchored at {said}: the audit was written anew"
        before.add(anchor.digest_of_line())
    return None


class Anchorage:
    """The place of the anchors, and the key that they are signed with, which is read when it is needed."""

    def __init__(self, where: Place, settings: AuditSettings) -> None:
        self.place = where
        self._settings = settings
        self._signer: Signer | None = None

    def signer(self, *, make: bool = False) -> Signer:
        """The key; `make` it where there is none. Raises AnchorError."""
        self._signer = self._signer or signer(self._settings, make=make)
        return self._signer

    def look(self) -> Look:
        """Read the anchors; what comes back holds them against an audit. Blocks; what cannot be read is said there."""
        try:
            anchors = self.place.all()
            made = self.signer().made if anchors else None
        except AnchorError as error:
            trouble = str(error)
            return lambda _, report: report.model_copy(update={"trouble": trouble})
        if made is None:
            none = f"there is no anchor at {self.place.name}"
            return lambda _, report: report.model_copy(update={"trouble": none if report.entries else ""})
        return lambda connection, report: _held_against(connection, report, anchors, made)


def _held_against(
    connection: sa.Connection, report: AuditReport, anchors: Sequence[Anchor], made: Callable[[Anchor], bool]
) -> AuditReport:
    newest = anchors[-1]
    seen = {"anchors": len(anchors), "anchored_entry": newest.sequence, "anchored_at": newest.at}
    found = flaw(anchors, digests(connection, [one.sequence for one in anchors]), made)
    if report.broken_at is None and found is not None:
        seen |= {"broken_at": found[0], "why": found[1]}
    return report.model_copy(update=seen)


def anchorage(settings: AuditSettings) -> Anchorage | None:
    """That of the settings; None where they name none. Raises AnchorError."""
    return Anchorage(place(settings), settings) if settings.anchor else None
