"""The elements that live in blocks, and in which blocks each may live."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack.blocks.objects import (
    DATE,
    DISPATCH,
    FILTER,
    OPTION,
    OPTION_GROUP,
    RICH_OPTION,
    SLACK_FILE,
    STYLE,
    TIME,
    action_id,
    confirmation,
    plain,
    text,
    url,
)
from tests.simulators.slack.blocks.shapes import (
    Check,
    Report,
    also,
    anything,
    boolean,
    by_type,
    exactly_one,
    fields,
    items,
    number,
    string,
)

BASE: dict[str, Check] = {"action_id": action_id, "confirm": confirmation, "focus_on_load": boolean}
ASKING = BASE | {"placeholder": plain(150)}
URL_ENABLED: dict[str, Check] = {"response_url_enabled": boolean}
ONE_ID = string(255)
IDS = items(ONE_ID, 1000)
MANY: dict[str, Check] = {"max_selected_items": number}


def _button(report: Report, at: str, value: Any) -> None:
    fields(
        {"text": plain(75)},
        {
            "action_id": action_id,
            "url": url,
            "value": string(2000),
            "style": STYLE,
            "confirm": confirmation,
            "accessibility_label": string(75),
        },
    )(report, at, value)


def _select(more: dict[str, Check], required: dict[str, Check] | None = None) -> Check:
    return fields(required or {}, ASKING | more)


_static = {"options": items(OPTION, 100), "option_groups": items(OPTION_GROUP, 100)}
_list_of_choices: dict[str, Check] = {"options": items(RICH_OPTION, 10)}

image = also(
    fields({"alt_text": string(2000)}, {"image_url": url, "slack_file": SLACK_FILE}),
    exactly_one("image_url", "slack_file"),
)

ELEMENTS: dict[str, Check] = {
    "button": _button,
    "image": image,
    "overflow": fields({"options": items(OPTION, 5)}, {"action_id": action_id, "confirm": confirmation}),
    "static_select": also(
        _select(_static | {"initial_option": OPTION}), exactly_one("options", "option_groups")
    ),
    "multi_static_select": also(
        _select(_static | MANY | {"initial_options": items(OPTION, 100)}), exactly_one("options", "option_groups")
    ),
    "external_select": _select({"initial_option": OPTION, "min_query_length": number}),
    "multi_external_select": _select(MANY | {"initial_options": items(OPTION, 100), "min_query_length": number}),
    "users_select": _select({"initial_user": ONE_ID}),
    "multi_users_select": _select(MANY | {"initial_users": IDS}),
    "channels_select": _select(URL_ENABLED | {"initial_channel": ONE_ID}),
    "multi_channels_select": _select(MANY | {"initial_channels": IDS}),
    "conversations_select": _select(
        URL_ENABLED
        | {"initial_conversation": ONE_ID, "default_to_current_conversation": boolean, "filter": FILTER}
    ),
    "multi_conversations_select": _select(
        MANY | {"initial_conversations": IDS, "default_to_current_conversation": boolean, "filter": FILTER}
    ),
    "datepicker": _select({"initial_date": DATE}),
    "timepicker": _select({"initial_time": TIME, "timezone": string(255)}),
    "datetimepicker": fields({}, BASE | {"initial_date_time": number}),
    "checkboxes": fields(_list_of_choices, BASE | {"initial_options": items(RICH_OPTION, 10)}),
    "radio_buttons": fields(_list_of_choices, BASE | {"initial_option": RICH_OPTION}),
    "plain_text_input": fields(
        {},
        ASKING
        | {
            "initial_value": string(3000, 0),
            "multiline": boolean,
            "min_length": number,
            "max_length": number,
            "dispatch_action_config": DISPATCH,
        },
    ),
    "email_text_input": fields({}, ASKING | {"initial_value": string(3000), "dispatch_action_config": DISPATCH}),
    "url_text_input": fields({}, ASKING | {"initial_value": string(3000), "dispatch_action_config": DISPATCH}),
    "number_input": fields(
        {"is_decimal_allowed": boolean},
        ASKING
        | {
            "initial_value": string(3000),
            "min_value": string(255),
            "max_value": string(255),
            "dispatch_action_config": DISPATCH,
        },
    ),
    "rich_text_input": fields({}, ASKING | {"initial_value": anything, "dispatch_action_config": DISPATCH}),
    "file_input": fields({}, {"action_id": action_id, "filetypes": items(string(255), 50), "max_files": number}),
}  # fmt: skip

_ONLY_INPUT = {
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "rich_text_input",
    "file_input",
}
_ONLY_SHOWN = {"button", "image", "overflow"}


def among(names: set[str]) -> Check:
    """One of these elements."""
    return by_type({name: ELEMENTS[name] for name in sorted(names)})


_PRESSED = set(ELEMENTS) - _ONLY_INPUT - {"image"}
_CHOSEN_BY_MANY = {name for name in ELEMENTS if name.startswith("multi_")}

ACCESSORY = among(set(ELEMENTS) - _ONLY_INPUT)
IN_ACTIONS = among(_PRESSED - _CHOSEN_BY_MANY)
IN_INPUT = among(set(ELEMENTS) - _ONLY_SHOWN)
IN_CONTEXT = by_type(
    {
        "image": image,
        "mrkdwn": text(3000),
        "plain_text": text(3000),
    }
)
