"""What a log may not show: credentials, and what tells who somebody is. Runbook 002 says how much of each is left.

Headers, query parameters and bodies never get into a record at all; this is for what does: paths, the names of user
agents, the words of operators. Of a bearer token and of a session's token the first four characters are left, where it
is long enough for them to give nothing away; of an e-mail address the first one and the domain; of the rest nothing.
"""

from __future__ import annotations

import re

_MAX_TEXT = 512
_KEPT = 4
_LONG_ENOUGH = 16

_KEY = r"(?:api|access|private|secret)[-_]?key"
#: Between a name and its value; in a path it may be encoded, once or more often.
_ENCODED = r"%(?:25)*(?:20|3d|3a)"
_BETWEEN = rf"(?:[ =:]|{_ENCODED})"
#: What is encoded before a word ends in a letter or a digit, and is none of it.
_START = r"(?:\b|(?<=%[0-9a-fA-F]{2}))"

#: Nothing is looked for in text without any of these, which is nearly all of it.
_SUSPICIOUS = re.compile(
    r"(?i)bearer|basic|token|api[-_]?key|(?:access|private)[-_]?key|passw|pwd|passphrase|secret|credential|sess|eyj"
    r"|://[^/]*@|(?:\b|%[0-9a-f][0-9a-f])sid\b"
)
#: One of these is in whatever it finds, and looking for them takes a tenth of the time.
_WORDS = ("token", "key", "sess", "secret", "pass", "pwd", "bearer", "basic", "credential", "eyj", "://", "sid")
_BASIC = re.compile(rf"(?i){_START}(basic)(?:[ =:+]|{_ENCODED})+[\w.~+/=%-]+")
_BASIC_SENT = re.compile(r"\b([Bb]asic) (?=\S*[A-Z0-9=])[\w.~+/=%-]{6,}")
_BEARER = re.compile(rf"(?i){_START}(bearer)((?:[ =:+]|{_ENCODED})+)([\w.~+/=%-]+)")
_SESSION = re.compile(rf"(?i)((?:session|sess)(?:[-_]?(?:token|id|key))?|{_START}sid)({_BETWEEN}[ =:/]*)([^\s&;,/]+)")
_CREDENTIAL = re.compile(
    rf"(?i)((?<!sess[-_])(?<!session)(?<!session[-_])token|{_KEY}"
    rf"|passw(?:or)?d|passphrase|pwd|secret|credentials?)({_BETWEEN}[ =:/]*)[^\s&;,/]+"
)
# A segment after `/token/` may be a word of the API; what is long and has a digit, or is very long, is none.
_SEGMENT = re.compile(
    rf"(?i)(/[\w.-]{{0,40}}(?:token|{_KEY}|password|secret|credential)s?/)"
    r"(?=[^\s/]*\d|[^\s/]{20})[^\s/&;,]{8,}"
)
_SESSION_SEGMENT = re.compile(r"(?i)(/sess(?:ion)?s?/)(?=[^\s/]*\d|[^\s/]{20})([^\s/&;,]{8,})")
_JWT = re.compile(rf"{_START}eyJ[\w-]{{5,}}\.[\w-]+(?:\.[\w-]*)*")
_USER_IN_URL = re.compile(r"(://)[^/\s@]+@")
_AT = re.compile(r"(@|%40)")
_DOMAIN = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}")
_OF_LOCAL_PARTS = frozenset("_.+-%'")
#: What would steer a terminal, or end a line for whoever reads them.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")

#: In text of the gateway's own, `token` is a word like others, unless a value is assigned to it.
_ASSIGNED = re.compile(
    rf"(?i)((?:token|{_KEY}|passw(?:or)?d|passphrase|pwd|secret|credentials?)[\"']?\s*[=:]\s*[\"']?)([^\s&;,\"']+)"
)


def clean(raw: bytes, *, emails: bool = True) -> str:
    """Text from a client for the log: printable, bounded, and without what looks like a credential.

    `emails` says whether e-mail addresses are masked as well.
    """
    text = raw[:_MAX_TEXT].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = _CONTROL.sub(_escaped, text)
    if _is_suspicious(text):
        text = _without_credentials(text)
    return without_emails(text) if emails else text


def without_emails(text: str) -> str:
    """With the first character and the domain of e-mail addresses only."""
    if "@" not in text and "%40" not in text:
        return text
    # Each part is looked at once: one pattern for the whole would take the square of a hostile text's length.
    parts = _AT.split(text)
    for number in range(1, len(parts), 2):
        before = parts[number - 1]
        length = _local_part(before)
        if length and _DOMAIN.match(parts[number + 1]):
            parts[number - 1] = f"{before[: len(before) - length + 1]}***"
    return "".join(parts)


def _local_part(before: str) -> int:
    """How many characters at the end of a text may be the begin of an address."""
    length = 0
    while length < len(before) and ((last := before[-length - 1]).isalnum() or last in _OF_LOCAL_PARTS):
        length += 1
    return length


def without_secrets(text: str) -> str:
    """Words of the gateway or of an operator, without tokens, users of URLs, and what is assigned to a secret's name.

    Unlike in text from a client, a secret is not suspected behind every `token`: that is what such words are about.
    """
    if not _is_suspicious(text):
        return text
    text = _USER_IN_URL.sub(r"\1***@", _BEARER.sub(_partly, _BASIC_SENT.sub(r"\1 ***", text)))
    return _JWT.sub(_shortened, _ASSIGNED.sub(r"\1***", text))


def _is_suspicious(text: str) -> bool:
    # Beyond ASCII, letters have more than two cases.
    if text.isascii():
        small = text.lower()
        if not any([word in small for word in _WORDS]):  # noqa: C419 - a generator takes twice as long
            return False
    return _SUSPICIOUS.search(text) is not None


def _without_credentials(text: str) -> str:
    text = _USER_IN_URL.sub(r"\1***@", _BASIC.sub(r"\1 ***", text))
    text = _SESSION_SEGMENT.sub(_in_segment, _SESSION.sub(_partly, _BEARER.sub(_partly, text)))
    return _SEGMENT.sub(r"\1***", _JWT.sub(_shortened, _CREDENTIAL.sub(r"\1\2***", text)))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _shown(secret: str) -> str:
    return f"{secret[:_KEPT]}***" if len(secret) >= _LONG_ENOUGH else "***"


def _partly(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{_shown(found[3])}"


def _in_segment(found: re.Match[str]) -> str:
    return f"{found[1]}{_shown(found[2])}"


def _shortened(found: re.Match[str]) -> str:
    return _shown(found[0])
