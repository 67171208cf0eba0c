"""What `tocsin audit` does: verify, export, and the public key. Whether a bot runs on the database or not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TextIO

from bot.anchoring.checking import Anchorage, anchorage, flaw
from bot.anchoring.exporting import Format, anchored_in, between, verify_file, write
from bot.settings import Settings
from bot.store.audit import entries, read_at, verify_at
from commands.ports import AuditReport
from commands.presentation.words import counted


def verified(settings: Settings) -> AuditReport:
    """The audit of the database, held against its anchors. Raises StoreUnavailable, AnchorError."""
    url, patience = settings.database_url, settings.store.busy_timeout_seconds
    place = anchorage(settings.audit)
    return verify_at(url, busy_timeout=patience, look=place.look()) if place else verify_at(url, busy_timeout=patience)


def verified_file(settings: Settings, file: Path) -> AuditReport:
    """An export, held against the anchors of the entries that it has. Raises NoExport, AnchorError, OSError."""
    report, place = verify_file(file), anchorage(settings.audit)
    if place is None or report.broken_at is not None:
        return report
    return _against(report, file, place)


def _against(report: AuditReport, file: Path, place: Anchorage) -> AuditReport:
    anchors = place.place.all()
    kept = anchored_in(file, anchors)
    inside = [one for one in anchors if one.sequence in kept]
    if not inside:
        return report
    found = flaw(inside, kept, place.signer().made)
    seen = {"anchors": len(inside), "anchored_entry": inside[-1].sequence, "anchored_at": inside[-1].at}
    wrong = {"broken_at": found[0], "why": found[1]} if found else {}
    return report.model_copy(update=seen | wrong)


def said(report: AuditReport) -> str:
    """A report of an audit that is intact, in one line."""
    intact = f"The audit is intact: {counted(report.entries, 'entry', 'entries')}, head {report.head[:16]}."
    if report.trouble:
        return f"{intact} Its anchors could not be read, so only the chain was looked at: {report.trouble}"
    if report.anchored_at is None:
        return f"{intact} It is not anchored."
    return (
        f"{intact} It is what was anchored up to entry {report.anchored_entry}, {report.anchored_at:%Y-%m-%d %H:%M} "
        f"UTC ({counted(report.anchors, 'anchor')})."
    )


def export(settings: Settings, to: TextIO, form: Format, *, since: datetime | None, until: datetime | None) -> int:
    """Write the entries of a time; how many they were. Raises StoreUnavailable."""
    return read_at(
        settings.database_url,
        lambda c: write(between(entries(c), since, until), to, form),
        busy_timeout=settings.store.busy_timeout_seconds,
    )


def public_key(settings: Settings) -> str:
    """The public key of the anchors (PEM); empty where nothing is anchored. Raises AnchorError."""
    place = anchorage(settings.audit)
    return place.signer().public() if place else ""
