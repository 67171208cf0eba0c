"""`/postmortem edit`, `versions`, `review` and `publish`: from the draft to what everybody reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.actions_taken import follow_up
from commands.cards import Button, Code, Link, Rich, Table, Tone, When, Who, card, fact, rich
from commands.context import Call
from commands.domain.incident import Incident, Status, StatusChanged
from commands.domain.paper import Paper, PaperState
from commands.errors import Conflict, NotFound
from commands.grammar.arguments import Word
from commands.handlers.common import Nothing, Which, at_hand, named_or_at_hand
from commands.people import Person
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.words import counted
from commands.publishing_papers import order_pages
from commands.registry import READERS, ActionClass, Click, Command, Reply, Where

_SHOWN = 20


@dataclass(frozen=True)
class ReviewArgs:
    """Arguments of `/postmortem review`."""

    reviewer: Annotated[Person | None, Word("who reviews it, e.g. @ana")] = None


def paper_of(incident: Incident, tx: Transaction) -> Paper:
    """The postmortem of an incident. Raises NotFound, with what to do."""
    paper = tx.postmortems.paper(incident.id)
    if paper is None:
        hint = "It is being drafted." if incident.resolved_at else "It is drafted when the incident is resolved."
        raise NotFound("There is no postmortem yet.", hint=hint, example="/postmortem")
    return paper


def page_of(incident: Incident, words: str, path: str = "") -> Link:
    """A link to its page."""
    return Link(url=f"/postmortems/{incident.id}{path}", text=words)


def edit(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Where it is edited: a chat is no place for a long text."""
    incident = at_hand(call, tx)
    paper = paper_of(incident, tx)
    words = rich(page_of(incident, "Edit the postmortem", "/edit"), ", section by section or as a whole.")
    kept = "What you write stays: Tocsin brings only sections up to date that nobody has changed."
    shown = card(f"Postmortem of {headline(incident)}", words, kept)
    return Reply(shown.model_copy(update={"facts": (fact("Now", how_far(paper)),)}), private=True)


def how_far(paper: Paper) -> str:
    """`version 4, in review`."""
    ahead = f", version {paper.published} was published" if paper.ahead else ""
    return f"version {paper.version}, {paper.state.value}{ahead}"


def versions(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Who changed it when, newest first."""
    incident = named_or_at_hand(args.incident, call, tx)
    paper_of(incident, tx)
    found = tx.postmortems.revisions(incident.id)
    rows = tuple(
        (rich(str(one.number)), rich(When(at=one.at, style="full")), rich(Who(person=one.by)), rich(one.what))
        for one in found[:_SHOWN]
    )
    more = f" The newest {_SHOWN} of {len(found)} are shown." if len(found) > _SHOWN else ""
    shown = card(
        f"Versions of the postmortem of {headline(incident)}",
        rich(page_of(incident, "What changed in each", "/versions"), f".{more}"),
    )
    table = Table(columns=("", "When", "Who", "What"), rows=rows)
    return Reply(shown.model_copy(update={"table": table}), private=True)


def review(args: ReviewArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Somebody is asked to read it."""
    incident = at_hand(call, tx)
    paper = paper_of(incident, tx)
    if paper.state is PaperState.PUBLISHED and not paper.ahead:
        raise Conflict("It is published, and nothing has changed since.", example="/postmortem edit")
    reviewer = args.reviewer
    if reviewer and not tx.messages.may_read(incident.channel, reviewer.id):
        raise Conflict(f"{reviewer.name} does not read this channel.", hint="Invite them first, or ask somebody else.")
    asked = paper.model_copy(update={"state": PaperState.REVIEW, "reviewer": reviewer.id if reviewer else ""})
    kept = tx.postmortems.put(asked, by=call.person.id, what="review asked for")
    whom: Rich = rich(Who(person=reviewer.id), ", please ") if reviewer else rich("Whoever was there, please ")
    change = page_of(incident, "Change what is wrong", "/edit")
    shown = card(
        f"Postmortem to review: {headline(incident)}",
        rich(*whom, page_of(incident, "read it"), "."),
        rich(change, ". Once it is right: ", Code(text="/postmortem publish")),
        tone=Tone.INFO,
    )
    button = Button(label="Publish", action="postmortem.publish", subject=incident.id, style="primary")
    return Reply(shown.model_copy(update={"facts": (fact("Now", how_far(kept)),), "buttons": (button,)}))


def publish(_args: Nothing, call: Call, tx: Transaction, _facts: None) -> Reply:
    """It is what everybody who may read the incident is to learn from; nothing is left to do but its action items."""
    return _publish(at_hand(call, tx), call, tx)


def click_publish(incident_id: str, call: Call, tx: Transaction) -> Reply:
    """The same from the card that asks for a review."""
    return _publish(tx.incidents.get(incident_id), call, tx)


def _publish(incident: Incident, call: Call, tx: Transaction) -> Reply:
    if incident.status.is_open:
        raise Conflict("The incident is not over.", example="/incident resolve what fixed it")
    paper = paper_of(incident, tx)
    if paper.state is PaperState.PUBLISHED and not paper.ahead:
        raise Conflict(f"Version {paper.version} is published already.", example="/postmortem edit")
    changes = {"state": PaperState.PUBLISHED, "published": paper.version, "published_by": call.person.id}
    tx.postmortems.put(paper.model_copy(update=changes), by=call.person.id, what="published")
    follow_up(incident, paper.markdown, call.person.id, call.services, tx)
    if incident.status in {Status.RESOLVED, Status.POSTMORTEM}:
        closed = StatusChanged(before=incident.status, after=Status.CLOSED)
        tx.incidents.record(incident.id, closed, actor=call.person.id)
    told = order_pages(incident, paper, call.services, tx)
    left = len(tx.incidents.get(incident.id).work.open_tasks)
    followed = rich(f"{counted(left, 'action item')} followed up until done: ", Code(text="/postmortem actions"))
    nobody = ["Nobody was asked to review it."] if paper.state is PaperState.DRAFT else []
    shown = card(
        f"Postmortem published: {headline(incident)}",
        rich(page_of(incident, f"Read version {paper.version}"), ", by ", Who(person=call.person.id), "."),
        *nobody,
        *([followed] if left else []),
        *([told] if told else []),
        tone=Tone.GOOD,
    )
    return Reply(shown)


COMMANDS = (
    Command(
        path=("postmortem", "edit"),
        args=Nothing,
        summary="Get the page where the postmortem is edited.",
        example="/postmortem edit",
        decide=edit,
        where=Where.INCIDENT,
    ),
    Command(
        path=("postmortem", "versions"),
        args=Which,
        summary="Show who changed the postmortem when.",
        example="/postmortem versions",
        decide=versions,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("postmortem", "review"),
        args=ReviewArgs,
        summary="Ask somebody to review the postmortem.",
        example="/postmortem review @ana",
        decide=review,
        where=Where.INCIDENT,
    ),
    Command(
        path=("postmortem", "publish"),
        args=Nothing,
        summary="Publish the postmortem as it is now, and close the incident.",
        example="/postmortem publish",
        decide=publish,
        where=Where.INCIDENT,
    ),
)

CLICKS = (Click(action="postmortem.publish", decide=click_publish),)
