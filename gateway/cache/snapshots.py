"""Entries as JSON values and back: what a snapshot is made of, and what one that comes from outside has to be."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Any

from gateway.cache.entries import NOT_KEPT, Entry, Selection
from gateway.cache.policy import Terms
from gateway.proxy.message import Header

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,200}")
_TEXT = re.compile(r"[\t -~\x80-\xff]*")
#: Never stored: they would end an answer elsewhere than it ends, or give one client's to all.
_STRAY = {name.decode() for name in NOT_KEPT} | {"set-cookie"}
_URL = re.compile(r"https?://[!-~\x80-\xff]*?/[!-~\x80-\xff]*")


class NotRestorable(Exception):  # noqa: N818 - it says what is wrong with an entry, and is never let out
    """An entry of a snapshot that is none."""


def described(entry: Entry, now: float) -> dict[str, Any]:
    """An entry as JSON values; its age is that of `now`."""
    terms = entry.terms
    return {
        "url": _text(entry.key), "route": entry.route,
        "selection": [[_text(name), None if value is None else _text(value)] for name, value in entry.selection],
        "status": entry.status, "reason": _text(entry.reason),
        "headers": [[_text(name), _text(value)] for name, value in entry.headers],
        "body": b64encode(entry.body).decode(),
        "lifetime": terms.lifetime, "age": round(entry.age(now), 3), "stale": entry.purged is not None,
        "no_cache": terms.no_cache, "must_revalidate": terms.must_revalidate, "shared": terms.shared,
        "stale_while_revalidate": terms.stale_while_revalidate, "stale_if_error": terms.stale_if_error,
    }  # fmt: skip


def restored(told: Any, *, now: float, date: float, elapsed: float) -> Entry:
    """The entry that was described `elapsed` seconds before `now`.

    Raises:
        NotRestorable: it is none, or has what would break the answers that it is given in.
    """
    try:
        terms = Terms(
            lifetime=_seconds(told["lifetime"]), initial_age=_seconds(told["age"]) + max(0.0, elapsed),
            no_cache=bool(told["no_cache"]), must_revalidate=bool(told["must_revalidate"]),
            shared=bool(told["shared"]), stale_while_revalidate=_seconds(told["stale_while_revalidate"]),
            stale_if_error=_seconds(told["stale_if_error"]),
        )  # fmt: skip
        status = told["status"]
        if not isinstance(status, int) or not 200 <= status <= 999 or status in (206, 304):
            raise NotRestorable("its status is none of an answer that is stored")
        body = b64decode(told["body"], validate=True)
        if status == 204 and body:
            raise NotRestorable("an answer with its status has no content")
        return Entry(
            key=_checked(_URL, told["url"]), route=str(told["route"]), selection=_selection(told["selection"]),
            status=status, reason=_checked(_TEXT, told["reason"]),
            headers=[_field(name, value) for name, value in told["headers"]],
            body=body, terms=terms, received=now, date=date,
            purged=now if told["stale"] else None,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotRestorable(f"it is no entry of a snapshot: {type(error).__name__}") from None


def _selection(told: Any) -> Selection:
    return tuple((_checked(_NAME, name), None if value is None else _checked(_TEXT, value)) for name, value in told)


def _field(name: Any, value: Any) -> Header:
    if name in _STRAY:
        raise NotRestorable("it has a field that is never stored")
    return _checked(_NAME, name), _checked(_TEXT, value)


def _checked(form: re.Pattern[str], text: Any) -> bytes:
    if not isinstance(text, str) or not form.fullmatch(text):
        raise NotRestorable("it has characters that do not belong there")
    return text.encode("latin-1")


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise NotRestorable("a time of it is no number of seconds")
    return float(value)


def _text(value: bytes) -> str:
    return value.decode("latin-1")
