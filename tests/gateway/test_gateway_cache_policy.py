"""What RFC 9111 decides, as functions: parsing, storing, freshness, age, use, conditions."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cache.conditions import not_modified, same_content, updated, wanted_range
from gateway.cache.directives import Fields, date_of, directives_of, fields_of, listed
from gateway.cache.policy import Defaults, Terms, Use, storable, terms, usable, usable_on_error

NOW = 1_700_000_000.0


def at(offset: float) -> bytes:
    return formatdate(NOW + offset, usegmt=True).encode()


def told(fields: dict[str, bytes], status: int = 200, defaults: Defaults = Defaults()) -> Terms:  # noqa: B008
    return terms(status, {name.replace("_", "-").encode(): value for name, value in fields.items()}, defaults,
                 now=NOW, delay=0)  # fmt: skip


# Reading.


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"max-age=60", 60),
        (b'public, MAX-AGE="60"', 60),
        (b"max-age=0060", 60),
        (b"max-age=60, max-age=30", 30),
        (b"max-age='60'", 0),
        (b"max-age=-60", 0),
        (b"max-age=60.5", 0),
        (b"max-age", 0),
        (b"max-age =60", 60),
        (b'a="max-age=60", max-age=5', 5),
        (b'max-age=5, a="x\\", max-age=60"', 5),
        (b'a="max-age=60', None),
        (b"max-age=" + b"9" * 30, 0),
        (b"max-age=99999999999", 2**31),
        (b", ,", None),
        (None, None),
        (b"x" * 300 + b", max-age=7", 7),
    ],
)
def test_directives(value: bytes | None, seconds: float | None) -> None:
    assert directives_of(value).seconds(b"max-age") == seconds


@given(st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_sent_breaks_the_reading(value: bytes) -> None:
    found = directives_of(value)
    assert all(name == name.lower() for name in found)
    assert (found.seconds(b"max-age") or 0) >= 0
    assert date_of(value) is None or b"GMT" in value or value[:1].isalpha()


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        (b"Sun Nov  6 08:49:37 1994", 784111777.0),
        (b"Sunday, 06-Nov-20 08:49:37 GMT", 1604652577.0),
        (b"Sun, 06 Nov 1994 08:49:37 UTC", None),
        (b"Sun, 06 Nov 1994 25:49:37 GMT", None),
        (b"Sun, 06 Foo 1994 08:49:37 GMT", None),
        (b"0", None),
        (None, None),
    ],
)
def test_dates(value: bytes | None, moment: float | None) -> None:
    assert date_of(value) == moment


# Storing.


@pytest.mark.parametrize(
    ("status", "fields", "may"),
    [
        (200, {}, True),
        (201, {}, False),
        (201, {b"cache-control": b"max-age=1"}, True),
        (201, {b"expires": b"0"}, True),
        (206, {b"cache-control": b"max-age=1"}, False),
        (304, {b"cache-control": b"max-age=1"}, False),
        (400, {b"cache-control": b"max-age=1"}, False),
        (429, {b"cache-control": b"max-age=1"}, False),
        (404, {}, True),
        (599, {b"cache-control": b"max-age=1"}, True),
        (599, {b"cache-control": b"max-age=1, must-understand"}, False),
        (200, {b"cache-control": b"no-store, must-understand"}, True),
        (200, {b"cache-control": b"no-store", b"surrogate-control": b"max-age=9"}, True),
        (200, {b"cache-control": b"no-store", b"surrogate-control": b"max-age=9;another"}, False),
        (200, {b"cache-control": b"max-age=9", b"cdn-cache-control": b"no-store"}, False),
        (200, {b"cache-control": b'private="x-a"'}, False),
    ],
)
def test_what_may_be_stored(status: int, fields: Fields, may: bool) -> None:
    assert storable(status, fields, directives_of(None), credentials=False) is may


# Freshness and age.


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"cache_control": b"max-age=9, s-maxage=5"}, 5),
        ({"cache_control": b"max-age=9", "expires": at(50)}, 9),
        ({"cache_control": b"max-age=9", "cdn_cache_control": b"max-age=5"}, 5),
        ({"expires": at(50), "cdn_cache_control": b"public"}, 50),
        ({"expires": at(50), "date": at(-10)}, 60),
        ({"expires": at(50)}, 50),
        ({"expires": at(-50)}, 0),
        ({"expires": b"0", "last_modified": at(-1000)}, 0),
        ({"last_modified": at(-1000)}, 100),
        ({"last_modified": at(-10_000_000)}, 86_400),
        ({"last_modified": at(1000)}, 0),
        ({}, 7),
        ({"cache_control": b"max-age=60", "age": b"old"}, 0),
        ({"cache_control": b"max-age=60", "age": b"0, 0"}, 0),
    ],
)
def test_for_how_long_an_answer_is_fresh(fields: dict[str, bytes], lifetime: float) -> None:
    assert told(fields, defaults=Defaults(ttl=7)).lifetime == lifetime


def test_what_says_nothing_is_fresh_by_the_settings_only_where_that_is_usual() -> None:
    assert told({}, 202, Defaults(ttl=7)).lifetime == 0
    assert told({"last_modified": at(-1000)}, 202).lifetime == 0
    assert told({"last_modified": at(-1000), "cache_control": b"public"}, 202).lifetime == 100


@given(st.integers(-1000, 1000), st.integers(0, 1000), st.floats(0, 100))
@settings(max_examples=40, deadline=None)
def test_an_answer_is_as_old_as_the_oldest_that_is_known_of_it(date: int, age: int, delay: float) -> None:
    fields = {b"date": at(date), b"age": str(age).encode(), b"cache-control": b"max-age=9"}
    found = terms(200, fields, Defaults(), now=NOW, delay=delay)
    assert found.initial_age == max(0.0, -date, age + delay)


@given(
    lifetime=st.floats(0, 1000), age=st.floats(0, 2000), swr=st.floats(0, 500), sie=st.floats(0, 500),
    must=st.booleans(), no_cache=st.booleans(),
    asked=st.sampled_from([b"", b"max-age=10", b"min-fresh=10", b"max-stale=10", b"max-stale", b"no-cache", b"x"]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_stale_answers_are_used_only_as_allowed(
    lifetime: float, age: float, swr: float, sie: float, must: bool, no_cache: bool, asked: bytes
) -> None:
    one = Terms(lifetime, 0.0, no_cache, must, False, swr, sie)
    staleness = age - lifetime
    use = usable(one, age, staleness, directives_of(asked))
    if no_cache or asked == b"no-cache":
        assert use is Use.REVALIDATE
    if use is Use.FRESH:
        assert age < lifetime
        assert asked != b"max-age=10" or age <= 10
        assert asked != b"min-fresh=10" or lifetime - age >= 10
    if use in (Use.STALE, Use.STALE_WHILE_REVALIDATE):
        assert not must
        assert staleness < swr or asked.startswith(b"max-stale")
    if must or no_cache:
        assert not usable_on_error(one, staleness)
    assert usable_on_error(one, staleness) <= (staleness < sie)


@pytest.mark.parametrize(
    ("control", "while_revalidate", "if_error", "must"),
    [
        (b"max-age=1", 5, 6, False),
        (b"max-age=1, stale-while-revalidate=2, stale-if-error=3", 2, 3, False),
        (b"max-age=1, must-revalidate", 0, 0, True),
        (b"max-age=1, proxy-revalidate", 0, 0, True),
        (b"s-maxage=1", 0, 0, True),
        (b"s-maxage=1, stale-if-error=3", 0, 3, False),
    ],
)
def test_what_an_answer_says_of_staleness_goes_before_the_settings(
    control: bytes, while_revalidate: float, if_error: float, must: bool
) -> None:
    found = told({"cache_control": control}, defaults=Defaults(0, 5, 6))
    assert (found.stale_while_revalidate, found.stale_if_error) == (while_revalidate, if_error)
    assert found.must_revalidate is must


def test_an_old_pragma_counts_only_without_cache_control() -> None:
    assert told({"pragma": b"No-Cache"}).no_cache
    assert not told({"pragma": b"no-cache", "cache_control": b"max-age=1"}).no_cache


# Conditions and ranges.


@pytest.mark.parametrize(
    ("asked", "kept", "same"),
    [
        ({b"if-none-match": b'"a"'}, {b"etag": b'W/"a"'}, True),
        ({b"if-none-match": b'W/"a", "b"'}, {b"etag": b'"b"'}, True),
        ({b"if-none-match": b'"a,b"'}, {b"etag": b'"b"'}, False),
        ({b"if-none-match": b'"a"'}, {}, False),
        ({b"if-none-match": b"*"}, {}, True),
        ({b"if-none-match": b'"x"', b"if-modified-since": at(0)}, {b"etag": b'"a"', b"last-modified": at(-9)}, False),
        ({b"if-modified-since": at(-9)}, {b"last-modified": at(-9)}, True),
        ({b"if-modified-since": at(-10)}, {b"last-modified": at(-9)}, False),
        ({b"if-modified-since": b"soon"}, {b"last-modified": at(-9)}, False),
        ({b"if-modified-since": at(0)}, {}, True),
        ({}, {b"etag": b'"a"'}, False),
    ],
)
def test_whether_a_client_has_what_is_stored(asked: Fields, kept: Fields, same: bool) -> None:
    assert not_modified(asked, kept, NOW) is same


@given(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 12)), st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_ranges(first: int, last: int | None, size: int) -> None:
    body = bytes(range(size))
    found = wanted_range({b"range": b"bytes=%d-%b" % (first, b"" if last is None else b"%d" % last)}, {}, size)
    expected = body[first:] if last is None else body[first : last + 1]
    assert (body[slice(*found)] if found else b"") == expected
    suffix = wanted_range({b"range": b"bytes=-%d" % first}, {}, size)
    assert (body[slice(*suffix)] if suffix else b"") == (body[-first:] if first else b"")


@pytest.mark.parametrize(
    ("condition", "given"), [(b'"a"', True), (b'"b"', False), (b'W/"a"', False), (at(-9), True), (at(-8), False)]
)
def test_a_part_only_of_what_the_client_has_the_rest_of(condition: bytes, given: bool) -> None:
    kept = {b"etag": b'"a"', b"last-modified": at(-9)}
    assert (wanted_range({b"range": b"bytes=0-0", b"if-range": condition}, kept, 5) is not None) is given


def test_what_a_304_changes_and_what_it_does_not() -> None:
    kept = [(b"a", b"1"), (b"b", b"2"), (b"etag", b'"v"'), (b"content-encoding", b"gzip")]
    newer = [(b"b", b"3"), (b"b", b"4"), (b"etag", b'"w"'), (b"content-encoding", b"br"), (b"c", b"5")]
    assert fields_of(updated(kept, newer)) == {
        b"a": b"1", b"b": b"3, 4", b"c": b"5", b"etag": b'"v"', b"content-encoding": b"gzip",
    }  # fmt: skip
    assert same_content(kept, [(b"etag", b'"v"'), (b"content-length", b"4")], 4)
    assert not same_content(kept, [(b"content-length", b"5")], 4)
    assert not same_content(kept, newer, 4)
    assert listed(b" A , ,b") == [b"a", b"b"]
