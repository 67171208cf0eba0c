"""Web applications have the routes that were declared, and do not build them a second time."""

from __future__ import annotations

from tests.architecture.reading import ROOT


def test_no_router_is_included() -> None:
    """The first request would wait until its routes are built anew; `app.router.routes` takes them as they are."""
    files = [file for room in ("bot", "gateway") for file in (ROOT / room).rglob("*.py")]
    assert files
    assert [str(file) for file in files if ".include_router(" in file.read_text()] == []
