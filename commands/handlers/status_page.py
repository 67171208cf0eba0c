"""`/status`: what the public reads, what waits for a yes, and whether it is overdue; post, edit and retract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.cards import Code, Rich, Tone, When, Who, card, rich, strong
from commands.context import Call
from commands.domain.errand import Errand
from commands.domain.incident import Incident
from commands.domain.public import PublicImpact, PublicStatus, PublicUpdate, Told, states, told
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Flag, Option, Rest, Word
from commands.handlers.common import Nothing, at_hand
from commands.ports import Transaction
from commands.presentation.public import ended, pages, preview, preview_key, template_text, told_card
from commands.presentation.words import counted, cut, lasting
from commands.publishing import (
    LOOKS_BACK,
    PAGE,
    check_text,
    discard,
    draft,
    edit,
    in_sight,
    next_due,
    publish,
    retract,
    title_of,
)
from commands.registry import READERS, ActionClass, Click, Command, Reply, Where


@dataclass(frozen=True)
class PostArgs:
    """Arguments of `/status post`."""

    status: Annotated[PublicStatus, Word("investigating, identified, monitoring or resolved")]
    text: Annotated[str, Rest("what to say; the template's words when left out")] = ""
    impact: Annotated[PublicImpact | None, Option("--impact", "none, minor, major or critical")] = None
    components: Annotated[str, Option("--components", "ids, with commas between them")] = ""
    public: Annotated[bool, Flag("--public", "though the incident is private")] = False


@dataclass(frozen=True)
class EditArgs:
    """Arguments of `/status edit`."""

    update: Annotated[str, Word("an update's id")]
    text: Annotated[str, Rest("what it is to say")]


@dataclass(frozen=True)
class RetractArgs:
    """Arguments of `/status retract`."""

    update: Annotated[str, Word("an update's id")]
    why: Annotated[str, Rest("why; the public does not read it")]


def post(args: PostArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """A draft, with the preview that somebody approves."""
    incident, services = at_hand(call, tx), call.services
    if incident.private and not args.public:
        raise Conflict(
            "The incident is private.",
            hint="To tell the public of it on purpose:",
            example=f"/status post {args.status.value} --public {cut(args.text, 200)}".strip(),
        )
    if args.text:
        check_text(args.text, services, example=f"/status post {args.status.value} what may be said")
    update = draft(
        incident,
        args.status,
        title=title_of(incident, services),
        text=args.text or template_text(incident, args.status, services, tx),
        by=call.person.id,
        cause=call.delivery,
        services=services,
    )
    update = update.model_copy(
        update={
            "wanted": args.public,
            "impact": args.impact or update.impact,
            "components": _components(args.components, call) or update.components,
        }
    )
    tx.public.add(update)
    return Reply(preview(update, services), key=preview_key(update))


def _components(typed: str, call: Call) -> tuple[str, ...]:
    known = {one.id: one.name for one in call.services.publicity.components}
    asked = tuple(dict.fromkeys(one for one in typed.replace(",", " ").split() if one))
    strange = [one for one in asked if one not in known]
    if strange:
        hint = "" if known else "There are none; the setting status_page.components names them."
        raise Malformed(f"There is no component {strange[0][:60]}.", hint=hint, allowed=known)
    return asked


def change(args: EditArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Another text; the public reads it once it is approved."""
    before = in_sight(args.update, call, tx)
    _same_channel(before, call, tx)
    update = edit(before, args.text, call, tx)
    tx.messages.edit(preview_key(before), ended(before, "It says something else by now; see below."))
    return Reply(preview(update, call.services), key=preview_key(update))


def take_back(args: RetractArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The public reads no more than that something was withdrawn."""
    before = in_sight(args.update, call, tx)
    _same_channel(before, call, tx)
    update = retract(before, args.why, call, tx)
    tx.messages.edit(preview_key(before), ended(before, "The update was taken back."))
    stays = any(one.stands for one in tx.public.of_incident(update.incident))
    left = "In its place stands that an update was withdrawn." if stays else "Nothing of this incident is public now."
    words = rich(Who(person=call.person.id), f" took it back: {args.why}")
    return Reply(card(f"Status page: {update.status.value}, taken back", words, left, tone=Tone.WARNING))


def _same_channel(update: PublicUpdate, call: Call, tx: Transaction) -> None:
    incident = tx.incidents.get(update.incident)
    if incident.channel != call.channel:
        raise Conflict(f"That update belongs to #{incident.channel}.", hint="Say it there, where everybody sees it.")


def click_publish(subject: str, call: Call, tx: Transaction) -> Reply:
    """Approved: it is public."""
    update_id, version = subject.split()
    before = in_sight(update_id, call, tx)
    update = publish(update_id, int(version), call, tx)
    tx.messages.edit(preview_key(before), ended(before, "Approved by ", Who(person=call.person.id), "."))
    return Reply(told_card(update, call.services, call.person.id))


def click_discard(subject: str, call: Call, tx: Transaction) -> None:
    """Nobody reads it."""
    update_id, version = subject.split()
    before = in_sight(update_id, call, tx)
    discard(update_id, int(version), call, tx)
    tx.messages.edit(preview_key(before), ended(before, "Discarded by ", Who(person=call.person.id), "."))


def show(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """What the public reads now, who waits for it, and what waits for somebody's yes."""
    now_told = [one for one in told(tx.public.published(since=tx.now - LOOKS_BACK)) if not one.is_over]
    lines = [_told_line(one) for one in now_told] or [rich("The public reads of no incident.")]
    bad = {one: state for one, state in states(now_told, call.services.publicity.components).items() if state[0] != "o"}
    parts = zip(call.services.publicity.named(bad), bad.values(), strict=True)
    lines += [rich(f"{name}: {state.replace('_', ' ')}") for name, state in parts]
    owed = [line for incident in tx.incidents.recent(open_only=True, limit=100) for line in _owed(incident, call, tx)]
    waits = [_waiting_line(one) for one in tx.public.waiting() if _sees(one, call, tx)]
    behind = _behind(tx.errands.open(kind=PAGE))
    shown = card("Status page", *lines, *owed, *waits, *behind, tone=Tone.WARNING if owed or behind else Tone.NEUTRAL)
    footer = rich("Read it: ", *pages(call.services), " · to say something: ", Code(text="/status post identified"))
    return Reply(shown.model_copy(update={"footer": footer}), private=True)


def _told_line(one: Told) -> Rich:
    latest = one.latest
    assert latest.published_at is not None
    words = rich(strong(f"{latest.status.value.capitalize()}: {latest.title}"), " · ", When(at=latest.published_at))
    return (*words, *rich(f" · {cut(' '.join(latest.text.split()), 160)} · ", Code(text=latest.id)))


def _owed(incident: Incident, call: Call, tx: Transaction) -> list[Rich]:
    """The cadence of the severity was missed: the public waits."""
    if incident.private or incident.drill or not tx.messages.may_read(incident.channel, call.person.id):
        return []
    was_told, due = next_due(incident, tx, call.services)
    if due is None or due > tx.now:
        return []
    words = "The public waits for news of" if was_told else "The public knows nothing yet of"
    return [rich(f"{words} {incident.id}: due ", When(at=due), f", {lasting(tx.now - due)} ago.")]


def _sees(update: PublicUpdate, call: Call, tx: Transaction) -> bool:
    return tx.messages.may_read(tx.incidents.get(update.incident).channel, call.person.id)


def _waiting_line(update: PublicUpdate) -> Rich:
    what = "A correction" if update.stands else f"A draft ({update.status.value})"
    return rich(f"{what} of {update.incident} waits for a yes · ", Code(text=update.id))


def _behind(errands: list[Errand]) -> list[Rich]:
    found: dict[str, list[Errand]] = {}
    for one in errands:
        found.setdefault(one.integration, []).append(one)
    return [
        rich(f"{page} is behind by {counted(len(some), 'update')}: ", Code(text="/tocsin integrations"))
        for page, some in found.items()
    ]


COMMANDS = (
    Command(
        path=("status",),
        args=Nothing,
        summary="Show what the public reads, what waits for a yes, and what is overdue.",
        example="/status",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("status", "post"),
        args=PostArgs,
        summary="Draft an update for the status page; it is public once it is approved.",
        example="/status post identified We found the cause and are working on a fix.",
        decide=post,
        where=Where.INCIDENT,
    ),
    Command(
        path=("status", "edit"),
        args=EditArgs,
        summary="Say an update otherwise; a public one is corrected once that is approved.",
        example="/status edit pub-1a2b3c4d One request in ten fails.",
        decide=change,
        where=Where.INCIDENT,
    ),
    Command(
        path=("status", "retract"),
        args=RetractArgs,
        summary="Take an update back from the public.",
        example="/status retract pub-1a2b3c4d it was about another service",
        decide=take_back,
        where=Where.INCIDENT,
    ),
)

CLICKS = (
    Click(action="public.publish", decide=click_publish),
    Click(action="public.discard", decide=click_discard),
)
