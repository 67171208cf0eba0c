"""Secrets never reach a channel, the audit or a log (mitigation.md, rule 13; runbook 002, section 1.5).

Every pattern takes time in proportion to the text: each begins where a run of its letters begins, and gives none of
them back (`++`). Anybody may type eight thousand characters, and a pattern that tries each start against each end
would stand still over them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# Words that tell a secret anywhere in a name, and words that do so as a whole part of it (`DB_PASS`, `dbPwd`).
_ANYWHERE = (
    r"passw(?:or)?d|passphrase|secret(?!ar)|token(?!i[sz])|api[_-]?key|credential|private[_-]?key|access[_-]?key"
)
_PART = r"(?:(?<![a-z])|(?-i:(?<=[a-z])(?=P)))(?:pass|passcode|pwd)(?![a-z])"
_NAMES = rf"(?:{_ANYWHERE}|{_PART})"
_NAME = rf"(?<![\w-])(?=[\w-]*?{_NAMES})[\w-]++"
# In quotes (with escaped quotes inside), in quotes that are escaped themselves (JSON in JSON), or one word.
_VALUE = r"""(?:"(?:[^"\\\n]|\\.)++"|'(?:[^'\\\n]|\\.)++'|\\++"[^"\n]++"|["']?[^\s"',;&}]{3,})"""
_NAMED = re.compile(rf"(?i)(?P<name>{_NAME}(?:\\*+[\"'])?\s*+[:=]\s*+)(?P<value>{_VALUE})")
_OPTION = re.compile(rf"(?i)(?<!\S)(?=-)(?P<name>{_NAME}\s++)(?P<value>(?!-){_VALUE})")
_NUMBER_OF = re.compile(
    r"(?i)(?:(?:token|secret|password|credential|key)s|[_-](?:count|limit|length|size|ttl|age|expires_in))\W*\Z"
)
_LOGIN = re.compile(
    r"(?<!\S)(?P<user>(?:-u|--(?:proxy-)?user)[\s=]\s*+[\"']?[^\s:/\"']*+:)(?P<password>[^\s/\"'][^\s\"']*+)"
)
_SHORT_OPTION = re.compile(
    r"(?P<name>\b(?:mysql\w*+|mariadb[\w-]*+|sshpass|login)\s(?:[^\n]{0,200}?\s)??-p\s*+)(?P<value>(?!-)[^\s\"';&|]++)"
)
_COOKIE = re.compile(
    r"""(?i)(?P<name>(?<![\w-])(?:set-)?cookie(?:\\*+["'])?\s*+:\s*+(?:\\*+["'])?)[^\s=;,"'\\]++=[^\n"'\\]*+"""
)
_SIGNATURE = re.compile(r"""(?i)(?P<name>(?<![\w-])(?:x-(?:amz|goog)-)?sig(?:nature)?=)[^\s"',;&}]{4,}""")
_BEARER = re.compile(r"(?i)\b(?P<scheme>bearer|basic|oauth)\s++(?P<value>[A-Za-z0-9._~+/=-]{8,})")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{4,}+\.[\w-]*+")
_KEYS = re.compile(
    r"""(?x) \b (?: xox[abeprs]-[\w-]{8,} | xapp-[\w-]{8,} | A[KS]IA[0-9A-Z]{16} | gh[oprsu]_\w{20,}
        | github_pat_\w{20,} | glpat-[\w-]{20,} | [rs]k_(?:live|test)_\w{8,} | sk-[\w-]{20,}
        | whsec_\w{16,} | AIza[\w-]{35} | npm_\w{36} )
        | hooks\.slack\.com/services/[\w/]+"""
)
_KEY_HINTS = (
    *("xox", "xapp-", "akia", "asia", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-"),
    *("k_live_", "k_test_", "sk-", "whsec_", "aiza", "npm_", "hooks.slack.com/services/"),
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_URL = re.compile(r"(?i)(?<![a-z0-9+.-])(?P<user>[a-z][a-z0-9+.-]*+://[^\s:/@]*+):(?P<password>[^\s/]+)@")
_EMAIL = re.compile(r"(?<![\w.+-])(?P<first>[\w.+-])[\w.+-]*+@(?P<domain>[\w-]++(?:\.[\w-]++)++)")

_QUOTE = re.compile(r"""\\*["']""")

MASK = "[redacted]"


def redact(text: str) -> str:
    """Text without its secrets; what kind of thing stood there stays readable.

    NUL, which no text needs and Postgres does not take, is dropped first: a secret must not hide behind one.
    """
    text = text.replace("\x00", "")
    here = _hints_in(text)
    for hints, pattern, instead in STEPS if here else ():
        if not here.isdisjoint(hints):
            text = pattern.sub(instead, text)
    return text


def _hints_in(text: str) -> frozenset[str]:
    """Most texts hold no secret: looking for a few words costs a fortieth of what the patterns do.

    The patterns know no upper case, and to them the two other letters that are an `i` for somebody are one.
    """
    plain = text.replace("\u0130", "i").replace("\u0131", "i").casefold()
    return frozenset([hint for hint in _HINTS if hint in plain])


def _without_value(found: re.Match[str]) -> str:
    """The name with a mask, inside the quotes that the value had; what is no secret stays."""
    name, value = found["name"], found["value"]
    if _harmless(name, value):
        return found[0]
    quote = _QUOTE.match(value)
    before = quote[0] if quote else ""
    return f"{name}{before}{MASK}{before if before and value.endswith(before) and value != before else ''}"


def _harmless(name: str, value: str) -> bool:
    """`tokens=500` is a number of them, and `PWD=/srv` is where a shell stands."""
    if value.isdigit():
        return bool(_NUMBER_OF.search(name))
    return name.casefold() == "pwd=" and value.startswith("/")


def _without_password(found: re.Match[str]) -> str:
    """`-u admin:hunter2`; but `-u 1000:1000` is a user and a group."""
    return found[0] if found["password"].isdigit() else f"{found['user']}{MASK}"


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
            return {key: MASK if _secret(key, item) else redact_value(item) for key, item in value.items()}
        case list() | tuple():
            return [redact_value(item) for item in value]
        case _:
            return value


_SECRET_WORD = re.compile(_NAMES, re.IGNORECASE)


def _secret(key: Any, item: Any) -> bool:
    """Whether the item is one by its name; nothing, yes and no are none, nor is a number of them."""
    if not item or item is True or not isinstance(key, str) or not _SECRET_WORD.search(key):
        return False
    return not _harmless(key, str(item))


_NAMED_BY = ("pass", "pwd", "secret", "token", "key", "credential")
#: In their order: the words without one of which the pattern finds nothing, the pattern, and what is put in its place.
STEPS: tuple[tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (("-----begin",), _PEM, MASK),
    (("://",), _URL, rf"\g<user>:{MASK}@"),
    (("bearer", "basic", "oauth"), _BEARER, _without_credential),
    (("eyj",), _JWT, MASK),
    (_KEY_HINTS, _KEYS, MASK),
    (("cookie",), _COOKIE, rf"\g<name>{MASK}"),
    (("sig",), _SIGNATURE, rf"\g<name>{MASK}"),
    (("-u",), _LOGIN, _without_password),
    (("-p",), _SHORT_OPTION, _without_value),
    (_NAMED_BY, _NAMED, _without_value),
    (_NAMED_BY, _OPTION, _without_value),
    (("@",), _EMAIL, r"\g<first>***@\g<domain>"),
)
_HINTS = tuple({hint for hints, _, _ in STEPS for hint in hints})
