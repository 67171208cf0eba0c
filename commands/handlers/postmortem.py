"""`/postmortem`: the draft that was written from what happened (runbook 002, section 2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from commands.cards import Card, Code, Document, Link, Rich, Tone, card, fact, rich
from commands.charts import Chart
from commands.context import Call
from commands.domain.incident import Incident, Noted, NoteKind, Resolved
from commands.domain.timeline import Entry
from commands.errors import NotFound
from commands.handlers.common import Which, named_or_at_hand
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.words import cut, lasting
from commands.registry import READERS, ActionClass, Command, Decide, Reply


def show(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Where to read the draft, and what it still lacks."""
    incident, _text = _draft(args, call, tx)
    shown = postmortem_card(incident, tx.incidents.timeline(incident.id), tx.now)
    return Reply(shown.model_copy(update={"document": None}), private=True)


def export(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The Markdown file."""
    incident, text = _draft(args, call, tx)
    link = Link(url=f"/postmortems/{incident.id}.md", text=f"{incident.id}.md")
    return Reply(
        card(f"Postmortem of {headline(incident)}", rich("Markdown: ", link, f" ({len(text):,} characters).")),
        private=True,
    )


def _draft(args: Which, call: Call, tx: Transaction) -> tuple[Incident, str]:
    incident = named_or_at_hand(args.incident, call, tx)
    text = tx.postmortems.get(incident.id)
    if text is None:
        if incident.resolved_at:
            raise NotFound("The postmortem is being drafted.", hint="Ask again in a moment.")
        raise NotFound(
            "There is no postmortem yet.",
            hint="It is drafted when the incident is resolved.",
            example="/incident resolve what fixed it",
        )
    return incident, text


#: What a draft says to be missing until it is noted: what it is called, and a line that notes it.
_WANTED = {
    NoteKind.CAUSE: ("cause", "what went wrong"),
    NoteKind.RESOLUTION: ("resolution", "what fixed it"),
    NoteKind.ACTION: ("action items", "@name what to do by YYYY-MM-DD"),
    NoteKind.LESSON: ("lessons", "what we learned"),
}


def postmortem_card(incident: Incident, entries: Sequence[Entry], now: datetime, impact: Chart | None = None) -> Card:
    """Where the draft is, and how to make it better; what the incident did to the service, where that was measured."""
    page = Link(url=f"/postmortems/{incident.id}", text="Read the draft")
    missing = [kind for kind in _WANTED if kind not in _noted(entries)]
    name = f"postmortem-{incident.id}-{incident.version}.md"
    document = Document(incident=incident.id, name=name, title=f"Postmortem of {cut(headline(incident), 100)}")
    shown = card(f"Postmortem of {headline(incident)}", rich(page, "."), _next_step(missing), tone=Tone.INFO)
    facts = (
        fact("Lasted", lasting(incident.duration(now))),
        fact("Missing", ", ".join(_WANTED[kind][0] for kind in missing) or "nothing"),
    )
    return shown.model_copy(update={"facts": facts, "document": document, "chart": impact})


def _noted(entries: Sequence[Entry]) -> set[NoteKind]:
    """What people have noted; whoever resolved it may have said how."""
    kinds = {entry.event.marked for entry in entries if isinstance(entry.event, Noted)}
    ends = [entry.event.summary for entry in entries if isinstance(entry.event, Resolved)]
    return kinds | ({NoteKind.RESOLUTION} if ends and ends[-1] else set())


def _next_step(missing: list[NoteKind]) -> Rich:
    if not missing:
        return rich("Once it has been reviewed: ", Code(text="/incident status closed"))
    what, words = _WANTED[missing[0]]
    return rich(f"Add the {what}: ", Code(text=f"/incident note --as {missing[0].value} {words}"))


def _command(path: tuple[str, ...], summary: str, example: str, decide: Decide) -> Command:
    return Command(
        path=path,
        args=Which,
        summary=summary,
        example=example,
        decide=decide,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    )


COMMANDS = (
    _command(("postmortem",), "Show where the postmortem is, and what it lacks.", "/postmortem", show),
    _command(("postmortem", "show"), "Show where the postmortem is, and what it lacks.", "/postmortem show", show),
    _command(("postmortem", "export"), "Get the draft as a Markdown file.", "/postmortem export", export),
)
