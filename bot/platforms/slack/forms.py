"""The form that declares an incident, as Slack's views. Nothing here asks anybody for anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ContextBlock,
    DividerBlock,
    InputBlock,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.platforms.slack.render.measure import CONTEXT, clean, cut
from bot.platforms.slack.subscriptions import DECLARE
from commands.domain.severity import Scheme
from commands.handlers.incident_declare import MAX_IMPACT, MAX_SERVICE, MAX_TITLE

TITLE = "Declare an incident"
_OPTION, _MOST_OPTIONS, _METADATA = 75, 100, 3000
_VALUE, _PRIVATE = "value", "private"
#: Whatever the lexer takes for the quotes around a text.
_QUOTES = str.maketrans(dict.fromkeys('"“”„«»', "'"))


@dataclass(frozen=True)
class Draft:
    """What stands in the fields."""

    title: str = ""
    severity: str = ""
    service: str = ""
    impact: str = ""
    private: bool = False

    @property
    def line(self) -> str:
        """The command that says the same. What was typed stays text, whatever it looks like."""
        parts = ["/incident declare", self.severity, _quoted(self.title)]
        parts += ["--service", _quoted(self.service)] if self.service.strip() else []
        parts += ["--private"] if self.private else []
        parts += ["--impact", _quoted(self.impact)] if self.impact.strip() else []
        return " ".join(parts)


def _quoted(text: str) -> str:
    return f'"{text.translate(_QUOTES).strip()}"'


@dataclass(frozen=True)
class Origin:
    """The message from which somebody declares: the delivery that brought it, and its first words."""

    arrival: str = ""
    excerpt: str = ""

    @property
    def metadata(self) -> str:
        """To be found again with what was filled in."""
        return json.dumps({"arrival": self.arrival, "excerpt": cut(self.excerpt, 500)})[:_METADATA]


def origin_of(view: dict[str, Any]) -> Origin:
    """From a view that was sent in."""
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return Origin()
    return Origin(str(found.get("arrival", "")), str(found.get("excerpt", "")))


def draft_of(view: dict[str, Any]) -> Draft:
    """What was filled in."""
    values = {block: found.get(_VALUE) or {} for block, found in (view.get("state") or {}).get("values", {}).items()}

    def text(block: str) -> str:
        return str(values.get(block, {}).get("value") or "")

    severity = (values.get("severity", {}).get("selected_option") or {}).get("value", "")
    private = bool(values.get("private", {}).get("selected_options"))
    return Draft(text("title"), str(severity), text("service"), text("impact"), private)


def placeholder() -> dict[str, Any]:
    """What opens at once."""
    wait = "One moment …"
    help_ = "If nothing comes, close this and type: /incident declare sev1 what is wrong"
    return _plain_view(wait, help_)


def declaring() -> dict[str, Any]:
    """What stands there while the incident is being opened."""
    return _plain_view("Declaring …", "You can close this: the answer comes by direct message then.")


def _plain_view(*lines: str) -> dict[str, Any]:
    blocks = [ContextBlock(elements=[PlainTextObject(text=line)]) for line in lines]
    return View(type="modal", title=TITLE, close="Close", blocks=blocks).to_dict()


def told(blocks: list[Any]) -> dict[str, Any]:
    """An answer in the form's place."""
    return {**_plain_view("…"), "blocks": [_dict(block) for block in blocks]}


def form(draft: Draft, origin: Origin, scheme: Scheme, before: list[Any]) -> dict[str, Any]:
    """The form. `before` stands above it: a refusal, and what is open already."""
    view = View(
        type="modal",
        callback_id=DECLARE,
        title=TITLE,
        submit="Declare",
        close="Cancel",
        private_metadata=origin.metadata,
        blocks=[DividerBlock(), *_fields(draft, scheme), *_message(origin)],
    ).to_dict()
    above = [_dict(block) for block in before]
    return {**view, "blocks": [*above, *view["blocks"]] if above else view["blocks"][1:]}


def _dict(block: Any) -> Any:
    return block.to_dict() if isinstance(block, Block) else block


def _fields(draft: Draft, scheme: Scheme) -> list[Block]:
    impact = _text(draft.impact, MAX_IMPACT, "Who notices it, and how", lines=True)
    return [
        _input("title", "What is wrong?", _text(draft.title, MAX_TITLE, "API answers 502")),
        _input("severity", "Severity", _severity(draft.severity, scheme)),
        _criteria(scheme),
        _input("service", "Service", _text(draft.service, MAX_SERVICE), optional=True),
        _input("impact", "Impact", impact, optional=True),
        _input("private", "Who sees it", _private(draft.private), optional=True),
    ]


def _input(name: str, label: str, element: Any, *, optional: bool = False) -> InputBlock:
    return InputBlock(block_id=name, label=label, element=element, optional=optional)


def _text(value: str, longest: int, hint: str = "", *, lines: bool = False) -> PlainTextInputElement:
    return PlainTextInputElement(
        action_id=_VALUE,
        max_length=longest,
        multiline=lines,
        initial_value=cut(clean(value), longest) or None,
        placeholder=hint or None,
    )


def _severity(chosen: str, scheme: Scheme) -> StaticSelectElement:
    options = [_option(level.id, f"{level.id} · {level.name}", level.criteria) for level in scheme.levels]
    initial = next((one for one in options if one.value == chosen), None)
    return StaticSelectElement(
        action_id=_VALUE, placeholder="How bad is it?", options=options[:_MOST_OPTIONS], initial_option=initial
    )


def _private(chosen: bool) -> CheckboxesElement:
    option = _option(_PRIVATE, "Private", "Only people who are invited see that it exists.")
    return CheckboxesElement(action_id=_VALUE, options=[option], initial_options=[option] if chosen else None)


def _option(value: str, text: str, description: str) -> Option:
    return Option(value=value, text=cut(text, _OPTION), description=cut(description, _OPTION) or None)


def _criteria(scheme: Scheme) -> ContextBlock:
    """Of each level, in full: the menu may have cut them."""
    return _small("\n".join(f"{level.id}: {level.criteria}" for level in scheme.levels))


def _message(origin: Origin) -> list[Block]:
    """What becomes of the message from which it is declared."""
    return [_small(f"Goes on the incident's timeline: {origin.excerpt}")] if origin.arrival else []


def _small(text: str) -> ContextBlock:
    return ContextBlock(elements=[PlainTextObject(text=cut(clean(text), CONTEXT))])
