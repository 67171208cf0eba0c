"""What each sender sends, in the form that its documentation shows, and the alert that it becomes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import ValidationError

from bot.alerts.kinds import discover
from bot.alerts.kinds.cloudwatch import CloudWatch
from bot.alerts.kinds.kind import Delivery, Unreadable
from bot.alerts.settings import ReceiverSettings

PAYLOADS = Path(__file__).parent / "payloads"
TOKEN, TOPIC = "a-token-of-the-tests", "arn:aws:sns:eu-west-1:123456789012:alarms"


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def settings(kind: str, **more: Any) -> ReceiverSettings:
    return ReceiverSettings.model_validate({"kind": kind, "token": TOKEN, "secret": TOKEN, "topic_arn": TOPIC, **more})


def delivery(body: bytes | dict[str, Any], **headers: str) -> Delivery:
    return Delivery("here", headers, body if isinstance(body, bytes) else json.dumps(body).encode(), service="gateway")


EXPECTED: dict[str, dict[str, Any]] = {
    "alertmanager": {
        "fingerprint": "1a30ba71cca2921f", "state": "firing", "title": "ProbeFailure", "service": "gateway",
        "description": "Probe failure: https://server.example.org", "severity": "critical",
        "starts_at": datetime(2023, 2, 6, 13, 8, 45, 828000, tzinfo=UTC), "ends_at": None,
    },
    "grafana": {
        "fingerprint": "c6eadffa33fcdf37", "state": "resolved", "title": "High memory usage",
        "link": "https://play.grafana.org/d/1?viewPanel=2", "description": "The system has high memory usage",
        "starts_at": datetime(2021, 10, 12, 7, 51, 3, 157076, tzinfo=UTC),
        "ends_at": datetime(2021, 10, 12, 8, 51, 3, tzinfo=UTC),
    },
    "opsgenie": {
        "fingerprint": "052652ac-5d1c-464a-812a-7dd18bbfba8c", "state": "firing", "title": "An example alert message",
        "service": "search", "severity": "critical",
        "labels": {"region": "eu", "tags": "tag1, tag2", "alias": "aliastest"},
        "starts_at": datetime(2015, 3, 11, 20, 41, 38, 123000, tzinfo=UTC),
    },
    "dynatrace": {
        "fingerprint": "99999999999999_V2", "state": "firing", "title": "Response time degradation",
        "service": "checkout", "severity": "PERFORMANCE", "starts_at": datetime(2021, 3, 1, 12, tzinfo=UTC),
    },
    "splunk": {
        "fingerprint": "Mongo-errors-db-1", "state": "firing", "title": "Mongo errors", "service": "gateway",
        "labels": {"app": "search", "owner": "admin", "sourcetype": "mongod", "count": "8", "host": "db 1"},
        "starts_at": None,
    },
    "pagerduty": {
        "fingerprint": "PGR0VU2", "state": "firing", "title": "A little bump in the road", "service": "API-Service",
        "severity": "P1", "link": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "starts_at": datetime(2020, 10, 2, 18, 45, 22, tzinfo=UTC),
    },
    "generic": {
        "fingerprint": "disk-7", "state": "firing", "title": "Disk full", "service": "search", "severity": "critical",
        "labels": {"host": "search-3", "api_key": "[redacted]"}, "link": "https://monitor.example/7",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(EXPECTED))
def test_what_a_sender_documents_becomes_an_alert(kind: str) -> None:
    [alert] = discover()[kind].read(delivery(payload(kind)), settings(kind)).alerts
    assert {name: getattr(alert, name) for name in EXPECTED[kind]} == EXPECTED[kind]
    assert alert.receiver == "here"


def test_every_kind_has_a_payload() -> None:
    assert {file.stem for file in PAYLOADS.iterdir()} == set(discover())


@pytest.mark.parametrize("kind", sorted(set(EXPECTED) - {"pagerduty"}))
async def test_a_token_is_wanted(kind: str) -> None:
    admits = discover()[kind].admits
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    assert await admits(delivery(b"{}", authorization=f"Bearer {TOKEN}"), settings(kind))
    assert await admits(delivery(b"{}", authorization=f"Basic {basic}"), settings(kind))
    assert await admits(Delivery("here", {}, b"{}", given=TOKEN), settings(kind))
    for wrong in ("Bearer wrong", "Basic ???", "Bearer", f"Basic {TOKEN}"):
        assert not await admits(delivery(b"{}", authorization=wrong), settings(kind))
    assert not await admits(delivery(b"{}"), settings(kind))
    with pytest.raises(ValidationError, match="it needs a token"):
        ReceiverSettings.model_validate({"kind": kind})


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("alertmanager", b"[]", "must be a JSON object"),
        ("alertmanager", b"{", "no JSON (line 1, column 2)"),
        ("alertmanager", {"version": "3", "alerts": []}, '`version` must be "4"'),
        ("alertmanager", {"version": "4", "alerts": {}}, "`alerts` must be a list"),
        ("alertmanager", {"version": "4", "alerts": [{"status": "odd"}]}, "firing or resolved"),
        ("alertmanager", {"version": "4", "alerts": [{"status": "firing", "labels": {}}]}, "no title"),
        ("alertmanager", {"version": "4", "alerts": [{}] * 2001}, "2,001 entries; at most 2,000"),
        ("grafana", {"alerts": [{"status": "firing", "labels": {"alertname": "x"}, "startsAt": "soon"}]}, "no time"),
        ("opsgenie", {"action": "Create"}, "`action` and `alert`"),
        ("dynatrace", {"State": "?"}, "`State` must be"),
        ("splunk", {}, "`sid` must be there"),
        ("pagerduty", {"event": {}}, "`event.event_type`"),
        ("generic", {"status": "firing"}, "mapping.title (title) finds nothing"),
    ],
)
def test_what_is_wrong_is_said(kind: str, body: bytes | dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        discover()[kind].read(delivery(body), settings(kind))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("opsgenie", {"action": "Acknowledge"}),
        ("pagerduty", {"event": {"event_type": "incident.acknowledged"}}),
        ("pagerduty", {"event": {"event_type": "pagey.ping"}}),
    ],
)
def test_what_begins_and_ends_nothing_is_taken_and_left(kind: str, change: dict[str, Any]) -> None:
    assert discover()[kind].read(delivery(json.loads(payload(kind)) | change), settings(kind)).alerts == ()


def test_a_mapping_finds_the_parts_anywhere() -> None:
    mapping = {"alerts": "events[?kind=='alarm']", "title": "join(' ', [what, where])", "status": "is", "id": "nr",
               "resolved": "gone|over", "fingerprint": "where", "starts_at": ""}  # fmt: skip
    body = {"nr": 7, "events": [{"kind": "note"}, {"kind": "alarm", "what": "Leak", "where": "cellar", "is": "Gone"}]}
    heard = discover()["generic"].read(delivery(body), settings("generic", mapping=mapping))
    assert [(one.title, one.state, one.fingerprint) for one in heard.alerts] == [("Leak cellar", "resolved", "cellar")]
    assert heard.id == "7"


@pytest.mark.parametrize(
    ("mapping", "said"),
    [({"titel": "x"}, "mapping.titel: allowed are alerts, id"), ({"title": "a["}, "mapping.title is no JMESPath")],
)
def test_a_wrong_mapping_is_refused_at_the_start(mapping: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings("generic", mapping=mapping)
    assert said in str(caught.value)


async def test_pagerduty_signs_also_while_its_secret_is_changed() -> None:
    kind, body = discover()["pagerduty"], payload("pagerduty")
    right = "v1=" + hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()
    for given, genuine in ((right, True), (f"v1=0,{right}", True), (right[3:], False), ("v1=", False), ("", False)):
        assert await kind.admits(delivery(body, **{"x-pagerduty-signature": given}), settings("pagerduty")) is genuine
    assert not await kind.admits(delivery(body + b" ", **{"x-pagerduty-signature": right}), settings("pagerduty"))


class Aws:
    """The address of SNS's certificates, and a topic that signs with one."""

    url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        start = datetime(2026, 1, 1, tzinfo=UTC)
        unsigned = x509.CertificateBuilder(name, name, self.key.public_key(), 1, start, start + timedelta(days=400))
        self.pem = unsigned.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.asked: list[str] = []
        self.kind = CloudWatch(httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(200, content=self.pem)

    def signed(self, **content: str) -> dict[str, str]:
        usual = {"MessageId": "m-1", "TopicArn": TOPIC, "Timestamp": "2026-03-01T12:00:00.000Z"}
        about = {"Type": "Notification", "SignatureVersion": "2", "SigningCertURL": self.url}
        content = usual | about | content
        names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
        if content["Type"] == "SubscriptionConfirmation":
            names += ["SubscribeURL", "Token"]
        told = "".join(f"{name}\n{content[name]}\n" for name in sorted(names))
        algorithm = hashes.SHA256() if content["SignatureVersion"] == "2" else hashes.SHA1()
        signature = self.key.sign(told.encode(), padding.PKCS1v15(), algorithm)
        return content | {"Signature": base64.b64encode(signature).decode()}


@pytest.fixture(scope="module")
def aws() -> Aws:
    return Aws()


@pytest.mark.parametrize("version", ["1", "2"])
async def test_an_alarm_that_aws_signed_becomes_an_alert(aws: Aws, version: str) -> None:
    sent = delivery(aws.signed(Message=payload("cloudwatch").decode(), SignatureVersion=version))
    assert await aws.kind.admits(sent, settings("cloudwatch"))
    heard = aws.kind.read(sent, settings("cloudwatch"))
    [alert] = heard.alerts
    assert (alert.title, alert.state, heard.id) == ("ServerCpuTooHigh", "firing", "m-1")
    assert alert.labels == {"region": "EU (Ireland)", "metric": "CPUUtilization", "InstanceId": "i-12345678901234567"}
    assert alert.starts_at == datetime(2019, 10, 2, 17, 4, 40, 985000, tzinfo=UTC)


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:others"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://anybody@sns.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://s3.eu-west-1.amazonaws.com/a.pem"},
        {"SignatureVersion": "3"},
        {"Signature": "AAAA"},
        {"Signature": ""},
    ],
)
async def test_what_aws_did_not_sign_for_our_topic_is_not_believed(aws: Aws, change: dict[str, str]) -> None:
    aws.asked.clear()
    sent = aws.signed(Message=payload("cloudwatch").decode()) | change
    assert not await aws.kind.admits(delivery(sent), settings("cloudwatch"))
    assert all(url.startswith("https://sns.eu-west-1.amazonaws.com/") for url in aws.asked)


async def test_our_topic_is_confirmed_when_it_asks(aws: Aws) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    asking = {"Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "t", "SubscribeURL": url}
    sent = delivery(aws.signed(**asking))
    assert await aws.kind.admits(sent, settings("cloudwatch"))
    assert aws.kind.read(sent, settings("cloudwatch")).confirm == url
    assert await aws.kind.confirm(url)
    assert aws.asked[-1] == url
    elsewhere = delivery(aws.signed(**asking | {"SubscribeURL": "https://evil.example/"}))
    assert aws.kind.read(elsewhere, settings("cloudwatch")).confirm == ""


def test_a_topic_must_be_named() -> None:
    with pytest.raises(ValidationError, match="it needs topic_arn"):
        ReceiverSettings.model_validate({"kind": "cloudwatch", "topic_arn": "alarms"})
