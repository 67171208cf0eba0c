"""Modals and home tabs."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from tests.simulators.slack import outlook
from tests.simulators.slack.blocks.check import problems_of_view, too_large
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Trigger, View
from tests.simulators.slack.web.call import Answer, Call, method
from tests.simulators.slack.web.content import with_ids

TRIGGER_SECONDS = 3.0
MOST_IN_STACK = 3
TRIGGERS = ("expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id")


def _content(call: Call, kind: str) -> dict[str, Any]:
    view = call.args.get("view")
    if too_large(view):
        raise Refused("view_too_large")
    wrong = problems_of_view(view)
    if isinstance(view, dict) and view.get("type") != kind and not wrong:
        wrong = [f"[ERROR] must be a {kind} [json-pointer:/view/type]"]
    if wrong:
        call.core.violation(f"{call.method}: {'; '.join(wrong)}")
        raise Refused("invalid_arguments", wrong)
    assert isinstance(view, dict)
    return ready(call, view)


def ready(call: Call, view: dict[str, Any]) -> dict[str, Any]:
    """A copy whose blocks have ids."""
    copied = copy.deepcopy(view)
    copied["blocks"] = with_ids(copied["blocks"], call.core.state.id)
    return copied


def _trigger(call: Call) -> Trigger:
    """The trigger of a call, used up."""
    trigger = call.core.state.triggers.get(call.text("trigger_id") or call.text("interactivity_pointer"))
    if trigger is None or trigger.team != call.team.id:
        raise Refused("invalid_trigger_id")
    if trigger.used:
        raise Refused("exchanged_trigger_id")
    if call.core.state.now - trigger.born > TRIGGER_SECONDS:
        raise Refused("expired_trigger_id")
    trigger.used = True
    return trigger


def new_hash(content: dict[str, Any], now: float, number: str) -> str:
    """Changes with each version."""
    return f"{int(now)}.{hashlib.sha256((json.dumps(content, sort_keys=True) + number).encode()).hexdigest()[:8]}"


def _unique(call: Call, content: dict[str, Any], own: View | None = None) -> None:
    name = content.get("external_id")
    others = [*call.team.views.values(), *call.team.homes.values()]
    if name and any(one.external_id == name and one is not own and one.open for one in others):
        raise Refused("duplicate_external_id")


def shown(call: Call, view: View) -> Answer:
    """The view as the answer has it."""
    return {"view": outlook.view(view, call.core.app_id, call.bot.bot_id)}


@method("views.open", *TRIGGERS, "duplicate_external_id", "view_too_large")
def open_view(call: Call) -> Answer:
    """A modal appears before the person who pressed something."""
    content = _content(call, "modal")
    _unique(call, content)
    trigger = _trigger(call)
    return shown(call, call.core.screens.open(call.team, trigger.user, content))


@method("views.push", *TRIGGERS, "duplicate_external_id", "view_too_large", "push_limit_reached", "not_found")
def push(call: Call) -> Answer:
    """A modal on top of the one whose button was pressed."""
    content = _content(call, "modal")
    _unique(call, content)
    trigger = _trigger(call)
    stack = call.core.screens.stack(call.team, trigger.user)
    if not trigger.view or not stack:
        raise Refused("not_found")
    if len(stack) >= MOST_IN_STACK:
        raise Refused("push_limit_reached")
    return shown(call, call.core.screens.push(call.team, trigger.user, content))


@method("views.update", "not_found", "hash_conflict", "duplicate_external_id", "view_too_large")
def update(call: Call) -> Answer:
    """An open modal changes."""
    view = _known(call)
    content = _content(call, view.content["type"])
    _unique(call, content, view)
    if call.args.get("hash") and call.text("hash") != view.hash:
        raise Refused("hash_conflict")
    call.core.screens.replace(view, content)
    return shown(call, view)


def _known(call: Call) -> View:
    for view in [*call.team.views.values(), *call.team.homes.values()]:
        if view.open and (
            view.id == call.text("view_id") or (view.external_id and view.external_id == call.text("external_id"))
        ):
            return view
    raise Refused("not_found")


@method("views.publish", "hash_conflict", "duplicate_external_id", "view_too_large", "missing_profile_id")
def publish(call: Call) -> Answer:
    """The home tab of one person."""
    user = call.team.users.get(call.text("user_id"))
    if user is None:
        raise Refused("invalid_arguments", ["[ERROR] invalid `user_id`"])
    content = _content(call, "home")
    old = call.team.homes.get(user.id)
    _unique(call, content, old)
    if call.args.get("hash") and (old is None or call.text("hash") != old.hash):
        raise Refused("hash_conflict")
    return shown(call, call.core.screens.publish(call.team, user.id, content))
