"""No secret reaches a log: every kind of them, sent in every place, looked for in every sink."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import LoggingSettings, Settings
from gateway.sinks.intake import Intake
from gateway.sinks.lines import Line
from gateway.supervisor.log_shipping import LogShipping
from gateway.telemetry.journal import Journal
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.records import as_json, record
from gateway.telemetry.redaction import clean, without_secrets
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.sinking import line, sink
from tests.gateway.stage import Stage, staged, until
from tests.simulators.cloudwatch import cloudwatch
from tests.simulators.elasticsearch import Elasticsearch
from tests.simulators.splunk import Splunk
from tests.simulators.wire import Answer

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEiLCJyb2xlIjoib3BzIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
SESSION = "q7Zp-session-of-ana-9f31c2"
HEC_TOKEN, ES_PASSWORD = "22222222-3333-4444-5555-666666666666", "es-password-of-the-gateway"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Session tokens: only the first four characters.
        (f"/a;session_token={SESSION}", "/a;session_token=q7Zp***"),
        (f"/sessions/{SESSION}/end", "/sessions/q7Zp***/end"),
        ("sid=short", "sid=***"),
        # Authorization headers: partly.
        (f"agent Bearer {JWT}", "agent Bearer eyJh***"),
        ("Bearer%20abcdefghijklmnopqrst", "Bearer%20abcd***"),
        ("Basic YW5hOmh1bnRlcjI=", "Basic ***"),
        (f"/verify/{JWT}/now", "/verify/eyJh***/now"),
        ("/x/Authorization:%20Bearer%20abcdefghijklmnopqrst", "/x/Authorization:%20Bearer%20abcd***"),
        ("/x/authorization%3DBasic%20YW5hOmh1bnRlcjI=", "/x/authorization%3DBasic ***"),
        (f"/x/id%3D{JWT}", "/x/id%3DeyJh***"),
        # API keys and passwords: wholly.
        ("/a;api-key=k-123456789012345678", "/a;api-key=***"),
        ("x-api-key: k-123456789012345678", "x-api-key: ***"),
        ("/api-keys/k-123456789012345678", "/api-keys/***"),
        ("/login;password=hunter2-and-more***", "/login;password=***"),
        ("/login;pwd%3dhunter2", "/login;pwd%3d***"),
        ("/login;api_key%253Dk-12345678", "/login;api_key%253D***"),
        ("/s3;aws_secret_access_key=k-12345678", "/s3;aws_secret_access_key=***"),
        ("/login;passphrase=hunter2", "/login;passphrase=***"),
        ("/oauth/access_token/k-12345678", "/oauth/access_token/***"),
        ("/reset-password/9f86d081884c7d65", "/reset-password/***"),
        ("https://ana:hunter2@example.com/x", "https://***@example.com/x"),
        # E-mail addresses: the first character and the domain.
        ("/users/ana.ruiz@example.com", "/users/a***@example.com"),
        ("/users/ana.ruiz%40example.co.uk/x", "/users/a***%40example.co.uk/x"),
        ("/josé@example.com,%2Fana@example.com", "/j***@example.com,%***@example.com"),
        ("ana@a.com+bob@b.com", "a***@a***@b.com"),
        # What is none of these is left alone.
        ("/oauth/token/refresh", "/oauth/token/refresh"),
        ("/@scope/package", "/@scope/package"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (X11; Linux x86_64)"),
    ],
)
def test_what_is_left_of_a_secret(text: str, shown: str) -> None:
    assert clean(text.encode()) == shown


@given(
    st.text("abcXYZ0189-_~", min_size=16, max_size=60),
    st.sampled_from([
        "/a;token={}", "/a;password={};b", "/x?api_key={}&y", "secret: {}", "Basic {}", "agent Bearer {}", "/sid={}",
        "access_token={}", "X-Api-Key:{}", "https://u:{}@h/", "/session/key9{}", "pwd={}", "SESSION_ID={}",
    ]),
)  # fmt: skip
def test_what_a_name_announces_is_never_shown(secret: str, place: str) -> None:
    assert secret[4:] not in clean(place.format(secret).encode())


def test_redaction_enabled_is_about_addresses_only() -> None:
    assert LoggingSettings().redaction_enabled
    assert clean(b"/ana@example.com;password=x", emails=False) == "/ana@example.com;password=***"


def test_words_of_the_gateway_keep_their_sense() -> None:
    for words in ("the token is expired", "token_keys were fetched", "api_key abc is not known", "basic checks passed"):
        assert without_secrets(words) == words
    assert without_secrets("sent Basic YW5hOmh1bnRlcjI=") == "sent Basic ***"
    told = without_secrets(f"cannot reach redis://user:hunter2@store:6379, password: 'hunter2', {JWT}")
    assert told == "cannot reach redis://***@store:6379, password: '***', eyJh***"


# Through every sink.

SECRETS = {
    "bearer": JWT,
    "basic": base64.b64encode(b"ana:hunter2-basic").decode(),
    "key": "key-0123456789abcdefghij",
    "session": SESSION,
    "query": "query-secret-0123456789",
    "body": "body-secret-0123456789",
    "path": "path-secret-0123456789",
    "agent": "agent-secret-0123456789",
    "answer": "answer-secret-0123456789",
    "email": "ana.ruiz@example.com",
}


async def requests_with_secrets(stage: Stage) -> None:
    """Every secret in every place: headers, cookies, queries, bodies, paths and the names of user agents."""
    secrets = SECRETS
    async with stage.caller() as caller:
        for fields in (
            {"authorization": f"Bearer {secrets['bearer']}"},
            {"authorization": f"Basic {secrets['basic']}"},
            {"authorization": f"Bearer {token()}"},
            {"x_api_key": secrets["key"]},
            {"cookie": f"session_token={secrets['session']}; theme=dark"},
            {"user_agent": f"curl password={secrets['agent']} Bearer {secrets['bearer']} {secrets['email']}"},
            {"referer": f"https://example.com/?token={secrets['query']}", "x_forwarded_for": secrets["email"]},
        ):
            await caller.get(f"/orders?api_key={secrets['query']}&email={secrets['email']}", **fields)
        for path in (
            f"/reset/token/{secrets['path']}", f"/users/{secrets['email']}", f"/sessions/{secrets['session']}",
            f"/verify/{secrets['bearer']}", f"/login;password={secrets['path']};api-key={secrets['key']}",
        ):  # fmt: skip
            await caller.get(path)
        body = json.dumps({"password": secrets["body"], "email": secrets["email"]})
        caller.send(f"POST /login HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        await caller.answer()
    async with stage.caller() as caller:
        caller.send(f"GET /?token={secrets['query']} HTTP/1.1\r\nCookie: {secrets['session']}\r\nX y: 1\r\n\r\n")
        assert (await caller.answer()).status == 400


@contextlib.asynccontextmanager
async def shipping(settings: LoggingSettings) -> AsyncIterator[tuple[Journal, list[tuple[str, str | None]]]]:
    """A worker's journal that writes to the supervisor's part, and what is told of sinks."""
    turned: list[tuple[str, str | None]] = []
    logs = LogShipping(settings, LogWriter(None), lambda name, why: turned.append((name, why)))
    theirs = logs.socket_for_worker()
    writer = LogWriter(theirs.detach())
    journal = Journal(settings.for_workers(), worker="gateway-1", writer=writer)
    try:
        yield journal, turned
    finally:
        await asyncio.to_thread(writer.close, 30)
        for name, why in turned:
            logs.write(as_json(record(time.time(), "ERROR", "supervisor", "log_sink_down", f"{name}: {why}")))
        await logs.close()


@pytest.mark.parametrize("form", ["json", "text"])
async def test_no_secret_is_in_any_sink(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret-of-the-gateway")
    cluster, collector = Elasticsearch(user="gateway", password=ES_PASSWORD), Splunk(HEC_TOKEN)
    # Whoever refuses a sink quotes its credentials: an answer like that is told, without them.
    quoted = [Answer(503, f"no room for {HEC_TOKEN}")]
    collector.wire.before = lambda _: quoted.pop() if quoted else None
    with cluster.wire, collector.wire, cloudwatch() as service:
        sinks = (
            sink("stdout"),
            sink("file", {"path": str(tmp_path / "gateway.log")}),
            sink("elasticsearch", {"urls": [cluster.wire.url], "username": "gateway", "password": ES_PASSWORD}),
            sink("splunk", {"endpoint": f"{collector.wire.url}/services/collector", "token": HEC_TOKEN}),
            sink("cloudwatch", {"region": "us-east-1", "log_group": f"/{form}", "endpoint_url": service.url}),
        )
        logging = {"sinks": sinks, "format": form, "structured": form == "json", "level": "DEBUG",
                   "flush_timeout_secs": 60, "audit_mode": True}  # fmt: skip
        document = settings_for("http://127.0.0.1:1", logging=logging, auth={"jwt_secret": SECRET})
        async with shipping(Settings.model_validate(document).logging) as (journal, turned), staged(document) as stage:
            stage.plane.journal = journal
            await requests_with_secrets(stage)
            journal.event("ERROR", "auth", "token_keys", f"cannot fetch https://u:{SECRETS['query']}@idp/keys")
            await until(lambda: turned, "the sink is told to be down")
            recent = "".join(str(one) for one in [journal.take_recent(), journal.take_groups()])
        texts = {
            "stdout": capfd.readouterr().out,
            "file": (tmp_path / "gateway.log").read_text(),
            "elasticsearch": json.dumps(cluster.documents),
            "splunk": json.dumps(collector.events),
            "cloudwatch": "".join(one["message"] for one in in_cloudwatch(service.url, f"/{form}")),
            "recent": recent,
            "told": str(turned),
        }
    ours = (HEC_TOKEN, ES_PASSWORD, "aws-secret-of-the-gateway", SECRET, token())
    for name, text in texts.items():
        assert [one for one in (*SECRETS.values(), *ours) if one in text] == [], name
    for name in ("stdout", "file", "elasticsearch", "splunk", "cloudwatch"):
        for kept in (
            "/users/a***@example.com",
            "/sessions/q7Zp***",
            "/reset/token/***",
            "/login;password=***;api-key=***",
        ):
            assert kept in texts[name], name
        assert texts[name].count("no room for ***") == 1, name


def in_cloudwatch(url: str, group: str) -> list[dict[str, Any]]:
    logs = boto3.Session().client("logs", region_name="us-east-1", endpoint_url=url)
    stream = f"gateway-{socket.gethostname()}"
    found: list[dict[str, Any]] = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)[
        "events"
    ]
    return found


def test_nothing_in_a_line_steers_a_terminal() -> None:
    assert clean("a\x1b[2J\x9b2J\u2028é\n".encode()) == "a\\x1b[2J\\x9b2J\\u2028é\n"


async def test_lines_of_workers_are_whole_however_they_come() -> None:
    taken: list[bytes] = []

    def write(one: bytes) -> None:
        taken.append(Line(one).json)

    intake = Intake(write)
    whole = [line(1), line(2, filler="x" * 200_000), line(3)]
    ours, killed = intake.opened(), intake.opened()
    sending = asyncio.to_thread(ours.sendall, b"\n".join(whole) + b"\n" + b"x" * 1_100_000 + b"\n" + line(4) + b"\n")
    killed.sendall(line(5) + b"\n" + line(6)[:50])
    killed.close()
    await sending
    # What is written last is taken at the end, too.
    ours.sendall(line(7) + b"\n")
    intake.close()
    ours.close()
    assert sorted(json.loads(one)["number"] for one in taken) == [1, 2, 3, 4, 5, 7]
    intake.close()


def test_a_line_that_is_none_is_taken_for_none() -> None:
    for torn in (b"", b"{", b'{"timestamp":"2026-03-01T12:00:00.000Z","lev'):
        with pytest.raises(ValueError, match="no log record"):
            Line(torn)
