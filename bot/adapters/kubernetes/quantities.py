"""Quantities as Kubernetes writes them: `250m`, `1Gi`, `12345678n`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_FACTORS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal("1e3"), "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"),
    "E": Decimal("1e18"), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


def amount(text: object) -> Decimal | None:
    """A number; None for what is none."""
    said = str(text)
    number = said.rstrip("numkKMGTPEi")
    suffix = said[len(number) :]
    try:
        return Decimal(number) * _FACTORS[suffix]
    except (InvalidOperation, KeyError):
        return None


def thousandths(text: object) -> int | None:
    """Of a core."""
    found = amount(text)
    return None if found is None else int((found * 1000).to_integral_value())


def whole(text: object) -> int | None:
    """Bytes, or pieces."""
    found = amount(text)
    return None if found is None else int(found)
