"""Every published case of desynchronisation, on the wire: what has two meanings is refused, or gets one."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.gateway.running import ROOT, RunningGateway
from tests.gateway.upstream import ControlledUpstream

FRAMING = {"content-length", "transfer-encoding"}
CASES = ROOT.parent / "shared" / "contracts" / "http-desync"
#: What the gateway refuses although it has one meaning: codings beside `chunked`, and what is no path.
REFUSED_THOUGH_COMPLIANT = {
    ("more-compliant-tests.yaml", "Correct TE OK"),
    ("more-compliant-tests.yaml", "Transfer-Encoding: identity and chunked OK"),
    ("more-compliant-tests.yaml", "Multiple transfer encoding headers in a single request OK"),
    ("more-compliant-tests.yaml", "TE with custom parameters OK"),
    ("rfc-compliant.yaml", "Different Transfer-Encoding headers"),
    ("rfc-compliant.yaml", "Different Transfer-Encoding headers combined"),
    ("rfc-compliant.yaml", "Transfer-Encoding with a param: chunked;custom_param"),
    ("rfc-compliant.yaml", "Compliant URL"),
    ("rfc-compliant.yaml", "Empty URI"),
}


def cases(*tiers: str) -> list[Any]:
    if not CASES.is_dir():
        return [pytest.param("", {}, id="absent", marks=pytest.mark.skip(reason="they are not beside the project"))]
    return [
        pytest.param(path.name, case, id=f"{path.stem}-{number}")
        for path in sorted(CASES.glob("*.yaml"))
        for number, case in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")))
        if case["expected"]["tier"] in tiers
    ]


def request_of(case: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """(its head, its fields by name); with a host, so that the case itself has to be the reason for what it gets."""
    fields = {str(one["name"]).strip().lower(): str(one["value"]).strip() for one in case.get("headers") or []}
    lines = [f"{one['name']}: {one['value']}" for one in case.get("headers") or []]
    host = [] if "host" in fields else ["Host: localhost"]
    head = "\r\n".join([f"{case['method']} {case['uri']} {case['version']}", *host, *lines, "", ""])
    return head.encode("latin-1", "replace"), fields


def body_of(fields: dict[str, str]) -> bytes:
    return b"0\r\n\r\n" if "transfer-encoding" in fields else b"x" * int(fields.get("content-length", "0"))


@pytest.mark.parametrize(("file", "case"), cases("Severe", "Ambiguous"))
def test_what_has_two_meanings_is_refused_or_gets_one(
    shared: RunningGateway, shared_upstream: ControlledUpstream, file: str, case: dict[str, Any]
) -> None:
    head, fields = request_of(case)
    has_no_meaning_by_itself = case["method"] in ("GET", "HEAD") and len(fields.keys() & FRAMING) == 1
    before = len(shared_upstream.requests)
    with shared.connect() as client:
        if has_no_meaning_by_itself and case["expected"]["tier"] == "Ambiguous":
            client.send(head + body_of(fields) + b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
            raw = client.rest()
            assert raw.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ")), file
            assert raw.count(b"HTTP/1.1 ") == 1, "what follows a body that some do not see is not read"
        else:
            client.send(head)
            status, headers, _ = client.answer()
            assert (status in (400, 505), headers["connection"]) == (True, "close"), file
            assert client.rest() == b""
            assert len(shared_upstream.requests) == before
    seen = [one for one in shared_upstream.requests[before:] if one.method == case["method"]]
    assert all(len([name for name, _ in one.headers if name in FRAMING]) == 1 for one in seen)


@pytest.mark.parametrize(("file", "case"), cases("Compliant"))
def test_what_has_one_meaning_is_passed_on(
    shared: RunningGateway, shared_upstream: ControlledUpstream, file: str, case: dict[str, Any]
) -> None:
    head, fields = request_of(case)
    before = len(shared_upstream.requests)
    refused = (file, case["name"]) in REFUSED_THOUGH_COMPLIANT
    with shared.connect() as client:
        client.send(head + (b"" if refused else body_of(fields)))
        status, headers, _ = client.answer()
    if refused:
        assert (status, headers["connection"]) == (400, "close")
    else:
        assert status == 200
    assert len(shared_upstream.requests) - before == (0 if refused else 1)
