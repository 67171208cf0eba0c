"""The credential in a request's headers, of which there may be one."""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.auth.credentials import NotBelieved
from gateway.auth.settings import AuthSettings
from gateway.proxy.message import Headers

_SCHEME = re.compile(rb"(?i:bearer)(?: +|$)")
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")


class Sent(NamedTuple):
    """What was sent, without the word Bearer, and the header that it came in."""

    header: bytes
    value: bytes


class Bearing:
    """Which headers may bear a credential."""

    def __init__(self, settings: AuthSettings) -> None:
        self.key_header = settings.api_key_header.encode() if settings.api_keys else b""
        self._authorization = b"authorization" if settings.takes_tokens else b""
        self._cookie = settings.cookie_name.encode() if settings.cookie_name and settings.takes_tokens else b""
        self.mark = self._cookie + b"="
        """What is in every `cookie` header that bears one."""
        self.names = frozenset({self.key_header, self._authorization, b"cookie" if self._cookie else b""} - {b""})

    def found(self, headers: Headers) -> Sent:
        """The one credential.

        Raises:
            NotBelieved: there is none, or there are several: who could say which of them an upstream goes by?
        """
        bearers = [value for name, value in headers if name == self._authorization]
        sent = [Sent(b"authorization", value) for value in bearers if _SCHEME.match(value)]
        sent += [Sent(name, value) for name, value in headers if name == self.key_header]
        sent += [Sent(b"cookie", token) for name, value in headers if name == b"cookie" for token in self._in(value)]
        if len(sent) > 1 or len(bearers) > 1:
            raise NotBelieved("ambiguous")
        if not sent:
            raise NotBelieved("missing")
        return sent[0] if sent[0].header == self.key_header else _checked(sent[0])

    def _in(self, cookies: bytes) -> list[bytes]:
        if not self._cookie:
            return []
        pairs = (cookie.strip(b" \t").partition(b"=") for cookie in cookies.split(b";"))
        return [value for name, _, value in pairs if name == self._cookie]


def _checked(sent: Sent) -> Sent:
    token = _SCHEME.sub(b"", sent.value, count=1) if sent.header == b"authorization" else sent.value
    if not _TOKEN.fullmatch(token):
        raise NotBelieved("malformed")
    return Sent(sent.header, token)
