"""The grammar: words, options, durations, times; and that no text at all brings it down."""
# ruff: noqa: RUF001 - letters that look like others are what is tested here

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.people import PEOPLE
from commands.domain.incident import NoteKind
from commands.domain.severity import PRESETS, SEV1_TO_SEV4, Scheme
from commands.errors import Malformed, Refusal
from commands.grammar import lexer
from commands.grammar.arguments import Rest
from commands.grammar.parser import Parsed, _written, described, parse, usage
from commands.grammar.types import DurationType, TimeType, Vocabulary
from commands.people import Directory, OrgRole, Person
from commands.registry import Command, discover

REGISTRY = discover()
COMMANDS = sorted(REGISTRY.commands.values(), key=lambda command: command.name)
PEOPLE_KNOWN = Directory([Person.model_validate(person) for person in PEOPLE])
DECADE = datetime.fromisoformat("2020-01-01")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORDS = Vocabulary(SEV1_TO_SEV4, PEOPLE_KNOWN, NOON)


def refusal(text: str) -> Refusal:
    """What a line is refused with."""
    with pytest.raises(Refusal) as refused:
        parse(text, REGISTRY, WORDS)
    return refused.value


def tried(text: str) -> Parsed | Refusal:
    """The command, or the refusal; anything else that is raised is a fault."""
    try:
        return parse(text, REGISTRY, WORDS)
    except Refusal as refused:
        return refused


# ---------------------------------------------------------------- words

_LETTER = st.characters(exclude_categories=["Cs"])


@given(st.text(_LETTER))
def test_words_joined_again_are_the_text(text: str) -> None:
    words = tuple(lexer.words(text))
    if len(words) > 1:
        assert lexer.join(words) == text.strip()


@given(st.lists(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters='"“”„«»'), min_size=1)))
def test_words_apart_by_spaces_are_themselves(words: list[str]) -> None:
    assert [str(word) for word in lexer.words(" ".join(words))] == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a "b c" d', ["a", "b c", "d"]),
        ("a “b c” d", ["a", "b c", "d"]),
        ("«b c»", ["b c"]),
        ("it's 5\" wide", ["it's", '5"', "wide"]),
        ('say "never closed', ["say", '"never', "closed"]),
        ('--service="a b" x', ["--service=a b", "x"]),
        ('""', [""]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_only_double_quotes_group(text: str, words: list[str]) -> None:
    assert [str(word) for word in lexer.words(text)] == words


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_example_of_each_command_is_that_command(command: Command) -> None:
    parsed = parse(command.example, REGISTRY, WORDS)
    assert parsed.command is command
    assert isinstance(parsed.args, command.args)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_says_how_it_is_written(command: Command) -> None:
    assert usage(command).startswith(command.name)
    assert command.summary.endswith(".")
    for written, meaning in described(command):
        assert written in usage(command)
        assert meaning


@pytest.mark.parametrize("line", ["/incident declare sev1 x", "incident declare sev1 x", "/INCIDENT DECLARE SEV-1 x"])
def test_slash_and_case_do_not_matter(line: str) -> None:
    assert parse(line, REGISTRY, WORDS).command.name == "/incident declare"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("/incident declar sev1", "/incident declare"),
        ("/incidents list", "/incident list"),
        ("/gw stauts", "/gw status"),
        ("/handovr @ben", "/handover"),
        ("/gw scal 10", "/gw scale"),
        ("/postmorten", "/postmortem"),
        ("/incident role clam", "/incident role"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest(typed: str, nearest: str) -> None:
    refused = refusal(typed)
    assert nearest in f"{refused.message} {refused.hint} {refused.example}"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_word_too_many_or_an_unknown_option_is_refused(command: Command) -> None:
    if any(isinstance(how, Rest) for how in _written(command).values()):
        return  # what it takes is text
    refused = refusal(f"{command.example} --frobnicate")
    assert refused.message == f"{command.name} has no option --frobnicate."
    assert refused.example == command.example


@pytest.mark.parametrize(
    "line",
    [
        "ran kubectl delete pod x --force",
        "helm rollback api --all --wait=true",
        "docker logs --last 20 --previous",
        "psql --quiet -c 'select 1'",
    ],
)
def test_a_note_may_hold_a_command_line(line: str) -> None:
    parsed = parse(f"/incident note {line} --as cause", REGISTRY, WORDS)
    assert (parsed.args.text, parsed.args.kind) == (line, NoteKind.CAUSE)


@pytest.mark.parametrize(
    "line",
    ["/incident note --ass cause x", "/incident declare sev1 x --privat", "/incident declare sev1 x --servce pay"],
)
def test_an_option_that_was_nearly_meant_is_refused_where_text_is_taken(line: str) -> None:
    assert "has no option" in refusal(line).message


def test_numbers_of_thousands_of_digits_are_no_duration() -> None:
    refused = refusal(f"/gw logs --since {'9' * 5000}m")
    assert "is no duration" in refused.message
    assert len(refused.message) < 200


def test_times_at_the_end_of_the_calendar_are_no_times() -> None:
    for time in ("0001-01-01T00:00", "9999-12-31T23:59"):
        vocabulary = replace(WORDS, zone="Asia/Kolkata" if time < "1" else "America/New_York")
        with pytest.raises(Malformed, match="is no time"):
            parse(f"/incident note --at {time} x", REGISTRY, vocabulary)


def test_halves_of_characters_are_dropped() -> None:
    parsed = parse("/incident note a \ud800 b", REGISTRY, WORDS)
    assert parsed.args.text == "a ? b"


@pytest.mark.parametrize("family", ["/gw", "/incident", "gw"])
def test_a_family_alone_asks_for_help_with_it(family: str) -> None:
    parsed = parse(family, REGISTRY, WORDS)
    assert (parsed.command.name, parsed.args.command) == ("/help", family)


def test_what_the_reader_may_not_run_is_not_suggested() -> None:
    viewer = Person(id="eve", name="Eve", roles=frozenset({OrgRole.VIEWER}))
    with pytest.raises(Malformed) as refused:
        parse("/gw scal 10", REGISTRY, replace(WORDS, reader=viewer))
    assert "/gw scale" not in f"{refused.value.hint} {refused.value.example}"


@given(st.text())
def test_no_text_brings_the_parser_down(text: str) -> None:
    found = tried(text)
    assert isinstance(found, Parsed) or 0 < len(found.message) + len(found.hint) < 2000


_ARGUMENTS = st.lists(st.one_of(st.text(), st.sampled_from(['"', "--", "-1", "--as", "@ana", "sev1", "--private"])))


@given(st.sampled_from(COMMANDS), _ARGUMENTS)
def test_no_arguments_bring_any_command_down(command: Command, arguments: list[str]) -> None:
    found = tried(f"{command.name} {' '.join(arguments)}")
    assert found.message if isinstance(found, Refusal) else isinstance(found.args, found.command.args)


@given(st.text(_LETTER).map(str.strip).filter(lambda t: t and not any(c in t for c in '\x00-–—−‐‑‒―﹘﹣－"“”„«»')))
def test_a_note_is_kept_as_it_was_typed(text: str) -> None:
    assert parse(f"/incident note {text}", REGISTRY, WORDS).args.text == text


@given(st.sampled_from(list(PRESETS.values())), st.data())
def test_each_level_of_each_scheme_is_understood_in_every_spelling(scheme: Scheme, data: st.DataObject) -> None:
    level = data.draw(st.sampled_from(scheme.levels))
    spellings = [level.id, level.id.lower(), level.id.replace("-", ""), level.name, *level.aliases]
    spellings += ["".join(c for c in level.id if c.isdigit())]
    for word in spellings:
        assert scheme.parse(word) is level


# ---------------------------------------------------------------- durations and times


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_read_as_it_is_written(days: int, hours: int, minutes: int, seconds: int) -> None:
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert DurationType().read(f"{days}d{hours}h{minutes}m{seconds}s", None) == span
    assert DurationType().read(f"{minutes}MIN", None) == timedelta(minutes=minutes)


@pytest.mark.parametrize("word", ["", "m", "15", "15 m", "-5m", "1.5h", "5m1h", "9" * 30 + "d", "soon"])
def test_what_is_no_duration_is_refused(word: str) -> None:
    with pytest.raises(Refusal):
        DurationType().read(word, None)


@pytest.mark.parametrize(
    ("zone", "now", "word", "expected"),
    [
        ("UTC", "2026-03-01T12:00", "14:05", "2026-03-01T14:05"),
        ("UTC", "2026-03-01T23:50", "00:10", "2026-03-02T00:10"),  # the nearest one: tomorrow's
        ("UTC", "2026-03-02T00:10", "23:50", "2026-03-01T23:50"),  # and yesterday's
        ("Asia/Kolkata", "2026-03-01T12:00", "17:35", "2026-03-01T12:05"),
        ("America/New_York", "2026-03-08T12:00", "08:30", "2026-03-08T12:30"),  # summer time began that morning
        ("Europe/Berlin", "2026-10-25T06:00", "07:30", "2026-10-25T06:30"),  # and ended here
        ("Europe/Berlin", "2026-03-01T12:00", "2026-07-01T14:05", "2026-07-01T12:05"),
        ("UTC", "2026-03-01T12:00", "2026-03-01T14:05+02:00", "2026-03-01T12:05"),
    ],
)
def test_times_are_of_the_readers_zone(zone: str, now: str, word: str, expected: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    read = TimeType().read(word, Vocabulary(SEV1_TO_SEV4, PEOPLE_KNOWN, at, zone))
    assert read == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(
    st.datetimes(DECADE, DECADE.replace(year=2030), timezones=st.just(UTC)),
    st.times(),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
    ),
)
def test_a_clock_time_is_the_nearest_one(now: datetime, clock: object, zone: str) -> None:
    word = f"{clock:%H:%M}"
    read = TimeType().read(word, Vocabulary(SEV1_TO_SEV4, PEOPLE_KNOWN, now, zone))
    assert abs(read - now) <= timedelta(hours=13, minutes=31)
    local = read.astimezone(ZoneInfo(zone))
    assert (
        f"{local:%H:%M}" == word
        or local.utcoffset() != (read - timedelta(hours=2)).astimezone(ZoneInfo(zone)).utcoffset()
    )


@pytest.mark.parametrize("word", ["25:00", "14", "1:2:3", "tomorrow", "", "2026-13-01", "14:60"])
def test_what_is_no_time_is_refused(word: str) -> None:
    with pytest.raises(Refusal):
        TimeType().read(word, WORDS)


@pytest.mark.parametrize("mention", ["@ana", "ana", "<@ana>", "ANA", "Ana Ruiz"])
def test_people_are_found_by_mention_id_and_name(mention: str) -> None:
    assert PEOPLE_KNOWN.find(mention).id == "ana"


def test_too_much_text_is_refused_before_it_is_read() -> None:
    refused = refusal("/incident note " + "x" * 8000)
    assert isinstance(refused, Malformed)
    assert refused.message == "That command has 8,015 characters; at most 8,000 are read."
