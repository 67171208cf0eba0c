"""`/postmortem`: the draft that was written from what happened (runbook 002, section 2.6)."""

from __future__ import annotations

from commands.cards import Card, Code, Document, Link, Tone, card, rich
from commands.charts import Chart
from commands.context import Call
from commands.domain.incident import Incident
from commands.errors import NotFound
from commands.handlers.common import Which, named_or_at_hand
from commands.ports import Transaction
from commands.presentation.incident import headline
from commands.presentation.words import cut, first_lines
from commands.registry import READERS, ActionClass, Command, Decide, Reply


def show(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The draft, and where to read it as a page."""
    incident, text = _draft(args, call, tx)
    shown = postmortem_card(incident).model_copy(update={"preformatted": first_lines(text.splitlines(), most=400)})
    return Reply(shown, private=True)


def export(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The Markdown file."""
    incident, text = _draft(args, call, tx)
    link = Link(url=f"/postmortems/{incident.id}.md", text=f"{incident.id}.md")
    return Reply(
        card(f"Postmortem of {incident.id}", rich("Markdown: ", link, f" ({len(text):,} characters).")),
        private=True,
    )


def _draft(args: Which, call: Call, tx: Transaction) -> tuple[Incident, str]:
    incident = named_or_at_hand(args.incident, call, tx)
    text = tx.postmortems.get(incident.id)
    if text is None:
        if incident.resolved_at:
            raise NotFound(f"The postmortem of {headline(incident)} is being drafted.", hint="Ask again in a moment.")
        raise NotFound(
            f"{headline(incident)} has no postmortem yet.",
            hint="It is drafted when the incident is resolved.",
            example="/incident resolve what fixed it",
        )
    return incident, text


def postmortem_card(incident: Incident, impact: Chart | None = None) -> Card:
    """Where the draft is, and how to make it better; what the incident did to the service, where that was measured."""
    page = Link(url=f"/postmortems/{incident.id}", text="Read the postmortem draft")
    more = rich(
        "Mark what is missing, then it is drafted anew: ",
        Code(text="/incident note --as cause ..."),
        " (also resolution, impact, action, lesson).",
    )
    name = f"postmortem-{incident.id}-{incident.version}.md"
    document = Document(incident=incident.id, name=name, title=f"Postmortem of {cut(headline(incident), 100)}")
    shown = card(f"Postmortem of {headline(incident)}", rich(page, "."), more, tone=Tone.INFO)
    return shown.model_copy(update={"document": document, "chart": impact})


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
    _command(("postmortem",), "Show the postmortem draft.", "/postmortem", show),
    _command(("postmortem", "show"), "Show the postmortem draft.", "/postmortem show", show),
    _command(("postmortem", "export"), "Get the draft as a Markdown file.", "/postmortem export", export),
)
