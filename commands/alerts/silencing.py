"""Silences: nobody is told of some alerts for a while. They are listed, and told of again when it is over."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from commands.cards import When
from commands.context import Call
from commands.domain.alert import Group, Silence
from commands.errors import Malformed
from commands.ports import Transaction
from commands.presentation.alerts import silenced_card
from commands.presentation.words import lasting

LONGEST = timedelta(days=30)


def silence_service(scope: str, span: timedelta, why: str, call: Call, tx: Transaction) -> Silence:
    """Begin one, of a service or of a label; what was suggested for the service is answered by it."""
    if not timedelta(0) < span <= LONGEST:
        raise Malformed(f"A silence lasts up to {lasting(LONGEST)}.", example=f"/silence {scope} 2h why")
    silence = Silence(
        id=f"silence-{hashlib.sha256(call.delivery.encode()).hexdigest()[:8]}",
        scope=scope,
        until=tx.now + span,
        by=call.person.id,
        why=why,
        at=tx.now,
    )
    tx.alerts.silence(silence)
    for group in tx.alerts.open_groups():
        if group.service == scope and not group.incident:
            _answer(group, silence, tx)
    return silence


def _answer(group: Group, silence: Silence, tx: Transaction) -> None:
    """The alerts leave their group, so that they are looked at anew when the silence is over."""
    shown = silenced_card(group, tx.alerts.tally(group.id), silence.by, When(at=silence.until))
    for key in group.cards:
        tx.messages.edit(key, shown)
    tx.alerts.release(group.id)
    tx.alerts.save(group.model_copy(update={"closed": True, "dirty": False}))
