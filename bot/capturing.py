"""The part of the pipeline that takes what happened to messages: authorised, redacted, audited, done once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.delivery import CaptureDelivery, Receipt, legible
from bot.store.inbox import DONE
from bot.store.transaction import SqlTransaction, Store
from commands import captures
from commands.captures import Message
from commands.context import Call
from commands.errors import NotAllowed, NotFound, Refusal
from commands.redaction import redact
from commands.registry import Reply

Answer = Callable[[SqlTransaction, str, Call, Reply, str], Receipt]
Refuse = Callable[[SqlTransaction, str, Call, str, Refusal], Receipt]

#: Looking for secrets takes time; what is longer than this is no message of a person.
_MOST_READ = 20_000


class Capturing:
    """`answer` and `refuse` are the pipeline's: all that people are told leaves it in one way."""

    def __init__(self, store: Store, answer: Answer, refuse: Refuse) -> None:
        self._store = store
        self._answer = answer
        self._refuse = refuse

    async def take(self, delivery: CaptureDelivery, key: str, call: Call) -> Receipt:
        """Decide it in the transaction that stores it; nothing has to be asked for it."""
        delivery = replace(delivery, message=_clean(delivery.message))
        return await self._store.transact(key, lambda tx: self._take(tx, key, delivery, call))

    def _take(self, tx: SqlTransaction, key: str, delivery: CaptureDelivery, call: Call) -> Receipt:
        if not tx.inbox.receive(key, delivery):
            return tx.inbox.receipt(key)
        try:
            with tx.connection.begin_nested():
                return self._decide(tx, key, delivery, call)
        except Refusal as refusal:
            tx.forget()
            return self._refuse(tx, key, call, "", refusal)

    def _decide(self, tx: SqlTransaction, key: str, delivery: CaptureDelivery, call: Call) -> Receipt:
        if delivery.what in captures.WISHES:
            _admit(tx, replace(call, incident=tx.incidents.in_channel(call.channel)))
        reply = captures.decide(delivery.what, delivery.message, call, tx)
        if tx.incidents.touched:
            detail = {"source": delivery.message.source, "channel": call.channel, "delivery": key}
            tx.audit.append("capture", actor=call.person.id, subject=delivery.what, detail=detail)
        if reply is not None and not delivery.quiet:
            return self._answer(tx, key, call, reply, "")
        tx.inbox.finish(key, DONE, channel=call.channel)
        return Receipt(accepted=True, channel=call.channel)


def _clean(message: Message) -> Message:
    """A secret that somebody wrote is not stored once more."""
    return replace(
        message,
        text=redact(legible(message.text[:_MOST_READ])),
        author_name=legible(message.author_name),
        permalink=legible(message.permalink),
        files=tuple(redact(legible(name)) for name in message.files),
    )


def _admit(tx: SqlTransaction, call: Call) -> None:
    if not tx.messages.may_read(call.channel, call.person.id):
        raise NotFound(f"There is no channel #{call.channel[:80]} that you can see.")
    if not captures.ACCESS.allows(call.person, call.incident):
        raise NotAllowed("The timeline is not yours to change.", hint=captures.ACCESS.hint(call.person))
