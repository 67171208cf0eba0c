"""Severity schemes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from commands.domain.severity import P0_TO_P3, P1_TO_P3, PRESETS, SEV0_TO_SEV3, SEV1_TO_SEV4, Scheme, Severity
from commands.errors import Malformed


@pytest.mark.parametrize(
    ("scheme", "word", "level"),
    [
        (SEV1_TO_SEV4, "sev1", "SEV1"),
        (SEV1_TO_SEV4, "SEV-1", "SEV1"),
        (SEV1_TO_SEV4, "sev_1", "SEV1"),
        (SEV1_TO_SEV4, "1", "SEV1"),
        (SEV1_TO_SEV4, "p0", "SEV1"),
        (SEV1_TO_SEV4, "p3", "SEV4"),
        (SEV1_TO_SEV4, "Critical", "SEV1"),
        (P0_TO_P3, "P0", "P0"),
        (P0_TO_P3, "0", "P0"),
        (P0_TO_P3, "p-1", "P1"),
        (SEV0_TO_SEV3, "sev0", "SEV-0"),
        (SEV0_TO_SEV3, "0", "SEV-0"),
        (SEV0_TO_SEV3, "p0", "SEV-0"),
        (SEV0_TO_SEV3, "p3", "SEV-3"),
        (SEV0_TO_SEV3, "Sev 3", "SEV-3"),
        (P1_TO_P3, "p1", "P1"),
        (P1_TO_P3, "3", "P3"),
    ],
)
def test_a_severity_is_understood_however_it_is_written(scheme: Scheme, word: str, level: str) -> None:
    assert scheme.parse(word).id == level


@pytest.mark.parametrize("scheme", PRESETS.values(), ids=list(PRESETS))
@pytest.mark.parametrize("word", ["sev9", "high-ish", "", "x" * 500, "p17"])
def test_what_is_no_severity_is_refused_with_those_there_are(scheme: Scheme, word: str) -> None:
    with pytest.raises(Malformed) as refused:
        scheme.parse(word)
    assert all(level.id in refused.value.words() for level in scheme.levels)
    assert len(refused.value.message) < 100


@pytest.mark.parametrize("scheme", PRESETS.values(), ids=list(PRESETS))
def test_a_worse_level_is_answered_no_later(scheme: Scheme) -> None:
    assert scheme.worst is scheme.levels[0]
    assert [level.rank for level in scheme.levels] == list(range(1, len(scheme.levels) + 1))
    waits = [level.respond_within for level in scheme.levels]
    assert waits == sorted(waits)
    for level in scheme.levels:
        assert level.escalate_after is None or level.escalate_after >= level.respond_within


def test_a_level_that_the_scheme_has_lost_stays_readable() -> None:
    gone = SEV1_TO_SEV4.get("P9")
    assert (gone.id, gone.name, gone.rank) == ("P9", "retired", 99)


def test_a_scheme_has_each_level_once() -> None:
    level = Severity(id="A", rank=1, name="a", criteria="", respond_within=timedelta(minutes=1))
    with pytest.raises(ValidationError, match="severity ids must differ"):
        Scheme(name="own", levels=(level, level))
    with pytest.raises(ValidationError):
        Scheme(name="own", levels=())


def own(*levels: tuple[str, str, tuple[str, ...]]) -> Scheme:
    """A scheme of an organisation's own."""
    hour = timedelta(hours=1)
    return Scheme(
        name="own",
        levels=tuple(
            Severity(id=level, rank=rank, name=name, criteria="", respond_within=hour, aliases=aliases)
            for rank, (level, name, aliases) in enumerate(levels, start=1)
        ),
    )


@pytest.mark.parametrize(
    "second",
    [("B", "minor", ("top",)), ("B", "minor", ("T-O-P",)), ("B", "a", ()), ("B", "Major", ())],
)
def test_a_word_that_would_name_two_levels_is_refused(second: tuple[str, str, tuple[str, ...]]) -> None:
    with pytest.raises(ValidationError, match="names both A and B"):
        own(("A", "major", ("top",)), second)


def test_a_number_that_two_levels_share_names_neither() -> None:
    scheme = own(("app-1", "major", ()), ("net-1", "minor", ()))
    assert scheme.parse("net-1").id == "net-1"
    with pytest.raises(Malformed):
        scheme.parse("1")
