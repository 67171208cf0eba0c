"""CloudWatch alarms by SNS: signed by AWS, of one topic only, which is confirmed when it asks whether it is welcome."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.alerts.kinds.kind import Delivery, Heard, Unreadable, document, same
from bot.alerts.saying import alert, text, within
from bot.alerts.settings import ReceiverSettings
from commands.domain.alert import Alert

log = logging.getLogger(__name__)

_OURS = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}")
_ASKING = {"SubscriptionConfirmation", "UnsubscribeConfirmation"}
_TOLD = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_ASKED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - AWS signs so
_SECONDS, _MOST_CERTIFICATES, _LARGEST = 5.0, 8, 64 * 1024


class CloudWatch:
    """See Kind. Certificates come from AWS's own addresses only, and are kept: they change about once a year."""

    name = "cloudwatch"

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._keys: OrderedDict[str, rsa.RSAPublicKey] = OrderedDict()

    def wrong(self, settings: ReceiverSettings) -> str:
        """See Kind."""
        if _ARN.fullmatch(settings.topic_arn):
            return ""
        return "it needs topic_arn, as arn:aws:sns:eu-west-1:123456789012:alarms"

    async def admits(self, delivery: Delivery, settings: ReceiverSettings) -> bool:
        """The topic is ours, and AWS has signed it."""
        try:
            content = document(delivery.body)
        except Unreadable:
            return False
        if not same(text(content.get("TopicArn")), settings.topic_arn):
            return False
        key = await self._key(text(content.get("SigningCertURL")))
        return key is not None and _is_signed(content, key)

    async def _key(self, url: str) -> rsa.RSAPublicKey | None:
        if not _of_aws(url) or not urlsplit(url).path.endswith(".pem"):
            return None
        if url not in self._keys:
            found = await self._fetch(url)
            if found is None:
                return None
            self._keys[url] = found
            if len(self._keys) > _MOST_CERTIFICATES:
                self._keys.popitem(last=False)
        return self._keys[url]

    async def _fetch(self, url: str) -> rsa.RSAPublicKey | None:
        try:
            pem = await self._get(url)
            key = x509.load_pem_x509_certificate(pem[:_LARGEST]).public_key()
        except (httpx.HTTPError, ValueError) as error:
            log.warning("alerts: the certificate of SNS cannot be read: %s: %s", type(error).__name__, error)
            return None
        return key if isinstance(key, rsa.RSAPublicKey) else None

    async def _get(self, url: str) -> bytes:
        """AWS is asked directly, and sends nobody elsewhere."""
        async with httpx.AsyncClient(transport=self._transport, timeout=_SECONDS, follow_redirects=False) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            return answer.content

    def read(self, delivery: Delivery, settings: ReceiverSettings) -> Heard:
        """An alarm that changed its state, or the question whether the topic is welcome."""
        content = document(delivery.body)
        kind = text(content.get("Type"))
        if kind in _ASKING:
            url = text(content.get("SubscribeURL"))
            return Heard(confirm=url if kind == "SubscriptionConfirmation" and _of_aws(url) else "")
        if kind != "Notification":
            raise Unreadable("`Type` must be Notification or SubscriptionConfirmation, as SNS has it.")
        try:
            alarm = json.loads(text(content.get("Message")))
        except ValueError:
            alarm = None
        if not isinstance(alarm, dict) or "NewStateValue" not in alarm:
            return Heard()  # a topic may carry more than alarms
        state = text(alarm.get("NewStateValue"))
        if state not in {"ALARM", "OK"}:
            return Heard()
        return Heard((_alarm(alarm, delivery, settings, firing=state == "ALARM"),), id=text(content.get("MessageId")))

    async def confirm(self, url: str) -> bool:
        """Tell SNS that its topic is welcome."""
        try:
            await self._get(url)
        except httpx.HTTPError as error:
            log.warning("alerts: the subscription could not be confirmed: %s: %s", type(error).__name__, error)
            return False
        return True


def _alarm(alarm: dict[str, Any], delivery: Delivery, settings: ReceiverSettings, *, firing: bool) -> Alert:
    dimensions = within(alarm, "Trigger", "Dimensions")
    pairs = [one for one in dimensions if isinstance(one, dict)] if isinstance(dimensions, list) else []
    labels = {text(one.get("name")): one.get("value") for one in pairs}
    metric = {"region": alarm.get("Region"), "metric": within(alarm, "Trigger", "MetricName")}
    changed = alarm.get("StateChangeTime")
    return alert(
        delivery,
        settings,
        fingerprint=alarm.get("AlarmArn") or alarm.get("AlarmName"),
        firing=firing,
        title=alarm.get("AlarmName"),
        labels={name: value for name, value in {**metric, **labels}.items() if name and value},
        description=alarm.get("AlarmDescription") or alarm.get("NewStateReason"),
        starts_at=changed,
        ends_at=None if firing else changed,
    )


def _of_aws(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(_OURS.fullmatch(parts.netloc))
    except ValueError:
        return False


def _is_signed(content: dict[str, Any], key: rsa.RSAPublicKey) -> bool:
    algorithm = _HASHES.get(text(content.get("SignatureVersion")))
    names = _ASKED if content.get("Type") in _ASKING else _TOLD
    signed = "".join(f"{name}\n{content[name]}\n" for name in names if content.get(name) is not None)
    if algorithm is None:
        return False
    try:
        signature = base64.b64decode(text(content.get("Signature")), validate=True)
        key.verify(signature, signed.encode(), padding.PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, UnicodeEncodeError):
        return False
    return True


KIND = CloudWatch()
