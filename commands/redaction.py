"""Secrets never reach a channel, the audit or a log (mitigation.md, rule 13; runbook 002, section 1.5).

Every pattern takes time in proportion to the text: each begins where a run of its letters begins, and gives none of
them back (`++`). Anybody may type eight thousand characters, and a pattern that tries each start against each end
would stand still over them.
"""

from __future__ import annotations

import re
from typing import Any

_NAMES = r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|credential|private[_-]?key|access[_-]?key)"
_NAME = rf"(?<![\w-])(?=[\w-]*?{_NAMES})[\w-]++"
_VALUE = r"""(?:"[^"\n]++"|'[^'\n]++'|["']?[^\s"',;&}]{3,})"""
_NAMED = re.compile(rf"(?i)(?P<name>{_NAME}[\"']?\s*+[:=]\s*+)(?P<value>{_VALUE})")
_OPTION = re.compile(rf"(?i)(?<!\S)(?=-)(?P<name>{_NAME}\s++)(?P<value>(?!-){_VALUE})")
_BEARER = re.compile(r"(?i)\b(?P<scheme>bearer|basic|oauth)\s++(?P<value>[A-Za-z0-9._~+/=-]{8,})")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{4,}+\.[\w-]*+")
_KEYS = re.compile(
    r"""(?x) \b (?: xox[abeprs]-[\w-]{8,} | xapp-[\w-]{8,} | A[KS]IA[0-9A-Z]{16} | gh[oprsu]_\w{20,}
        | github_pat_\w{20,} | glpat-[\w-]{20,} | [rs]k_(?:live|test)_\w{8,} | sk-[\w-]{20,}
        | whsec_\w{16,} | AIza[\w-]{35} | npm_\w{36} )
        | hooks\.slack\.com/services/[\w/]+"""
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_URL = re.compile(r"(?i)(?<![a-z0-9+.-])(?P<user>[a-z][a-z0-9+.-]*+://[^\s:/@]*+):(?P<password>[^\s/]+)@")
_EMAIL = re.compile(r"(?<![\w.+-])(?P<first>[\w.+-])[\w.+-]*+@(?P<domain>[\w-]++(?:\.[\w-]++)++)")

MASK = "[redacted]"


def redact(text: str) -> str:
    """Text without its secrets; what kind of thing stood there stays readable.

    NUL, which no text needs and Postgres does not take, is dropped first: a secret must not hide behind one.
    """
    text = _PEM.sub(MASK, text.replace("\x00", ""))
    text = _URL.sub(rf"\g<user>:{MASK}@", text)
    text = _BEARER.sub(_without_credential, text)
    text = _JWT.sub(MASK, text)
    text = _KEYS.sub(MASK, text)
    text = _NAMED.sub(_without_value, text)
    text = _OPTION.sub(_without_value, text)
    return _EMAIL.sub(r"\g<first>***@\g<domain>", text)


def _without_value(found: re.Match[str]) -> str:
    """The name with a mask, inside the quotes that the value had."""
    first, last = found["value"][0], found["value"][-1]
    before = first if first in "\"'" else ""
    return f"{found['name']}{before}{MASK}{last if before and last == before else ''}"


def _without_credential(found: re.Match[str]) -> str:
    """`basic` and `oauth` are words of the language too: what follows them is a credential when no word looks so."""
    scheme, value = found["scheme"], found["value"]
    word = value.replace("-", "").rstrip(".")
    if scheme.casefold() != "bearer" and word.isalpha() and word[1:].islower() and len(value) < 24:
        return found[0]
    return f"{scheme} {MASK}"


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


_SECRET_WORD = re.compile(_NAMES, re.IGNORECASE)


def _secret_name(key: Any) -> bool:
    return isinstance(key, str) and bool(_SECRET_WORD.search(key))
