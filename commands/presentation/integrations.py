"""What other systems are yet to be told, as people read it: what is pending, since when, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from commands.cards import Button, Card, Code, Part, Rich, Tone, When, card, rich, strong
from commands.domain.errand import Errand, ErrandState, Integration
from commands.domain.maintenance import MARK
from commands.ports import Transaction
from commands.presentation.words import counted, cut

_MOST_WITH_BUTTONS = 5


def integrations_card(
    configured: Iterable[Integration], errands: list[Errand], now: datetime, *, built_in: bool
) -> Card:
    """Each integration, and the buttons for what is behind. `built_in`: the bot serves a status page itself."""
    mine = tuple(configured)
    behind: dict[Integration, list[Errand]] = {one: [] for one in mine}
    for one in errands:
        behind.setdefault(one.to, []).append(one)
    lines = [rich(strong("status page"), " (built in): up to date")] if built_in else []
    lines += [_line(to, some, now, configured=to in mine) for to, some in behind.items()]
    shown = card("Integrations", *(lines or [rich("None is configured.")]), tone=Tone.WARNING if errands else Tone.GOOD)
    first = [some[0] for some in behind.values() if some][:_MOST_WITH_BUTTONS]
    buttons = tuple(button for one in first for button in _buttons(one, f": {one.to.label}" if len(first) > 1 else ""))
    return shown.model_copy(update={"buttons": buttons})


def _line(to: Integration, errands: list[Errand], now: datetime, *, configured: bool) -> Rich:
    if not errands:
        return rich(strong(to.label), ": up to date")
    oldest = errands[0]
    words = next((one.words for one in errands if one.words), "")
    state = "refused" if any(one.state is ErrandState.REFUSED for one in errands) else "tried again"
    gone = "" if configured else " It is not in the settings any more."
    waiting = oldest.state is ErrandState.PENDING and configured and oldest.next_at > now and words
    later = rich(" Next try: ", When(at=oldest.next_at), ".") if waiting else ()
    since = rich(strong(to.label), f": {counted(len(errands), 'update')} behind since ", When(at=oldest.created_at))
    return (*since, *rich(f" ({state}). {cut(words, 300)}{gone}" if words or gone else " (under way)."), *later)


def _buttons(errand: Errand, which: str = "") -> tuple[Button, ...]:
    return (
        Button(label=f"Try again{which}", action="errand.retry", subject=str(errand.id), style="primary"),
        Button(label=f"Done by hand{which}", action="errand.done", subject=str(errand.id)),
    )


def named(errand: Errand) -> str:
    """`Publish pub-1a2b3c4d`."""
    return errand.what[:1].upper() + errand.what[1:]


def tell_trouble(errand: Errand, words: str, tx: Transaction, *, refused: bool) -> None:
    """The channel of what it is about reads once that a system was not told something; nobody else would notice."""
    next_step = "It is not tried again by itself." if refused else "It is tried again until it is there."
    channel = _channel(errand, tx)
    if not channel:
        return
    shown = card(
        f"{_capital(errand.to)} is behind",
        f"{named(errand)}: {cut(words, 300)}",
        rich(next_step, " If it cannot wait, do it there by hand. More: ", Code(text="/tocsin integrations")),
        tone=Tone.WARNING,
    )
    shown = shown.model_copy(update={"buttons": _buttons(errand)})
    tx.messages.edit(_key(errand), shown)  # where it was told before; else there is nothing to edit
    tx.messages.post(channel, shown, key=_key(errand))


def _channel(errand: Errand, tx: Transaction) -> str:
    """That of the incident, or of the maintenance; a page without an incident has its own message (`note_trouble`)."""
    if errand.incident:
        return tx.incidents.get(errand.incident).channel
    return tx.maintenances.get(errand.subject).channel if errand.subject.startswith(MARK) else ""


def tell_end(errand: Errand, tx: Transaction, *words: Part) -> None:
    """Where people were told of it, they read that it is over."""
    tx.messages.edit(_key(errand), card(f"{_capital(errand.to)} was behind", rich(*words)))


def _capital(to: Integration) -> str:
    return to.label[:1].upper() + to.label[1:]


def _key(errand: Errand) -> str:
    return f"errand:{errand.id}:behind"
