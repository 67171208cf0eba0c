"""The pipeline of a delivery: look up the person, parse, deduplicate, authorise, decide, answer.

The platform has authenticated the person. A handler holds only the decision. A command without I/O is decided in the
very transaction that stores its delivery; one that must ask the outside first is stored, acknowledged, then worked,
and worked again from the store after a crash.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from bot.capturing import Capturing
from bot.delivery import CaptureDelivery, ClickDelivery, Receipt, TextDelivery, legibly
from bot.store.accounts import Accounts
from bot.store.errors import StoreUnavailable
from bot.store.inbox import DONE, REFUSED, Adopted
from bot.store.transaction import SqlTransaction, Store
from commands import captures
from commands.context import Call, Services
from commands.errors import NotAllowed, NotFound, Refusal, Unavailable, WrongPlace
from commands.grammar.parser import Parsed, meant, parse
from commands.grammar.types import Vocabulary
from commands.people import SYSTEM, Person
from commands.ports import Urgency
from commands.presentation.answers import refusal_card, signed
from commands.presentation.incident import incident_card, may_read_otherwise, refresh
from commands.presentation.words import cut
from commands.redaction import redact
from commands.registry import ActionClass, Click, Registry, Reply, Where

log = logging.getLogger(__name__)

GATHER_SECONDS = 20.0
#: How often a delivery is taken up again before it is given up: one that ends its process would end the next, too.
MOST_ATTEMPTS = 8
#: Characters of a text that are looked at; no command is longer than a part of that.
_MOST_READ = 20_000


@dataclass(frozen=True)
class _Work:
    """A delivery on its way: who asks, what was understood."""

    key: str
    delivery: TextDelivery
    call: Call
    parsed: Parsed


class Pipeline:
    """Provides `bot.delivery.Intake` and `OwnIntake`."""

    def __init__(self, store: Store, registry: Registry, services: Services) -> None:
        self._store = store
        self._registry = registry
        self._services = services
        self._running: dict[str, asyncio.Task[None]] = {}
        self._capturing = Capturing(store, self._answer, self._refuse)

    # ------------------------------------------------------------ commands

    async def command(self, delivery: TextDelivery) -> Receipt:
        """Take a person's command.

        Raises:
            StoreUnavailable: it could not be stored, and nothing happened. NotAllowed: nobody here has that id.
        """
        return await self._command(legibly(delivery), self._person(delivery))

    async def by_itself(self, delivery: TextDelivery) -> Receipt:
        """Take a command of the bot's own; no platform can hand one in. Raises StoreUnavailable."""
        return await self._command(replace(delivery, person=SYSTEM.id), SYSTEM)

    async def _command(self, delivery: TextDelivery, person: Person) -> Receipt:
        key, text = f"{delivery.platform}:{delivery.id}", delivery.text
        # A secret that was typed is stored nowhere. Looking for one takes time: not in what is too long to be read.
        delivery = replace(delivery, text=redact(cut(text, _MOST_READ)))
        call = self._call(delivery, person, key)
        understood = self._understand(text if len(text) > _MOST_READ else delivery.text, person, delivery.platform)
        receipt, work = await self._store.transact(key, lambda tx: self._take(tx, key, delivery, call, understood))
        if work:
            self._start(work)
        return receipt

    def _person(self, delivery: TextDelivery | ClickDelivery | CaptureDelivery) -> Person:
        """Whom a platform speaks for, as whom it knows them. Never the bot itself."""
        person = self._services.directory.get(delivery.person, delivery.platform)
        if person is None or person is SYSTEM:
            raise NotAllowed(
                f"{delivery.person[:60]} is not known here.", hint="An administrator can add them to the settings."
            )
        return person

    def _call(self, delivery: TextDelivery | ClickDelivery | CaptureDelivery, person: Person, key: str) -> Call:
        thread = delivery.thread if isinstance(delivery, TextDelivery) else None
        return Call(
            person=person,
            platform=delivery.platform,
            channel=delivery.channel,
            delivery=key,
            now=self._services.clock.now(),
            incident=None,
            services=self._services,
            thread=thread,
        )

    def _understand(self, text: str, person: Person, platform: str) -> Parsed | Refusal:
        now, scheme, directory = self._services.clock.now(), self._services.scheme, self._services.directory
        words = Vocabulary(scheme, directory, now, person.timezone, platform=platform)
        try:
            return parse(text, self._registry, words)
        except Refusal as refusal:
            return refusal

    def _take(
        self, tx: SqlTransaction, key: str, delivery: TextDelivery, call: Call, understood: Parsed | Refusal
    ) -> tuple[Receipt, _Work | None]:
        """Store the delivery; decide it at once if that needs no I/O."""
        if not tx.inbox.receive(key, delivery):
            return tx.inbox.receipt(key), None
        call = replace(call, incident=tx.incidents.in_channel(delivery.channel))
        try:
            parsed = self._admit(tx, call, understood, delivery.text)
        except Refusal as refusal:
            return self._refuse(tx, key, call, delivery.text, refusal), None
        work = _Work(key, delivery, call, parsed)
        if parsed.command.gather:
            return Receipt(accepted=True, reply_key=f"{key}:reply", channel=delivery.channel), work
        return self._decide(tx, work, None), None

    def _admit(self, tx: SqlTransaction, call: Call, understood: Parsed | Refusal, text: str) -> Parsed:
        """Authorise: the channel is in sight, the person may (what is wrong with a line is for those), the place."""
        if not tx.messages.may_read(call.channel, call.person.id):
            raise NotFound(f"There is no channel #{call.channel[:80]} that you can see.")
        command = understood.command if isinstance(understood, Parsed) else meant(text, self._registry)
        if command and not command.access.allows(call.person, call.incident):
            hint = command.access.hint(call.person, "Ask one of them to run it.")
            raise NotAllowed(f"{command.name} is not for you.", hint=hint)
        if isinstance(understood, Refusal):
            raise understood
        command = understood.command
        if command.where is Where.INCIDENT and call.incident is None:
            raise WrongPlace(f"{command.name} works in an incident's channel only.", example="/incident list")
        return understood

    def _decide(self, tx: SqlTransaction, work: _Work, facts: Any) -> Receipt:
        """The handler's decision, its answer and its audit, or the refusal: one transaction."""
        command = work.parsed.command
        try:
            with tx.connection.begin_nested():
                reply = command.decide(work.parsed.args, work.call, tx, facts)
                reads = command.klass is ActionClass.DIAGNOSTIC
                if not reads:
                    detail = {"text": work.delivery.text, "channel": work.call.channel, "delivery": work.key}
                    tx.audit.append("command", actor=work.call.person.id, subject=command.name, detail=detail)
                self._refresh(tx)
                return self._answer(tx, work.key, work.call, reply, work.delivery.text if reads else "")
        except Refusal as refusal:
            tx.forget()
            return self._refuse(tx, work.key, work.call, work.delivery.text, refusal)

    def _refresh(self, tx: SqlTransaction) -> None:
        """Bring the pinned card of each incident up to date, where it now reads otherwise."""
        for incident_id, incident in tx.incidents.touched.items():
            before = tx.incidents.before.get(incident_id)
            if before is None or not may_read_otherwise(before, incident):
                continue
            if incident_card(before, self._services) != incident_card(incident, self._services):
                refresh(incident, tx.messages, self._services)

    def _answer(self, tx: SqlTransaction, key: str, call: Call, reply: Reply, looked_at: str) -> Receipt:
        message, channel = reply.key or f"{key}:reply", reply.channel or call.channel
        tx.messages.post(
            channel,
            signed(reply, call.person, looked_at),
            key=message,
            only_for=call.person.id if reply.private else None,
            thread=call.thread,
            urgency=Urgency.ANSWER,
        )
        tx.inbox.finish(key, DONE, reply_key=message, channel=channel)
        return Receipt(accepted=True, reply_key=message, channel=channel)

    def _refuse(self, tx: SqlTransaction, key: str, call: Call, text: str, refusal: Refusal) -> Receipt:
        """Tell the person alone, in the channel where they asked; what they may not do is audited."""
        message = f"{key}:refused"
        if isinstance(refusal, NotAllowed):
            detail = {"text": cut(text, 400), "why": refusal.message, "channel": call.channel}
            tx.audit.append("refused", actor=call.person.id, subject=cut(text, 60), detail=detail)
        tx.messages.post(
            call.channel,
            refusal_card(refusal, text),
            key=message,
            only_for=call.person.id,
            thread=call.thread,
            urgency=Urgency.ANSWER,
        )
        tx.inbox.finish(key, REFUSED, reply_key=message, channel=call.channel)
        return Receipt(accepted=False, reply_key=message, channel=call.channel)

    # ------------------------------------------------------------ work that asks the outside first

    def _start(self, work: _Work) -> None:
        task = asyncio.get_running_loop().create_task(self._work(work))
        self._running[work.key] = task
        task.add_done_callback(lambda _: self._running.pop(work.key, None))

    def running(self) -> frozenset[str]:
        """The keys of the deliveries that are being worked on."""
        return frozenset(self._running)

    async def _work(self, work: _Work) -> None:
        """Gather facts, then decide in one transaction. A store that fails leaves the delivery to the keeper."""
        facts = await self._gather(work)
        try:
            await self._store.transact(work.key, lambda tx: self._finish(tx, work, facts))
        except StoreUnavailable as gone:
            log.warning("delivery %s is kept for later: %s", work.key, gone)
        except Exception:
            log.exception("deciding %s failed", work.parsed.command.name)
            await self._apologise(work)

    async def _apologise(self, work: _Work) -> None:
        """A fault in a handler is answered; a delivery that is kept for later would fail again, for ever."""
        fault = Unavailable("Something went wrong; nothing was changed.", hint="The log of the bot says more.")
        try:
            await self._store.transact(work.key, lambda tx: self._finish(tx, work, fault))
        except StoreUnavailable as gone:
            log.warning("delivery %s is kept for later: %s", work.key, gone)
        except Exception:
            log.exception("delivery %s could not be answered; it is tried again", work.key)

    async def _gather(self, work: _Work) -> Any:
        gather = work.parsed.command.gather
        assert gather is not None
        try:
            async with asyncio.timeout(GATHER_SECONDS):
                return await gather(work.parsed.args, work.call)
        except Refusal as refusal:
            return refusal
        except TimeoutError:
            return Unavailable(f"No answer within {GATHER_SECONDS:.0f} s; nothing was changed.", hint="Try again.")
        except Exception:
            log.exception("gathering for %s failed", work.parsed.command.name)
            return Unavailable(
                "Something went wrong while looking; nothing was changed.", hint="The log of the bot says more."
            )

    def _finish(self, tx: SqlTransaction, work: _Work, facts: Any) -> None:
        if not tx.inbox.claim(work.key):
            return
        if isinstance(facts, Refusal):
            self._refuse(tx, work.key, work.call, work.delivery.text, facts)
            return
        if not tx.messages.may_read(work.call.channel, work.call.person.id):
            self._refuse(tx, work.key, work.call, work.delivery.text, NotFound("That channel is out of sight now."))
            return
        self._decide(tx, work, facts)

    async def resume(self, adopted: list[Adopted]) -> None:
        """Work on what was stored but not answered: by a process that is gone, or by this one. None stops another."""
        for one in adopted:
            try:
                await (self._give_up(one) if one.attempts > MOST_ATTEMPTS else self._resume(one))
            except StoreUnavailable as gone:
                log.warning("delivery %s is kept for later: %s", one.key, gone)
            except Exception:
                log.exception("delivery %s could not be resumed", one.key)

    async def _give_up(self, adopted: Adopted) -> None:
        """Answer what fails each time; what cannot even be answered is marked as refused, and logged."""
        key, delivery = adopted.key, legibly(adopted.delivery)
        person = self._services.directory.get(delivery.person, delivery.platform)
        call = self._call(delivery, person or SYSTEM, key)
        words = Unavailable(
            "Something went wrong each time; nothing was changed.", hint="The log of the bot says more."
        )
        log.error("delivery %s is given up after %d attempts", key, MOST_ATTEMPTS)

        def refuse(tx: SqlTransaction) -> None:
            if tx.inbox.claim(key):
                self._refuse(tx, key, call, delivery.text, words)

        try:
            await self._store.transact(key, refuse)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("delivery %s cannot be answered", key)
            await self._store.transact(key, lambda tx: tx.inbox.finish(key, REFUSED))

    async def _resume(self, adopted: Adopted) -> None:
        key, delivery = adopted.key, legibly(adopted.delivery)
        person = await self._remembered(delivery)
        refusal = NotAllowed("You are not known here any more.")
        understood = self._understand(delivery.text, person, delivery.platform) if person else refusal
        call = self._call(delivery, person or SYSTEM, key)

        def admit(tx: SqlTransaction) -> _Work | None:
            here = replace(call, incident=tx.incidents.in_channel(delivery.channel))
            try:
                return _Work(key, delivery, here, self._admit(tx, here, understood, delivery.text))
            except Refusal as refusal:
                self._refuse(tx, key, here, delivery.text, refusal)
                return None

        work = await self._store.transact(key, admit)
        if work:
            self._start(work)

    async def _remembered(self, delivery: TextDelivery) -> Person | None:
        """Who asked; perhaps only the process that is gone has met them, or knows who they are on that platform."""
        directory = self._services.directory
        if not directory.vouches(delivery.platform, delivery.person):
            account = await Accounts(self._store.database).of_person(delivery.platform, delivery.person)
            if account is not None:
                directory.add(account.person, delivery.platform)
        return directory.get(delivery.person, delivery.platform)

    async def drain(self) -> None:
        """Wait for what is running."""
        while self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    # ------------------------------------------------------------ clicks

    async def click(self, delivery: ClickDelivery) -> Receipt:
        """Take a click. Authorised anew for whoever clicks; the token is consumed with the decision, or not at all.

        Raises:
            StoreUnavailable: it could not be stored, and nothing happened. NotAllowed: nobody here has that id.
        """
        delivery = legibly(delivery)
        person = self._person(delivery)
        key = f"{delivery.platform}:{delivery.id}"
        call = self._call(delivery, person, key)
        return await self._store.transact(key, lambda tx: self._take_click(tx, key, delivery, call))

    def _take_click(self, tx: SqlTransaction, key: str, delivery: ClickDelivery, call: Call) -> Receipt:
        if not tx.inbox.receive(key, delivery):
            return tx.inbox.receipt(key)
        try:
            with tx.connection.begin_nested():
                return self._decide_click(tx, key, delivery, call)
        except Refusal as refusal:
            tx.forget()
            return self._refuse(tx, key, call, "", refusal)

    def _decide_click(self, tx: SqlTransaction, key: str, delivery: ClickDelivery, call: Call) -> Receipt:
        button = tx.messages.button(delivery.token)
        call = replace(call, channel=button.channel, incident=tx.incidents.in_channel(button.channel))
        click = self._clickable(tx, button, call)
        tx.messages.use(delivery.token, call.person.id)
        reply = click.decide(button.subject, call, tx)
        detail = {"subject": button.subject, "channel": button.channel, "delivery": key}
        tx.audit.append("click", actor=call.person.id, subject=button.action, detail=detail)
        self._refresh(tx)
        if reply is not None:
            return self._answer(tx, key, call, reply, "")
        tx.inbox.finish(key, DONE, reply_key=button.message, channel=button.channel)
        return Receipt(accepted=True, reply_key=button.message, channel=button.channel)

    def _clickable(self, tx: SqlTransaction, button: Any, call: Call) -> Click:
        if not tx.messages.may_read(button.channel, call.person.id) or button.only_for not in {None, call.person.id}:
            raise NotFound("That button is out of date.", hint="Use the newest message.")
        click = self._registry.clicks[button.action]
        if not click.access.allows(call.person, call.incident):
            raise NotAllowed("That is not for you to decide.", hint=click.access.hint(call.person))
        return click

    async def capture(self, delivery: CaptureDelivery) -> Receipt:
        """Take what happened to a message: see bot/capturing.py."""
        person = self._person(delivery) if delivery.what in captures.WISHES else SYSTEM
        key = f"{delivery.platform}:{delivery.id}"
        return await self._capturing.take(delivery, key, self._call(delivery, person, key))
