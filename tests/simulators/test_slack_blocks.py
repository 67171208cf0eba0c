"""Block Kit's shapes and limits, with the words in which Slack refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.slack import Slack
from tests.simulators.slack.blocks.check import length_of_text, problems_of_blocks, problems_of_view
from tests.simulators.slack.blocks.render import Renderer
from tests.simulators.slack.bolted import client


def plain(words: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str) -> dict[str, Any]:
    """A mrkdwn object."""
    return {"type": "mrkdwn", "text": words}


def button(words: str = "Go", **more: Any) -> dict[str, Any]:
    """A button."""
    return {"type": "button", "text": plain(words), **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    """An actions block."""
    return {"type": "actions", "elements": list(elements)}


def asked(element: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An input block."""
    return {"type": "input", "label": plain("Label"), "element": element, **more}


OPTION = {"text": plain("One"), "value": "1"}
SECTION = {"type": "section", "text": mrkdwn("*bold*")}
CELL = {"type": "raw_text", "text": "x"}
RICH = {"type": "rich_text_section", "elements": [{"type": "text", "text": "x", "style": {"bold": True}}]}

GOOD: list[dict[str, Any]] = [
    SECTION,
    {"type": "section", "fields": [mrkdwn("x")] * 10, "accessory": button(action_id="a")},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider"},
    {
        "type": "context",
        "elements": [mrkdwn("x"), {"type": "image", "image_url": "https://a.example", "alt_text": "x"}],
    },
    actions(*(button(action_id=f"a{number}", value="v", style="danger") for number in range(25))),
    {"type": "image", "slack_file": {"id": "F00000001"}, "alt_text": "a chart", "title": plain("Chart")},
    {"type": "rich_text", "elements": [RICH, {"type": "rich_text_list", "style": "bullet", "elements": [RICH]}]},
    {"type": "table", "rows": [[CELL] * 20] * 100, "column_settings": [{"align": "right"}]},
    {"type": "markdown", "text": "# Title"},
    asked({"type": "plain_text_input", "action_id": "a", "multiline": True}, optional=True, hint=plain("x")),
    asked({"type": "static_select", "action_id": "a", "options": [OPTION], "initial_option": OPTION}),
    asked({"type": "checkboxes", "action_id": "a", "options": [OPTION]}),
    asked({"type": "datetimepicker", "action_id": "a", "initial_date_time": 1_700_000_000}),
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_what_slack_takes(block: dict[str, Any]) -> None:
    assert problems_of_blocks([block]) == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({"type": "section", "text": mrkdwn("x" * 3001)}, "must be less than 3001 characters"),
    ({"type": "section", "text": mrkdwn("")}, "must be more than 0 characters"),
    ({"type": "section"}, "one of these fields is required: text, fields"),
    ({"type": "section", "fields": [mrkdwn("x")] * 11}, "no more than 10 items allowed"),
    ({"type": "section", "fields": [mrkdwn("x" * 2001)]}, "must be less than 2001 characters"),
    ({"type": "section", "text": mrkdwn("x"), "colour": "red"}, "invalid additional property: colour"),
    ({"type": "section", "text": mrkdwn("x"), "block_id": "x" * 256}, "must be less than 256 characters"),
    ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters"),
    ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn"),
    ({"type": "context", "elements": [mrkdwn("x")] * 11}, "no more than 10 items allowed"),
    (actions(*[button()] * 26), "no more than 25 items allowed"),
    (actions(), "no less than 1 items required"),
    (actions(button("x" * 76)), "must be less than 76 characters"),
    (actions(button(value="x" * 2001)), "must be less than 2001 characters"),
    (actions(button(action_id="x" * 256)), "must be less than 256 characters"),
    (actions(button(style="green")), "must be one of: primary, danger"),
    (actions(button(url="javascript:1")), "must be a valid URL"),
    (actions(button(action_id="a"), button(action_id="a")), "`action_id` a already exists in this block"),
    (actions({"type": "plain_text_input", "action_id": "a"}), "unsupported type: plain_text_input"),
    (asked(button()), "unsupported type: button"),
    (asked({"type": "static_select", "options": [OPTION] * 101}), "no more than 100 items allowed"),
    (asked({"type": "static_select", "options": []}), "no less than 1 items required"),
    (asked({"type": "datepicker", "initial_date": "tomorrow"}), "must be a date as YYYY-MM-DD"),
    ({"type": "image", "image_url": "https://a.example"}, "missing required field: alt_text"),
    ({"type": "rich_text", "elements": [{"type": "rich_text_bold"}]}, "unsupported type: rich_text_bold"),
    ({"type": "table", "rows": [[CELL] * 21]}, "no more than 20 items allowed"),
    ({"type": "carousel"}, "unsupported type: carousel"),
]


@pytest.mark.parametrize(("block", "words"), BAD)
def test_what_slack_refuses(block: dict[str, Any], words: str) -> None:
    found = problems_of_blocks([block])
    assert any(one.startswith(f"[ERROR] {words} [json-pointer:/blocks/0") for one in found), found


def test_whole_messages() -> None:
    assert "no more than 50 items allowed" in problems_of_blocks([SECTION] * 51)[0]
    assert problems_of_blocks([SECTION] * 100, "home") == []
    twice = [{**SECTION, "block_id": "a"}] * 2
    assert problems_of_blocks(twice) == ["[ERROR] `block_id` a already exists [json-pointer:/blocks/1/block_id]"]
    same_action_in_two_blocks = [actions(button(action_id="a"))] * 2
    assert problems_of_blocks(same_action_in_two_blocks) == []
    tables = [{"type": "table", "rows": [[CELL]]}] * 2
    assert "only one table" in problems_of_blocks(tables)[0]
    assert length_of_text([SECTION, actions(button("Go", value="not read"))]) == 8


VIEW: dict[str, Any] = {"type": "modal", "title": plain("Declare"), "blocks": [SECTION]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({"submit": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/submit/text]"),
        ({"private_metadata": "x" * 3001}, "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        ({"blocks": [SECTION] * 101}, "no more than 100 items allowed [json-pointer:/view/blocks]"),
        ({"blocks": [asked({"type": "plain_text_input"})]}, "missing required field: submit [json-pointer:/view]"),
        ({"type": "panel"}, "unsupported view type [json-pointer:/view/type]"),
        ({"colour": "red"}, "invalid additional property: colour [json-pointer:/view]"),
    ],
)
def test_views(changes: dict[str, Any], words: str) -> None:
    assert problems_of_view(VIEW | changes) == ([f"[ERROR] {words}"] if words else [])


async def test_slack_says_what_is_wrong_and_the_test_hears_of_it() -> None:
    async with Slack.start() as slack:
        place = {"channel": slack.channel("incidents").id, "text": "x"}
        web = client(slack)
        with pytest.raises(Exception, match="invalid_blocks"):
            await web.chat_postMessage(**place, blocks=[{"type": "header", "text": plain("x" * 151)}])
        with pytest.raises(Exception, match="msg_blocks_too_long"):
            await web.chat_postMessage(**place, blocks=[{"type": "section", "text": mrkdwn("x" * 2700)}] * 5)
        assert slack.calls[0].answer["response_metadata"]["messages"] == [
            "[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]"
        ]
        assert len(slack.violations) == 2
        assert slack.transcript("incidents") == ""


def test_blocks_as_text() -> None:
    renderer = Renderer(lambda kind, name: {"U1": "Ana", "S1": "oncall", "C1": "inc-1"}.get(name, kind))
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": one} for one in row] for row in ("ab", "cd")]}
    shown = renderer.blocks(
        [
            {"type": "header", "text": plain("Checkout is slow")},
            {"type": "section", "text": mrkdwn("<@U1> <!subteam^S1> <#C1> <https://a.example|runbook> a &amp; b")},
            {"type": "section", "fields": [mrkdwn("*Severity*\nSEV1"), mrkdwn("*Lead*\n<@U1>")]},
            {"type": "context", "elements": [mrkdwn("<!date^1700000000^{date_short} {time}|then>")]},
            actions(button("Confirm"), {"type": "overflow", "options": [OPTION]}),
            table,
            {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "ordered", "elements": [RICH]}]},
        ]
    )
    assert shown == [
        "## Checkout is slow",
        "@Ana @oncall #inc-1 runbook (https://a.example) a & b",
        "*Severity* | SEV1",
        "*Lead* | @Ana",
        "(Nov 14, 2023 22:13 UTC)",
        "[Confirm] [... One]",
        "| a | b |",
        "| c | d |",
        "1. x",
    ]
