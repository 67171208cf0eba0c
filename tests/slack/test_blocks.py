"""Cards as Slack messages: each part, each limit, and nothing that people wrote is markup or rings a phone."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.platforms.slack import mrkdwn
from bot.platforms.slack.blocks import Names, Shown, render, whole
from commands.cards import (
    Button,
    Card,
    Channel,
    Code,
    Fact,
    Image,
    Link,
    Part,
    Table,
    Text,
    Tone,
    When,
    Who,
    card,
    fact,
    rich,
    strong,
)
from tests.slack.limits import broken, of_type, said, simulator_says, walk

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAMP = int(NOON.timestamp())
PERSONS = {"ana": ("U0ANA", "Ana Ruiz"), "ben": ("U0BEN", "Ben Okafor")}
NAMES = Names(
    user=lambda person: PERSONS.get(person, (None,))[0],
    name=lambda person: PERSONS.get(person, ("", person.title()))[1],
    channel={"incident-1": "C0ONE"}.get,
    address="https://tocsin.example/",
)
PING = "@channel <!channel> @here <!here> <@U0ANA> <!subteam^S1> @everyone"
MARKUP = "*bold* _it_ ~no~ `code` ```pre``` > quote :fire: <https://x|y> & &amp;\n> next"


def shown(content: Card, names: Names = NAMES) -> Shown:
    """As it is sent, held to every limit."""
    message = render(content, names, key="message-1")
    assert broken(message) == []
    assert simulator_says(message.blocks) == []
    return message


# ---------------------------------------------------------------- parts

DATE: dict[str, Any] = {"type": "date", "timestamp": STAMP, "fallback": "2026-11-21 12:00 UTC"}
X = "https://x.example/"
SPANS: list[tuple[Part, dict[str, Any]]] = [
    (Text(text="plain"), {"type": "text", "text": "plain"}),
    (strong("strong"), {"type": "text", "text": "strong", "style": {"bold": True}}),
    (Code(text="/gw status"), {"type": "text", "text": "/gw status", "style": {"code": True}}),
    (Code(text="a `b` c"), {"type": "text", "text": "a `b` c", "style": {"code": True}}),
    (Who(person="ana"), {"type": "user", "user_id": "U0ANA"}),
    (Who(person="eve"), {"type": "text", "text": "Eve", "style": {"bold": True}}),
    (When(at=NOON), {"type": "date", "timestamp": STAMP, "format": "{time}", "fallback": "12:00 UTC"}),
    (When(at=NOON, style="full"), DATE | {"format": "{date_short_pretty} {time}"}),
    (When(at=NOON, style="relative"), DATE | {"format": "{ago}"}),
    (When(at=NOON.replace(year=1950)), {"type": "text", "text": "12:00 UTC"}),
    (Channel(name="incident-1"), {"type": "channel", "channel_id": "C0ONE"}),
    (Channel(name="elsewhere"), {"type": "text", "text": "#elsewhere"}),
    (Link(url=X + "?a=1&b=2", text="out"), {"type": "link", "url": X + "?a=1&b=2", "text": "out"}),
    (Link(url="/p/1", text="in"), {"type": "link", "url": "https://tocsin.example/p/1", "text": "in"}),
    (Link(url=X + "a|b>c", text="o"), {"type": "link", "url": X + "a%7Cb%3Ec", "text": "o"}),
    (Link(url=X, text=""), {"type": "link", "url": X, "text": X}),
    (Text(text=MARKUP), {"type": "text", "text": MARKUP}),
    (Text(text=PING), {"type": "text", "text": PING}),
    (Text(text="a\x00b\x1b[31m\u202ec\r\nd"), {"type": "text", "text": "ab[31mc\nd"}),
    (Text(text="عطل في الدفع 👩‍🚒"), {"type": "text", "text": "عطل في الدفع 👩‍🚒"}),
]  # fmt: skip


@pytest.mark.parametrize(("span", "element"), SPANS, ids=lambda value: str(getattr(value, "kind", ""))[:9])
def test_each_span_has_its_element(span: Part, element: dict[str, Any]) -> None:
    assert shown(card("t", rich(span))).blocks[1]["elements"][0]["elements"] == [element]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "//evil.example", "ftp://x/y", "https:///x", "https://[bad", "https://x.example/a b", "",
     "https://x.example:99999/", "https://x.example\\@evil", "ht\ntps://x", "https://x.example/" + "a" * 3000, "http://<x>/"],
)  # fmt: skip
def test_an_address_that_slack_may_refuse_is_shown_and_not_linked(url: str) -> None:
    message = shown(card("t", rich(Link(url=url, text="click"))))
    assert of_type(message, "link") == []
    assert "click" in said(message)


def test_without_an_address_of_our_own_our_pages_are_text() -> None:
    names = Names(user=NAMES.user, name=NAMES.name, channel=NAMES.channel)
    assert of_type(shown(card("t", rich(Link(url="/p/1", text="in"))), names), "link") == []


def test_an_id_that_is_none_cannot_break_out() -> None:
    names = Names(user=lambda _: "U1> <!channel", name=lambda _: "*Mallory* <!here>", channel=lambda _: "C1|x>")
    message = shown(Card(title="t", facts=(fact("a", Who(person="m")), fact("b", Channel(name="c")))), names)
    assert "<!" not in said(message).replace("*Mallory* <!here>", "")
    assert of_type(message, "channel") == []


@pytest.mark.parametrize(
    ("tone", "start"),
    [(Tone.CRITICAL, "🚨 "), (Tone.WARNING, "⚠️ "), (Tone.GOOD, "✅ "), (Tone.NEUTRAL, "Title")],
)
def test_the_tone_is_a_shape_in_the_header(tone: Tone, start: str) -> None:
    message = shown(card("Title", tone=tone))
    assert message.blocks[0]["text"]["text"].startswith(start)
    assert message.text.startswith(start)


def test_a_long_title_is_a_bold_line_and_whole() -> None:
    message = shown(card("word " * 40))
    assert message.blocks[0]["type"] == "rich_text"
    assert said(message).count("word") == 40
    assert not message.cut


def test_short_facts_stand_in_two_columns_and_long_ones_below() -> None:
    facts = (
        fact("Status", strong("open")), fact("Errors", strong("12 %"), " of 3"), fact("Who", Who(person="ana")),
        fact("Since", When(at=NOON)), fact("Undo", Code(text="/gw undo")), fact("Why", "a " * 40),
        fact("Name", "a_b *c*"), fact("*x*", "y"), fact("Split", strong("a"), "b"), fact("Empty", ""),
    )  # fmt: skip
    message = shown(Card(title="t", facts=facts))
    assert [one["text"] for one in message.blocks[1]["fields"]] == [
        "*Status*\n*open*", "*Errors*\n*12 %* of 3", "*Who*\n<@U0ANA>", f"*Since*\n<!date^{STAMP}^{{time}}|12:00 UTC>",
        "*Undo*\n`/gw undo`", "*Empty*\n-",
    ]  # fmt: skip
    lines = ["".join(e["text"] for e in section["elements"]) for section in message.blocks[2]["elements"]]
    assert lines == ["Why: " + "a " * 40, "Name: a_b *c*", "*x*: y", "Split: ab"]


def test_buttons_send_their_token_and_stand_before_what_is_long() -> None:
    buttons = (
        Button(label="Go", action="x", subject="s", style="primary", token="tok"),
        Button(label="Stop", action="x", subject="s", style="danger", token="tok2"),
        Button(label="Plain", action="x", subject="s", token="tok3"),
        Button(label="Dead", action="x", subject="s"),
    )
    table = Table(columns=("a",), rows=((rich("b"),),))
    message = shown(Card(title="t", facts=(fact("a", "b"),), table=table, preformatted="x", buttons=buttons))
    kinds = [block["type"] for block in message.blocks]
    assert kinds == ["header", "rich_text", "actions", "table", "rich_text"]
    assert [(b["action_id"], b["value"], b.get("style")) for b in message.blocks[2]["elements"]] == [
        ("tocsin.click.0", "tok", "primary"), ("tocsin.click.1", "tok2", "danger"), ("tocsin.click.2", "tok3", None),
    ]  # fmt: skip
    assert "Dead" not in message.text


def test_a_table_is_slacks_own_with_numbers_to_the_right() -> None:
    rows = (
        (rich("gateway-1"), rich("7"), rich(Who(person="ana"))),
        (rich("a long sentence that needs to wrap"), rich("8"), ()),
    )
    table = shown(Card(title="t", table=Table(columns=("Name", "n", ""), rows=rows, numeric=(1,)))).blocks[1]
    assert [(one["align"], one["is_wrapped"]) for one in table["column_settings"]] == [
        ("left", True), ("right", False), ("left", False),
    ]  # fmt: skip
    assert [cell["elements"][0]["elements"][0]["text"] for cell in table["rows"][1]] == ["gateway-1", "7", "Ana Ruiz"]
    assert table["rows"][0][0]["elements"][0]["elements"][0]["style"] == {"bold": True}
    assert table["rows"][2][2]["elements"][0]["elements"][0]["text"] == "-"


def test_a_table_wider_than_slacks_is_monospaced() -> None:
    columns = tuple(f"c{i}" for i in range(21))
    message = shown(
        Card(title="t", table=Table(columns=columns, rows=(tuple(rich(str(i)) for i in range(21)),), numeric=(1,)))
    )
    text = message.blocks[1]["elements"][0]["elements"][0]["text"]
    assert text.splitlines()[0].startswith("c0    c1  c2")
    assert text.splitlines()[1].startswith("0      1  2")


def test_a_table_without_rows_says_so_and_one_that_is_ragged_is_squared() -> None:
    assert "Nothing to list." in said(shown(Card(title="t", table=Table(columns=("a",), rows=()))))
    assert shown(Card(title="t", table=Table(columns=(), rows=((),)))).cut
    ragged = Card(title="t", table=Table(columns=("a", "b"), rows=((rich("1"),), (rich("1"), rich("2"), rich("3")))))
    assert [len(row) for row in shown(ragged).blocks[1]["rows"]] == [2, 2, 2]
    assert "1" in whole(ragged, NAMES)


def test_pictures_of_others_are_shown_and_ours_are_linked() -> None:
    out = shown(Card(title="t", image=Image(url="https://x.example/a.png", alt="errors over time")))
    assert out.blocks[1] == {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "errors over time"}
    assert of_type(shown(Card(title="t", image=Image(url="/a.svg", alt="errors"))), "link")[0]["text"] == "errors"
    assert "errors" in said(shown(Card(title="t", image=Image(url="data:image/png,x", alt="errors"))))
    assert shown(Card(title="t", image=Image(url="https://x.example/a.png", alt=""))).blocks[1]["alt_text"] == "picture"


def test_the_small_print_calls_nobody_and_is_literal() -> None:
    message = shown(Card(title="t", footer=rich("asked by ", Who(person="ana"), " at ", When(at=NOON))))
    assert message.blocks[1]["elements"][0]["text"] == f"asked by Ana Ruiz at <!date^{STAMP}^{{time}}|12:00 UTC>"
    typed = shown(Card(title="t", footer=rich(Who(person="ana"), ": /incident note *x*"))).blocks[1]["elements"][0]
    assert (typed["type"], typed["text"]) == ("plain_text", "Ana Ruiz: /incident note *x*")


# ---------------------------------------------------------------- what nobody may do with words


def everywhere(text: str) -> Card:
    """A card with the same words in every place."""
    parts = rich(
        text, strong(text), Code(text=text), Link(url="https://x.example/" + text, text=text), Channel(name=text)
    )
    return Card(
        title=text, paragraphs=(parts,), facts=(Fact(label=text, value=parts), fact("a", text), fact(text, "b")),
        table=Table(columns=(text,), rows=((parts,),)), preformatted=text, footer=parts,
        image=Image(url="https://x.example/" + text, alt=text),
        buttons=(Button(label=text, action="a", subject="s", token="t"),),
    )  # fmt: skip


@pytest.mark.parametrize("text", [PING, "<!channel>", "@channel", "@Here", "<@U0ANA>", "&lt;!here&gt;", MARKUP])
def test_nobody_is_called_by_words(text: str) -> None:
    message = shown(everywhere(text))
    assert not [one for one in walk(message.blocks) if one.get("type") in {"user", "broadcast", "usergroup"}]
    for marked in [one["text"] for one in of_type(message, "mrkdwn")] + [message.text]:
        assert not re.search(r"<[@!]", marked)
        assert not re.search(r"@(channel|here|everyone)", marked, re.IGNORECASE)


def test_a_person_is_mentioned_in_the_blocks_and_only_named_in_the_fallback() -> None:
    message = shown(card("t", rich(Who(person="ana"), " took over from ", Who(person="eve"))))
    assert len(of_type(message, "user")) == 1
    assert message.text == "t\nAna Ruiz took over from Eve"


@pytest.mark.parametrize(
    ("text", "literal"),
    [("deploy/gateway (1a2b)", True), ("a_b", True), ("_a_", False), ("*a*", False), ("a `b`", False), ("a ~b~", False),
     ("> a", False), ("a > b", True), (":fire:", False), ("12:00 UTC", True), ("11:24:07", False), ("a\nb", False)],
)  # fmt: skip
def test_what_slack_would_format_is_known(text: str, literal: bool) -> None:
    assert mrkdwn.is_literal(text) is literal
    assert (mrkdwn.written(rich(text), NAMES) is not None) is literal


def test_the_fallback_is_cut_where_no_entity_is_parted() -> None:
    text = shown(card("t", "&" * 5000)).text
    assert len(text) <= 3000
    assert re.fullmatch(r"t\n(&amp;)+…", text)


# ---------------------------------------------------------------- too much of everything

LONG = "lorem ipsum & <dolor> *sit* 🔥 " * 3500


def table_of(rows: int, cell: str, columns: tuple[str, ...] = ("a", "b")) -> Card:
    """A card with a table."""
    return Card(title="t", table=Table(columns=columns, rows=((rich(cell),) * len(columns),) * rows))


def buttons_of(count: int, label: str, token: str = "t") -> Card:
    """A card with buttons."""
    return Card(title="t", buttons=(Button(label=label, action="a", subject="s", token=token),) * count)


BIG: dict[str, Card] = {
    "title": Card(title=LONG),
    "one paragraph of 100 KB": card("t", LONG),
    "control characters": card("\x00\x01", "\x00" * 5000),
    "60 paragraphs": card("t", *(f"paragraph {i}" for i in range(60))),
    "200 long paragraphs": card("t", *("x" * 500 for _ in range(200))),
    "100 facts": Card(title="t", facts=tuple(fact(f"label {i}", f"value {i}") for i in range(100))),
    "long facts": Card(title="t", facts=(fact("label " * 100, LONG),) * 20),
    "300 rows": table_of(300, "x"),
    "long cells": table_of(30, LONG, (LONG, "b")),
    "wide table": table_of(50, LONG, ("c" * 50,) * 90),
    "preformatted": Card(title="t", preformatted="\n".join(f"line {i} {'x' * 90}" for i in range(1000))),
    "one endless line": Card(title="t", preformatted="x" * 100_000),
    "image": Card(title="t", image=Image(url="https://x.example/a.png", alt=LONG)),
    "40 buttons": buttons_of(40, LONG, "t" * 255),
    "300 buttons": buttons_of(300, "b"),
    "footer": Card(title="t", footer=rich(LONG)),
}
FITS = {"60 paragraphs", "40 buttons", "image", "control characters"}


@pytest.mark.parametrize("name", BIG)
def test_too_much_is_cut_and_said(name: str) -> None:
    message = shown(BIG[name])
    assert message.cut is (name not in FITS)
    if message.cut:
        assert message.blocks[-1]["elements"][0]["text"]["text"] == "Show all"
        assert message.blocks[-1]["elements"][0]["value"] == "message-1"
        assert message.blocks[-2]["elements"][0]["text"].startswith("… ")


def test_too_much_of_everything_at_once() -> None:
    parts: dict[str, Any] = {}
    for name in (
        "200 long paragraphs",
        "long facts",
        "300 rows",
        "preformatted",
        "image",
        "40 buttons",
        "footer",
        "title",
    ):
        parts |= {key: value for key, value in dict(BIG[name]).items() if value and (key != "title" or name == "title")}
    message = shown(Card(**parts))
    assert message.cut
    assert len(of_type(message, "button")) == 41


def test_what_is_left_out_is_counted() -> None:
    assert "… 250 more rows" in said(shown(BIG["300 rows"]))
    assert "60 facts" in said(shown(BIG["100 facts"]))
    assert "250 buttons" in said(shown(BIG["300 buttons"]))
    kept = re.search(r"… (\d+) more lines", said(shown(BIG["preformatted"])))
    assert kept
    assert said(shown(BIG["preformatted"])).count("line ") + int(kept[1]) == 1000


def test_a_key_is_never_longer_than_a_value() -> None:
    assert broken(render(BIG["300 rows"], NAMES, key="k" * 5000)) == []


def test_the_whole_text_has_what_was_cut() -> None:
    assert whole(BIG["300 rows"], NAMES).count("\n") == 301
    assert "@Ana Ruiz" in whole(card("t", rich(Who(person="ana"))), NAMES)
    assert "12:00 UTC" in whole(card("t", rich(When(at=NOON))), NAMES)


# ---------------------------------------------------------------- any card at all

words = st.one_of(st.text(max_size=40), st.text(max_size=400), st.sampled_from([PING, MARKUP, LONG, "", " ", "\n"]))
times = st.datetimes(datetime(1960, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
urls = st.one_of(words, words.map("https://x.example/{}".format), words.map("/{}".format))
spans: st.SearchStrategy[Any] = st.one_of(
    st.builds(Text, text=words, strong=st.booleans()),
    st.builds(Code, text=words),
    st.builds(Who, person=st.one_of(st.sampled_from(["ana", "ben"]), words)),
    st.builds(When, at=times, style=st.sampled_from(["clock", "full", "relative"])),
    st.builds(Link, url=urls, text=words),
    st.builds(Channel, name=st.one_of(st.just("incident-1"), words)),
)
riches = st.lists(spans, max_size=5).map(tuple)
tables = st.builds(
    Table,
    columns=st.lists(words, max_size=25).map(tuple),
    rows=st.lists(st.lists(riches, max_size=5).map(tuple), max_size=120).map(tuple),
    numeric=st.lists(st.integers(0, 30), max_size=3).map(tuple),
)
buttons = st.builds(
    Button, label=words, action=words, subject=words,
    style=st.sampled_from(["primary", "danger", "plain"]), token=st.text(max_size=30),
)  # fmt: skip
cards = st.builds(
    Card,
    title=words,
    tone=st.sampled_from(Tone),
    paragraphs=st.lists(riches, max_size=70).map(tuple),
    facts=st.lists(st.builds(Fact, label=words, value=riches), max_size=50).map(tuple),
    table=st.none() | tables,
    preformatted=words,
    image=st.none() | st.builds(Image, url=urls, alt=words),
    buttons=st.lists(buttons, max_size=60).map(tuple),
    footer=riches,
)


@settings(max_examples=120, deadline=timedelta(seconds=5), suppress_health_check=list(HealthCheck))
@given(cards)
def test_any_card_is_within_all_limits(content: Card) -> None:
    message = shown(content)
    assert not of_type(message, "broadcast")
    assert not re.search(r"<[@!#]", message.text)
    assert json.loads(json.dumps(message.blocks)) == message.blocks
    assert whole(content, NAMES).strip()
