"""`/tocsin integrations`: what other systems are yet to be told; try again, or say that it was done by hand."""

from __future__ import annotations

from commands.cards import Who, card
from commands.context import Call
from commands.domain.errand import Errand, ErrandState
from commands.errors import Conflict
from commands.handlers.common import Nothing
from commands.ports import Transaction
from commands.presentation.integrations import integrations_card, tell_end
from commands.registry import READERS, ActionClass, Click, Command, Reply


def integrations(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Each of them, and what is pending."""
    services, open_ones = call.services, tx.errands.open()
    built_in = services.publicity.built_in
    return Reply(integrations_card(services.integrations, open_ones, tx.now, built_in=built_in), private=True)


def click_retry(errand_id: str, _call: Call, tx: Transaction) -> Reply:
    """Now, whatever the pause."""
    errand = _errand(errand_id, tx)
    if errand.state is ErrandState.TRYING and errand.next_at > tx.now:
        raise Conflict("It is being tried right now.", example="/tocsin integrations")
    tx.errands.settle(errand, ErrandState.PENDING, words=errand.words, next_at=tx.now)
    return Reply(
        card(f"{errand.to.label}: tried again now", "/tocsin integrations says what came of it."), private=True
    )


def click_done(errand_id: str, call: Call, tx: Transaction) -> Reply:
    """Somebody did it there."""
    errand = _errand(errand_id, tx)
    tx.errands.settle(errand, ErrandState.BY_HAND)
    tell_end(errand, tx, "Done by hand, says ", Who(person=call.person.id), ".")
    return Reply(card(f"{errand.to.label}: {errand.what}", "Ticked off: done by hand."), private=True)


def _errand(errand_id: str, tx: Transaction) -> Errand:
    found = next((one for one in tx.errands.open() if str(one.id) == errand_id), None)
    if found is None:
        raise Conflict("That is done by now.", example="/tocsin integrations")
    return found


COMMANDS = (
    Command(
        path=("tocsin", "integrations"),
        args=Nothing,
        summary="Show what other systems are yet to be told, and what went wrong.",
        example="/tocsin integrations",
        decide=integrations,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)

CLICKS = (
    Click(action="errand.retry", decide=click_retry),
    Click(action="errand.done", decide=click_done),
)
