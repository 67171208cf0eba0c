"""Quantities of CPU and memory, and numbers that may be percentages."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_WRITTEN = re.compile(r"^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:[eE]([+-]?\d+))?([numkKMGTPE]i?|)$")


def is_quantity(text: Any) -> bool:
    """Whether it can be read."""
    match = _WRITTEN.match(str(text))
    return match is not None and match[3] in _SUFFIXES


def quantity(text: Any) -> Decimal:
    """The amount: cores, or bytes."""
    match = _WRITTEN.match(str(text))
    if match is None:
        raise ValueError(f"quantities must match the regular expression, and {text!r} does not")
    number = Decimal(match[1]) * (Decimal(10) ** int(match[2] or 0))
    return number * _SUFFIXES[match[3]]


def canonical(text: Any) -> str:
    """As the server writes it: no fraction, and the largest suffix of its kind that leaves none."""
    exact, binary = quantity(text), str(text).endswith("i")
    if not exact:
        return "0"
    if binary and abs(exact) >= 1024:
        exact, known = Decimal(math.ceil(exact)), [one for one in _SUFFIXES if one.endswith("i")]
    else:
        known = [one for one in _SUFFIXES if not one.endswith("i")]
    for suffix in sorted(("", *known), key=_SUFFIXES.__getitem__, reverse=True):
        if not exact % _SUFFIXES[suffix]:
            return f"{int(exact / _SUFFIXES[suffix])}{suffix}"
    return f"{math.ceil(exact / _SUFFIXES['n'])}n"


def milli(text: Any) -> int:
    """The same in thousandths, as the scheduler and the autoscaler count CPU."""
    return math.ceil(quantity(text) * 1000)


def share(said: Any, total: int, *, up: bool) -> int:
    """A number, or a percentage of a total, rounded up or down."""
    if isinstance(said, str) and said.endswith("%"):
        exact = int(said[:-1]) * total / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(said)
