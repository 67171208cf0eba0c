"""Secrets never reach a channel, the audit or a log (mitigation.md, rule 13; runbook 002, section 1.5)."""

from __future__ import annotations

import re
from typing import Any

_NAMED = re.compile(
    r"""(?ix) (?P<name> ["']? \b [\w-]* (?: passw(?:or)?d | passwd | secret | token | api[_-]?key | apikey | credential
        | private[_-]?key | access[_-]?key(?:[_-]?id)? | client[_-]?secret ) [\w-]* ["']? \s* [:=] \s* )
        (?P<quote>["']?) (?P<value> (?!\[redacted\]) [^\s"',;&}]{3,} )"""
)
_BEARER = re.compile(r"(?i)\b(?P<scheme>bearer|basic|oauth)\s+(?P<value>[A-Za-z0-9._~+/=-]{8,})")
_JWT = re.compile(r"\beyJ[\w-]{6,}\.[\w-]{4,}\.[\w-]*")
_KEYS = re.compile(r"\b(?:xox[abprse]-[\w-]{8,}|xapp-[\w-]{8,}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|sk_live_\w{8,})")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_URL = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s:/@]+):(?P<password>[^\s@/]+)@")
_EMAIL = re.compile(r"\b(?P<first>[\w.+-])[\w.+-]*@(?P<domain>[\w-]+\.[\w.-]+\w)")

MASK = "[redacted]"


def redact(text: str) -> str:
    """Text without its secrets; what kind of thing stood there stays readable."""
    text = _PEM.sub(MASK, text)
    text = _URL.sub(rf"\g<scheme>\g<user>:{MASK}@", text)
    text = _BEARER.sub(lambda m: f"{m['scheme']} {MASK}", text)
    text = _JWT.sub(MASK, text)
    text = _KEYS.sub(MASK, text)
    text = _NAMED.sub(lambda m: f"{m['name']}{m['quote']}{MASK}", text)
    return _EMAIL.sub(r"\g<first>***@\g<domain>", text)


def redact_value(value: Any) -> Any:
    """The same for JSON: strings redacted, keys that name a secret masked whole."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: MASK if _secret_name(key) and item else redact_value(item) for key, item in value.items()}
        case list() | tuple():
            return [redact_value(item) for item in value]
        case _:
            return value


def _secret_name(key: Any) -> bool:
    return isinstance(key, str) and bool(_NAMED.match(f"{key}=abc"))
