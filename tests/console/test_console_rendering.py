"""Every part of a card as HTML, and that nothing anybody wrote is ever markup."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest

from bot.platforms.console.console import assets_path
from bot.platforms.console.rendering import Renderer, initials, markdown
from bot.store.views import MessageView
from commands.cards import (
    Button,
    Card,
    Channel,
    Code,
    Image,
    Link,
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
from commands.presentation import speech
from tests.console.fakes import ANA, BEN, NOON, PEOPLE, FakeRecord
from tests.console.scene import incident_card

EVIL = "<img src=x onerror=alert(1)>\"'&</script>"


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(PEOPLE, version="0", assets=assets_path())


def shown(renderer: Renderer, content: Card | str, **more: object) -> str:
    """A message with this content, as Ana sees it."""
    view = FakeRecord().put("operations", content, author="ben" if isinstance(content, str) else "tocsin", **more)
    return renderer.in_place(view, ANA)


def test_every_kind_of_span_has_its_element(renderer: Renderer) -> None:
    out = shown(
        renderer,
        card(
            "Look",
            rich(
                "plain ", strong("strong "), Code(text="/gw status"), Who(person="ben"), Who(person="ana"),
                Who(person="stranger"), When(at=NOON), Channel(name="a b"),
                Link(url="https://x.example/?a=1&b=2", text="out"),
                Link(url="/postmortems/1", text="in"),
            ),
        ),
    )  # fmt: skip
    assert "plain <strong>strong </strong>" in out
    assert '<code dir="auto">/gw status</code>' in out
    assert '<span class="who" data-person="ben">@Ben Okafor</span>' in out
    assert '<span class="who is-me" data-person="ana">@Ana Ruiz</span>' in out
    assert ">@stranger</span>" in out
    assert '<time datetime="2026-11-21T12:00:00.000Z" data-style="clock">12:00 UTC</time>' in out
    assert '<a class="channel-link" href="/c/a%20b">#a b</a>' in out
    assert 'href="https://x.example/?a=1&amp;b=2" dir="auto" rel="noopener noreferrer"' in out
    assert '<a href="/postmortems/1" dir="auto">in</a>' in out


def test_every_part_of_a_card_is_there(renderer: Renderer) -> None:
    out = shown(
        renderer,
        Card(
            title="Gateway", tone=Tone.WARNING, paragraphs=(rich("One"),), facts=(fact("Errors", "3 %"),),
            table=Table(columns=("Route", "n"), rows=((rich("/a"), rich("7")),), numeric=(1,)),
            preformatted="a  b\nc", image=Image(url="/charts/1.svg", alt="errors over time"),
            buttons=(
                Button(label="Go", action="x", subject="s", style="primary", token="tok"),
                Button(label="Old", action="x", subject="s"),
            ),
            footer=rich("foot"),
        ),
    )  # fmt: skip
    assert 'class="card tone-warning"' in out
    assert "<dt>Errors</dt>" in out
    assert '<th scope="col" class="numeric">n</th>' in out
    assert '<td class="numeric" dir="auto">7</td>' in out
    assert "a  b\nc</code></pre>" in out
    assert '<img src="/charts/1.svg" alt="errors over time"' in out
    assert 'class="button is-primary" data-testid="card-button" data-token="tok">Go' in out
    assert 'disabled title="This button is out of date.">Old' in out
    assert 'data-token="tok"' in out
    assert 'action="x"' not in out, "what a button does stays on the server"
    assert "foot" in out


@pytest.mark.parametrize(
    "content",
    [
        EVIL,
        Card(title=EVIL),
        card("t", EVIL),
        card("t", rich(strong(EVIL), Code(text=EVIL), Who(person=EVIL), Channel(name=EVIL))),
        card("t", rich(Link(url="https://x.example/" + EVIL, text=EVIL), Link(url="/a" + EVIL, text=EVIL))),
        Card(title="t", facts=(fact(EVIL, EVIL),)),
        Card(title=EVIL, table=Table(columns=(EVIL,), rows=((rich(EVIL),),))),
        Card(title="t", preformatted=EVIL),
        Card(title="t", image=Image(url="/" + EVIL, alt=EVIL)),
        Card(title="t", image=Image(url="https://x.example/a.png", alt=EVIL)),
        Card(title="t", buttons=(Button(label=EVIL, action=EVIL, subject=EVIL, token=EVIL),)),
        Card(title="t", footer=rich(EVIL)),
    ],
    ids=lambda content: "text" if isinstance(content, str) else "card",
)
def test_html_in_any_field_stays_text(renderer: Renderer, content: Card | str) -> None:
    for pinned in (False, True) if isinstance(content, Card) else (False,):
        out = shown(renderer, content, pinned=pinned)
        assert "<img src=x" not in out
        assert "onerror" in html.unescape(out), "it is shown, not cut"
        assert "</script>" not in out


def test_html_in_names_and_keys_stays_text(renderer: Renderer) -> None:
    view = MessageView(
        id=1, key=EVIL, channel=EVIL, author=EVIL, at=NOON, edited_at=NOON, card=None, text="x", only_for="ana",
        thread=None, pinned=False, change=1,
    )  # fmt: skip
    assert "<img src=x" not in renderer.message(view, BEN)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "//evil.example/x", "data:text/html,x", "ftp://x/y", "https:///x", "/\\evil.example",
     "ht\ntps://x", "java\tscript:alert(1)", "https://[bad", " https://x.example", ""],
)  # fmt: skip
def test_an_unsafe_address_is_text(renderer: Renderer, url: str) -> None:
    out = shown(renderer, card("t", rich(Link(url=url, text="click"))))
    assert "<a " not in out
    assert "click" in out
    assert url in html.unescape(out), "the reader sees where it would have gone"


def test_an_image_from_outside_becomes_a_link(renderer: Renderer) -> None:
    out = shown(renderer, Card(title="t", image=Image(url="https://grafana.example/a.png", alt="errors")))
    assert "<img" not in out
    assert '<a href="https://grafana.example/a.png"' in out
    assert "<a " not in shown(renderer, Card(title="t", image=Image(url="javascript:1", alt="errors")))


def test_what_people_say_gets_links_and_mentions(renderer: Renderer) -> None:
    out = shown(renderer, "see https://x.example/a?b=1). @ana and @nobody, mail a@ana.example")
    assert 'href="https://x.example/a?b=1"' in out
    assert out.count('class="who') == 1
    assert "@nobody, mail a@ana.example" in out


def test_spoken_keeps_every_character() -> None:
    text = "a @ben b\n  https://x.example/. c @x @ana"
    names = {"ben": "@ben", "ana": "@ana"}
    words = "".join(
        f"@{span.person}" if isinstance(span, Who) else span.text
        for span in speech.spans(text, names)
        if isinstance(span, Text | Who | Link)
    )
    assert words == text


def test_long_text_is_folded_and_whole(renderer: Renderer) -> None:
    out = shown(renderer, "word " * 1000)
    assert "Show all 5,000 characters" in out
    assert out.count("word ") >= 1000


def test_only_you_is_marked(renderer: Renderer) -> None:
    assert "Only you see this" in shown(renderer, card("t"), only_for="ana")
    assert "Only you see this" not in shown(renderer, card("t"))


def test_replies_are_counted_in_words(renderer: Renderer) -> None:
    assert "1 reply</button>" in shown(renderer, "x", replies=1)
    assert "2 replies</button>" in shown(renderer, "x", replies=2)


def test_an_edited_message_says_so(renderer: Renderer) -> None:
    assert "updated <time" in shown(renderer, card("t"), edited_at=NOON)


def test_the_incidents_line_is_read_from_its_card(renderer: Renderer) -> None:
    out = shown(renderer, incident_card(NOON, due=NOON + timedelta(minutes=15)), pinned=True)
    assert '<span class="badge tone-critical" data-testid="severity">SEV1</span>' in out
    assert 'data-testid="status">identified<' in out
    assert 'datetime="2026-11-21T12:00:00.000Z" data-style="elapsed"' in out
    assert 'datetime="2026-11-21T12:15:00.000Z" data-style="due"' in out
    assert ">SEV1 · Checkout" not in out, "the badge says the severity already"
    assert "<dt>Status</dt>" not in out
    assert "<dt>Technical lead</dt>" in out
    assert "Postmortem" not in out


def test_an_incident_that_is_over_shows_how_long_it_lasted(renderer: Renderer) -> None:
    over = Card(
        title="x", facts=(fact("Status", "resolved"), fact("Lasted", "47 min"), fact("Next update due", When(at=NOON)))
    )
    out = shown(renderer, over, pinned=True)
    assert "lasted 47 min" in out
    assert "Postmortem</a>" in out
    assert 'data-style="due"' not in out
    assert renderer.bar(None).title == ""


def test_initials() -> None:
    assert initials("Ana Maria Ruiz") == "AR"
    assert initials("tocsin") == "T"
    assert initials("!!!") == "?"


def test_markdown_shows_html_and_links_only_what_is_safe() -> None:
    out = markdown("# A\n<script>x</script>\n\n[a](javascript:x) [b](https://x.example)\n\n|a|\n|-|\n|b|\n")
    assert "<h1>A</h1>" in out
    assert "<script>" not in out
    assert 'href="javascript' not in out
    assert 'href="https://x.example"' in out
    assert "<table>" in out
