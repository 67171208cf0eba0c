"""What `make http-cache-tests` says of what it has found, or of why it could not look."""

from __future__ import annotations

import pytest

from tests.gateway import cache_conformance


def test_a_case_holds_only_with_what_it_depends_on() -> None:
    kinds = {"a": ["required", None], "b": ["optimal", ["a"]], "c": ["optimal", ["d"]], "d": ["check", None]}
    found = {"a": True, "b": True, "c": True, "d": ["Assertion", "no"]}
    assert cache_conformance.held(found, kinds) == {"required": [], "optimal": ["c"], "check": ["d"]}
    assert cache_conformance.held({}, kinds)["required"] == ["a"]


def test_without_node_it_is_skipped_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert cache_conformance.main([]) == 0
    assert capsys.readouterr().out == "skipped: node and npm are needed\n"
