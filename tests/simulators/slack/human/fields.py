"""What a human's choice in an element looks like to the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulators.slack.errors import NotPossible

Find = Callable[[str, str], str]

EMPTY = {
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
    "file_input": "files",
}
_INITIAL = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
}


def untouched(element: dict[str, Any]) -> dict[str, Any]:
    """The state of an element that nobody touched."""
    key = EMPTY[element["type"]]
    default: Any = [] if key.endswith("s") and key != "files" else None
    return {"type": element["type"], key: element.get(_INITIAL.get(key, ""), default)}


def chosen(element: dict[str, Any], value: Any, find: Find) -> dict[str, Any]:
    """The state of an element in which a human chose or wrote this."""
    kind = element["type"]
    key = EMPTY[kind]
    many = value if isinstance(value, list | tuple) else [value]
    if key == "selected_option":
        return {"type": kind, key: _option(element, value)}
    if key == "selected_options":
        return {"type": kind, key: [_option(element, one) for one in many]}
    if key in {"selected_user", "selected_channel", "selected_conversation"}:
        return {"type": kind, key: find(key.removeprefix("selected_"), value)}
    if key in {"selected_users", "selected_channels", "selected_conversations"}:
        return {"type": kind, key: [find(key.removeprefix("selected_").removesuffix("s"), one) for one in many]}
    return {"type": kind, key: value}


def _option(element: dict[str, Any], value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    groups = [group["options"] for group in element.get("option_groups", [])]
    options = [one for group in [element.get("options", []), *groups] for one in group]
    for one in options:
        if value in {one.get("value"), one["text"]["text"]}:
            return dict(one)
    offered = [one["text"]["text"] for one in options]
    raise NotPossible(f"{value!r} is not offered; there are {offered}")


def is_empty(state: dict[str, Any]) -> bool:
    """Nothing was chosen or written."""
    return state[EMPTY[state["type"]]] in (None, "", [])


def refused(element: dict[str, Any], state: dict[str, Any]) -> str:
    """Why a client does not let this be submitted."""
    value = state.get("value")
    if not isinstance(value, str):
        return ""
    most = element.get("max_length", 3000)
    if len(value) > most:
        return f"at most {most} characters"
    if len(value) < element.get("min_length", 0):
        return f"at least {element['min_length']} characters"
    if element["type"] == "number_input":
        return _wrong_number(element, value)
    if element["type"] == "email_text_input" and "@" not in value:
        return "an email address"
    if element["type"] == "url_text_input" and "://" not in value:
        return "a URL"
    return ""


def _wrong_number(element: dict[str, Any], value: str) -> str:
    try:
        number = float(value) if element["is_decimal_allowed"] else int(value)
    except ValueError:
        return "a number"
    if "min_value" in element and number < float(element["min_value"]):
        return f"at least {element['min_value']}"
    if "max_value" in element and number > float(element["max_value"]):
        return f"at most {element['max_value']}"
    return ""
