"""`/alerts` and `/alerts attach`, and the buttons of the cards that alerts make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from commands.alerts.silencing import silence_service
from commands.alerts.taking import declare, new_group
from commands.alerts.telling import tell
from commands.cards import Channel, Code, Part, card, rich
from commands.context import HOME, Call
from commands.domain.alert import Group, Known, Then
from commands.domain.incident import Incident, Status
from commands.errors import Conflict, Malformed, NotFound
from commands.grammar.arguments import Flag, Word
from commands.handlers.common import open_at_hand, over
from commands.handlers.incident_end import end
from commands.handlers.incident_update import set_status
from commands.ports import Transaction
from commands.presentation.alerts import SILENCE_HOURS, alert_line
from commands.presentation.words import counted
from commands.registry import READERS, RESPONDERS, ActionClass, Click, Command, Reply, Where

_MOST = 15
#: A group that people attached takes in more for as long as its incident is open.
_NO_WINDOW = timedelta(0)
#: A reading that is older says nothing of now.
_RECENTLY = timedelta(minutes=1)


@dataclass(frozen=True)
class AlertsArgs:
    """Arguments of `/alerts`."""

    everything: Annotated[bool, Flag("--all", "in an incident's channel: of everything, not of the incident")] = False


@dataclass(frozen=True)
class AttachArgs:
    """Arguments of `/alerts attach`."""

    fingerprint: Annotated[str, Word("the alert's, as /alerts lists it")]


def alerts(args: AlertsArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What fires now; in an incident's channel, of that."""
    of = call.incident.id if call.incident and not args.everything else ""
    firing, total = tx.alerts.firing(incident=of, limit=_MOST)
    if not firing:
        here = rich("Of all services: ", Code(text="/alerts --all")) if of else rich("What is silenced: ", _SILENCES)
        return Reply(card("No alert fires" + (" in this incident" if of else ""), here), private=True)
    groups = {one.id: one for one in tx.alerts.open_groups(look=True)}
    lines = [alert_line(one, None if of else _where(one, groups, call, tx)) for one in firing]
    more = [rich(f"and {total - len(firing):,} more")] if total > len(firing) else []
    shown = card(f"{counted(total, 'alert fires', 'alerts fire')}", *lines, *more)
    footer = rich("Into an incident, in its channel: ", Code(text="/alerts attach FINGERPRINT"), " · quiet: ", _SILENCE)
    return Reply(shown.model_copy(update={"footer": footer}), private=True)


_SILENCES, _SILENCE = Code(text="/silences"), Code(text="/silence SERVICE 2h why")


def _where(known: Known, groups: dict[str, Group], call: Call, tx: Transaction) -> Part | None:
    """The incident that it belongs to, for who may see that."""
    group = groups.get(known.group)
    incident = tx.incidents.get(group.incident) if group and group.incident else None
    if incident is None or not tx.messages.may_read(incident.channel, call.person.id):
        return None
    return Channel(name=incident.channel)


def attach(args: AttachArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """An alert, with those that came with it, belongs to this incident."""
    incident = open_at_hand(call, tx)
    found = [one for one in tx.alerts.named(args.fingerprint) if one.firing]
    if not found:
        raise NotFound(f"No alert {args.fingerprint[:60]} fires.", example="/alerts --all")
    if len(found) > 1:
        senders = ", ".join(one.alert.receiver for one in found)
        raise Malformed(f"More than one sender has that fingerprint: {senders}.", example="/alerts --all")
    group = _group_of(found[0], call, tx)
    _attach(group, incident, call, tx)
    return Reply(card(f"Attached: {group.title}", "The card of the alerts tells how they go on."), private=True)


def _group_of(known: Known, call: Call, tx: Transaction) -> Group:
    open_ones = {one.id: one for one in tx.alerts.open_groups()}
    if known.group in open_ones:
        return open_ones[known.group]
    begun = new_group(known.alert, Then.ATTACH, call.services.scheme.worst.id, tx, HOME)
    tx.alerts.save(begun)
    tx.alerts.keep([known.model_copy(update={"group": begun.id})])
    return begun


def _attach(group: Group, incident: Incident, call: Call, tx: Transaction) -> None:
    _check_free(group)
    if not incident.status.is_open:
        raise Conflict(over(incident), example="/incident list")
    tell(group.model_copy(update={"incident": incident.id}), tx, call.services, window=_NO_WINDOW)


def _check_free(group: Group) -> None:
    if group.incident:
        raise Conflict("These alerts belong to an incident already.", hint="To see which:", example="/alerts --all")
    if group.closed:
        raise Conflict("These alerts are over or silenced.", example="/alerts --all")


def click_declare(subject: str, call: Call, tx: Transaction) -> None:
    """The incident, with its alerts; the card says where it is."""
    group_id, severity = subject.split(" ", 1)
    group = tx.alerts.group(group_id)
    _check_free(group)
    incident = declare(group, call.person, severity, call, tx)
    called = group.model_copy(update={"incident": incident.id, "calling": True})
    tell(called, tx, call.services, window=_NO_WINDOW)


def click_attach(subject: str, call: Call, tx: Transaction) -> None:
    """To the incident that the button names."""
    group_id, incident_id = subject.split()
    incident = tx.incidents.get(incident_id)
    if not tx.messages.may_read(incident.channel, call.person.id):
        raise NotFound("That incident is out of your sight.", example="/incident list")
    _attach(tx.alerts.group(group_id), incident, call, tx)


def click_silence(subject: str, call: Call, tx: Transaction) -> None:
    """Nobody is told of the service for an hour."""
    group = tx.alerts.group(subject)
    _check_free(group)
    silence_service(group.service, timedelta(hours=SILENCE_HOURS), "from the card of its alerts", call, tx)


def click_monitoring(subject: str, call: Call, tx: Transaction) -> Reply:
    """What the card proposes when all alerts are resolved."""
    incident = tx.incidents.get(subject)
    if incident.status is Status.MONITORING:
        raise Conflict("The status is monitoring already.")
    return set_status(incident, Status.MONITORING, "all alerts are resolved", call, tx)


def click_resolve(subject: str, call: Call, tx: Transaction) -> Reply:
    """What the card proposes then; by the newest reading of the watch, which may say that it is not over."""
    incident = tx.incidents.get(subject)
    if not incident.status.is_open:
        raise Conflict(over(incident), example="/incident reopen errors are back")
    readings = tx.samples.between(incident.service, tx.now - _RECENTLY, tx.now)
    said = "all alerts are resolved"
    return end(incident, said, readings[-1] if readings else None, call, tx)


COMMANDS = (
    Command(
        path=("alerts",),
        args=AlertsArgs,
        summary="Show the alerts that fire: of this incident, or all.",
        example="/alerts",
        decide=alerts,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("alerts", "attach"),
        args=AttachArgs,
        summary="Put an alert, with those that came with it, into this incident.",
        example="/alerts attach 1a30ba71cca2921f",
        decide=attach,
        access=RESPONDERS,
        where=Where.INCIDENT,
    ),
)

CLICKS = (
    Click(action="alerts.declare", decide=click_declare, access=RESPONDERS),
    Click(action="alerts.attach", decide=click_attach, access=RESPONDERS),
    Click(action="alerts.silence", decide=click_silence, access=RESPONDERS),
    Click(action="alerts.monitoring", decide=click_monitoring, access=RESPONDERS),
    Click(action="alerts.resolve", decide=click_resolve, access=RESPONDERS),
)
