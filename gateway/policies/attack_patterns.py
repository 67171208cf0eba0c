"""What attacks look like in a request's target and headers: a few patterns for each kind, and what is looked at at all.

No library does this as it is needed here: the bindings of libinjection were left alone years ago, and ModSecurity would
be a second gateway in this one. So this knows the attacks that everybody is sent, and no more; it is no firewall. Every
repetition in a pattern has a bound, so that a text takes time in proportion to its length at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args
from urllib.parse import unquote_to_bytes

Category = Literal["log4shell", "command_injection", "sql_injection", "path_traversal", "xss", "scanner"]
Severity = Literal["critical", "high", "low"]
#: All of them, the gravest first: a request is told of as the first that it looks like.
CATEGORIES: tuple[Category, ...] = get_args(Category)
SEVERITIES: dict[Category, Severity] = {
    "log4shell": "critical", "command_injection": "critical", "sql_injection": "critical", "path_traversal": "high",
    "xss": "high", "scanner": "low",
}  # fmt: skip
#: What a record says; runbook 000 searches for injection, XSS, attack and exploit.
WORDS: dict[Category, str] = {
    "log4shell": "Log4Shell exploit: attack detected",
    "command_injection": "command injection attack detected",
    "sql_injection": "SQL injection attack detected",
    "path_traversal": "path traversal attack detected",
    "xss": "XSS attack detected",
    "scanner": "vulnerability scan detected, which often precedes an attack",
}

#: Nothing but the names that scanners ask for is looked for in what has no other character, which is nearly all.
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.~=&?,:@!-"
#: What is in addition in what people write. Without any other character, only whole words can be an attack.
_WORDS = _PLAIN + b" &+%"
_DECODED = 2
#: Text is read in small letters, and with spaces for what else is white, but for the ends of lines.
_READ = bytes(range(256)).lower().translate(bytes.maketrans(b"\t\r\v\f", b"    "))
#: What stands between `/*!` and its end is run by MySQL.
_COMMENT = re.compile(rb"/\*!\d{0,6}|/\*[^*]{0,60}\*/|\*/")

_PROBED = frozenset(
    {b"wp-admin", b"wp-login.php", b"wp-config.php", b"wp-includes", b"wp-content", b"xmlrpc.php", b"phpmyadmin",
     b"pma", b"phpinfo.php", b"cgi-bin", b"server-status", b"heapdump", b"hnap1", b"boaform", b"phpunit",
     b"autodiscover.xml", b"web.config", b"id_rsa"}
)  # fmt: skip
_HIDDEN = re.compile(rb"/\.(?:env|git|svn|hg|aws|ssh|htaccess|htpasswd|ds_store|vscode|npmrc)(?:[/.]|$)")
_SCANNERS = re.compile(
    rb"sqlmap|nikto|nessus|nuclei|acunetix|masscan|zgrab|dirbuster|gobuster|feroxbuster|wpscan|openvas|netsparker"
    rb"|invicti|w3af|havij|\bffuf\b|wfuzz|arachni|nmap scripting|jorgee|zmeu|morfeus|\bdirb\b|whatweb|commix|xsser"
)
#: Words that people write in lists, too (`dog;cat`, `python|ruby`), are commands with what only a command is given.
_COMMAND = (
    rb"\s{0,9}(?:(?:(?:/(?:usr/)?s?bin/)(?:cat|python\d?|perl|ruby|ping|sleep|echo|dig)"
    rb"|(?:/(?:usr/)?s?bin/)?(?:ls|id|whoami|uname|wget|curl|nc|ncat|bash|sh|zsh|nslookup|powershell|cmd|rm|chmod"
    rb"|printenv|ifconfig|netstat|tftp))(?:\.exe)?(?=[\s;|&`'\"<>)$]|$)"
    rb"|(?:cat|python\d?|perl|ruby|ping|sleep|dig)(?:\.exe)?(?:\s{0,9}[<>$]|\s{1,9}(?:[-/~*\d]|[\w-]{1,40}\.\w))"
    rb"|echo\s{1,9}[\w$'\"-])"
)
_TAG = rb"(?:script|iframe|object|embed|applet|svg|math|base|meta|link|style|form|img|body|video|audio|details|marquee)"
_HANDLER = (
    rb"(?:error|load|click|focus|blur|mouse\w{2,8}|key\w{2,8}|toggle|start|begin|animation\w{3,12}"
    rb"|pointer\w{2,12}|submit)"
)

#: (kind of attack, what is in every text that the pattern is for, the pattern). To look for a few bytes takes no time.
_RULES: tuple[tuple[Category, tuple[bytes, ...], bytes], ...] = (
    ("log4shell", (b"${",), rb"\$\{.{0,40}?(?:jndi|::-[a-z]|(?:lower|upper|env|sys|java|ctx|date):)"),
    ("command_injection", (b";", b"|", b"&&", b"`", b"\n"), rb"(?:;|\||&&|`|\n)" + _COMMAND),
    ("command_injection", (b"$(",), rb"\$\(" + _COMMAND),
    ("command_injection", (b"/bin/",), rb"/bin/(?:ba|z|da|c|k)?sh\b"),
    ("command_injection", (b"()",), rb"\(\)\s{0,9}\{\s{0,9}:?\s{0,9};"),
    ("command_injection", (b"cmd",), rb"cmd(?:\.exe)?\s{1,9}/c\b"),
    ("command_injection", (b"${ifs}",), rb"\$\{ifs\}"),
    ("sql_injection", (b"union",), rb"union\b[\s(]{1,9}(?:all\b|distinct\b)?[\s(]{0,9}select\b"),
    (
        "sql_injection", (b"'", b'"', b"`", b")"),
        rb"['\"`)]\s{0,9}(?:or|and|xor|\|\||&&)\s{0,9}[('\"]{0,3}(?:\d{1,9}|(?<=['\"])\w{0,20})['\"]?\s{0,9}(?:=|<|>|like\b)",
    ),
    (
        "sql_injection", (b"or ", b"or(", b"||"),
        rb"['\"`)]\s{0,9}(?:or\b|\|\|)[\s(]{0,9}(?:true|not\s{1,9}\w{1,9}|\d{1,9})[\s)]{0,9}(?:--|#)",
    ),
    ("sql_injection", (b"or ", b"and ", b"having "), rb"\b(?:or|and|having)\s{1,9}(\d{1,9})\s{0,9}=\s{0,9}\1\b"),
    (
        "sql_injection", (b";",),
        rb";\s{0,9}(?:(?:drop|alter|truncate)\s{1,9}(?:table|database|schema|view|user|role|login|index|procedure"
        rb"|function|trigger)\b|insert\s{1,9}into\b|delete\s{1,9}from\b|update\s{1,9}[\w.\"`]{1,60}\s{1,9}set\b"
        rb"|exec(?:ute)?[\s(]{1,9}(?:[xs]p_|master|immediate|@|['\"])|shutdown\s{1,9}(?:with\b|--)|declare\s{1,9}@)",
    ),
    ("sql_injection", (b"sleep",), rb"sleep\s{0,9}\(\s{0,9}(?:\d{1,3}\b|['\"@(-])"),
    ("sql_injection", (b"benchmark",), rb"benchmark\s{0,9}\([^,]{1,40},"),
    (
        "sql_injection", (b"extractvalue", b"updatexml", b"load_file", b"dbms_pipe"),
        rb"(?:extractvalue|updatexml|load_file|dbms_pipe\.\w{1,20})\s{0,9}\(",
    ),
    ("sql_injection", (b"xp_cmdshell",), rb"\bxp_cmdshell\b"),
    (
        "sql_injection", (b"waitfor", b"dumpfile", b"outfile", b"information_schema", b"sysobjects"),
        rb"waitfor\s{1,9}delay\b|into\s{1,9}(?:out|dump)file\b|information_schema\b|sysobjects\b",
    ),
    ("sql_injection", (b"--", b"#", b"/*"), rb"['\"]\s{0,9}(?:--(?:\s|$|&)|#(?:[\s&]|$)|/\*(?!['\"]))|;\s{0,9}--"),
    ("sql_injection", (b"select",), rb"['\"(]\s{0,9}select\s{1,9}[\w*@(,.\s]{1,60}\bfrom\b"),
    ("sql_injection", (b"order",), rb"order\s{1,9}by\s{1,9}\d{1,4}\s{0,9}(?:--|#)"),
    ("path_traversal", (b"..",), rb"(?:^|[/\\=&?:;,'\"])\.\.(?:[/\\;]|$)|\.\.[/\\]"),
    ("path_traversal", (b"etc/",), rb"etc/(?:passwd|shadow|group|hosts|sudoers)\b"),
    ("path_traversal", (b"proc/self/",), rb"proc/self/"),
    ("path_traversal", (b".ini",), rb"\b(?:boot|win|system)\.ini\b"),
    ("path_traversal", (b"://",), rb"\b(?:php|phar|expect|zip)://|\bfile:///"),
    ("path_traversal", (b"\0",), rb"\0"),
    ("xss", (b"<",), rb"<\s{0,3}/?\s{0,3}" + _TAG + rb"[\s/>]"),
    ("xss", (b"on",), rb"[\s/\"'<>`]on" + _HANDLER + rb"\s{0,9}="),
    ("xss", (b"script",), rb"(?:java|vb|live)script\s{0,9}:"),
    ("xss", (b"data:text/html",), rb"data:text/html"),
    ("xss", (b"document",), rb"document\s{0,3}\.\s{0,3}(?:cookie|domain|write|location)\b"),
    (
        "xss", (b"alert", b"confirm", b"prompt"),
        rb"(?:alert|confirm|prompt)\s{0,3}(?:\(|`)[\s\d'\"/`a-z.]{0,20}(?:\)|`)",
    ),
    ("xss", (b"srcdoc",), rb"srcdoc\s{0,9}="),
)  # fmt: skip
_OF_WORDS = frozenset(
    {b"&&", b"union", b"or ", b"and ", b"having ", b"xp_cmdshell", b"waitfor", b"--", b"order", b"..", b"etc/",
     b"proc/self/", b".ini", b"://", b"/bin/", b"cmd", b"on", b"script", b"data:text/html", b"document"}
)  # fmt: skip
Rule: TypeAlias = tuple[Category, tuple[bytes, ...], re.Pattern[bytes]]
RULES: tuple[Rule, ...] = tuple(
    (category, needles, re.compile(pattern, re.DOTALL)) for category, needles, pattern in _RULES
)


@dataclass(frozen=True, slots=True)
class Attack:
    """What a request looks like, and where in it."""

    category: Category
    place: str

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.category]


class Patterns:
    """Those of some categories."""

    def __init__(self, categories: Iterable[Category]) -> None:
        chosen = frozenset(categories)
        self._scanner = "scanner" in chosen
        self._rules = tuple(rule for rule in RULES if rule[0] in chosen)
        self._of_words = tuple(rule for rule in self._rules if not _OF_WORDS.isdisjoint(rule[1]))
        # Between their semicolons agents have what may look like a command: languages, for one.
        self._of_agents = tuple(rule for rule in self._rules if rule[0] != "command_injection" or b";" not in rule[1])

    def in_target(self, target: bytes) -> Category | None:
        """What a target, path and query, looks like."""
        return self.in_text(target) or ("scanner" if self._scanner and _is_probed(target) else None)

    def in_agent(self, value: bytes) -> Category | None:
        """What the name of a user agent looks like."""
        found = self._matching(value.translate(_READ), self._of_agents)
        return found or ("scanner" if self._scanner and _SCANNERS.search(value.lower()) else None)

    def in_text(self, text: bytes) -> Category | None:
        """What any other text looks like, decoded once and twice."""
        if not text.translate(None, _PLAIN) and not _has_a_place(text):
            return None
        for _ in range(_DECODED):
            encoded, text = text, unquote_to_bytes(text.replace(b"+", b" "))
            read = text.translate(_READ)
            if found := self._matching(read, self._rules if read.translate(None, _WORDS) else self._of_words):
                return found
            if text == encoded or b"%" not in text:
                break
        return None

    def _matching(self, text: bytes, rules: tuple[Rule, ...]) -> Category | None:
        found = _of(text, rules)
        if found is None and b"*/" in text:
            return _of(_COMMENT.sub(b" ", text), rules)
        return found


def _of(text: bytes, rules: tuple[Rule, ...]) -> Category | None:
    for category, needles, pattern in rules:
        for needle in needles:
            if needle in text:
                if pattern.search(text):
                    return category
                break
    return None


def _has_a_place(text: bytes) -> bool:
    """Whether it names another place, for which no odd character is needed."""
    return b".." in text or b"etc/" in text or b"://" in text or b"/proc/" in text


def _is_probed(target: bytes) -> bool:
    path = target.partition(b"?")[0].lower()
    return not _PROBED.isdisjoint(path.split(b"/")) or (b"/." in path and _HIDDEN.search(path) is not None)
