"""Secrets are masked, words are not, and no text takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.redaction import MASK, STEPS, redact, redact_value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2", "password=[redacted]"),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: [redacted]"),
        ("passwd = 'two words'", "passwd = '[redacted]'"),
        ('{"client_secret": "abc def", "user": "ana"}', '{"client_secret": "[redacted]", "user": "ana"}'),
        ('token: "never closed', 'token: "[redacted] closed'),
        ("https://x.example/?api_key=abc123&page=2", "https://x.example/?api_key=[redacted]&page=2"),
        ("env: access_token=abcdef", "env: access_token=[redacted]"),
        ("mysql --password hunter2 -h db", "mysql --password [redacted] -h db"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic [redacted]"),
        ("eyJhbGciOi.eyJzdWIi.SflKxw", MASK),
        ("xoxb-1234567890-abc", MASK),
        ("AKIAIOSFODNN7EXAMPLE", MASK),
        ("ghp_abcdefghij0123456789", MASK),
        ("sk_live_abcdefgh", MASK),
        ("https://hooks.slack.com/services/T0/B0/XXXX", f"https://{MASK}"),
        ("postgres://tocsin:hunter2@db.example/x", "postgres://tocsin:[redacted]@db.example/x"),
        ("amqp://a:p@ss@mq.example", "amqp://a:[redacted]@mq.example"),
        ("redis://:hunter2@cache", "redis://:[redacted]@cache"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- after", f"{MASK} after"),
        ("-----BEGIN PRIVATE KEY-----\nMII cut short", MASK),
        ("ana.ruiz+x@mail.example.org said", "a***@mail.example.org said"),
        ("pass\x00word=hunter2", "password=[redacted]"),
        ("DB_PASS=hunter2", "DB_PASS=[redacted]"),
        ("dbPass=hunter2", "dbPass=[redacted]"),
        ("MYSQL_PWD=hunter2", "MYSQL_PWD=[redacted]"),
        ("pass: hunter2", "pass: [redacted]"),
        ("pass=123456", "pass=[redacted]"),
        ("password=123456", "password=[redacted]"),
        ("curl -u admin:hunter2 https://x.example", "curl -u admin:[redacted] https://x.example"),
        ("curl --user 'admin:hunter2' -v", "curl --user 'admin:[redacted]' -v"),
        ("curl --proxy-user=a:b", "curl --proxy-user=a:[redacted]"),
        ("mysql -p hunter2", "mysql -p [redacted]"),
        ("mysqldump -h db -u root -phunter2 shop", "mysqldump -h db -u root -p[redacted] shop"),
        ("docker login -u ana -p hunter2", "docker login -u ana -p [redacted]"),
        ("Cookie: session=abc; theme=dark", "Cookie: [redacted]"),
        ("curl -H 'cookie: sid=abc; a=b' -v", "curl -H 'cookie: [redacted]' -v"),
        ('{"Set-Cookie": "sid=abc; Path=/", "n": 1}', '{"Set-Cookie": "[redacted]", "n": 1}'),
        ("https://s3.example/x?X-Amz-Signature=0a1b2c&n=1", "https://s3.example/x?X-Amz-Signature=[redacted]&n=1"),
        ("https://blob.example/x?sv=1&sig=ab%2Fcd", "https://blob.example/x?sv=1&sig=[redacted]"),
        (r'"password": "a\"bcd", "n": 1', '"password": "[redacted]", "n": 1'),
        (r"password='a\'bcd' after", "password='[redacted]' after"),
        (r"said {\"password\": \"hunter2\", \"n\": 1}", r"said {\"password\": \"[redacted]\", \"n\": 1}"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "the token is expired",
        "passwords do not work any more",
        "basic functionality is down",
        "oauth endpoints answer 502",
        "secret sauce",
        "http://127.0.0.1:8080/health answers",
        "@ana look at #incident-20260301-001",
        "ratio 3:1, at 14:05, for a:b",
        "rate 5/s @ 200 rps",
        "tokens=500",
        "max_tokens: 4096, token_count=1200",
        "tokenizer: gpt2",
        "secretary: Bob",
        "bypass: enabled, compass=north",
        "PWD=/srv/app",
        "docker run -u 1000:1000 image",
        "mysql -p -u root",
        "mysql -h db -P 3306",
        "ssh -p 2222 host, mkdir -p /srv/app",
        "the cookie: it is gone",
    ],
)
def test_words_are_left_alone(text: str) -> None:
    assert redact(text) == text


_NAMES = ["password", "token", "--", "bearer", "Bearer ", "basic", "-----BEGIN PRIVATE KEY-----", "://", "@", ".com"]
_NAMES += ["DB_PASS", "pass", "tokens", "-u ", "a:", "mysql ", "-p ", "Cookie: ", "x-amz-", "sig=", "\\"]
_VALUES = ["hunter2", "eyJabcdefgh.eyJx.y", "xoxb-12345678", "a", "1", MASK, "-----END PRIVATE KEY-----"]
_PIECES = st.sampled_from([*_NAMES, *_VALUES, "=", ": ", '"', "'", " ", "\n", "&", "\x00"])


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
def test_redacting_again_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


_KEYS_OF_KINDS = ["AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 12, "github_pat_" + "a" * 22, "glpat-" + "a" * 20]
_KEYS_OF_KINDS += ["rk_live_abcdefgh", "sk-" + "a" * 20, "whsec_" + "a" * 16, "AIza" + "a" * 35, "npm_" + "a" * 36]
_KEYS_OF_KINDS += ["hooks.slack.com/services/T0/B0", "xapp-12345678", "Set-Cookie: a=b", "--proxy-user a:secretive"]
_KEYS_OF_KINDS += [
    "cook\u0131e: a=b",
    "S\u0130G=abcdef",
    "pa\u017f\u017fword=x12",
    "to\u212aen: abc",
    "CREDENTIALS=abc",
    "api-key:abc",
]


@given(st.lists(st.one_of(_PIECES, st.sampled_from(_KEYS_OF_KINDS))).map("".join), st.booleans())
def test_looking_for_hints_first_misses_nothing(text: str, upper: bool) -> None:
    text = text.upper() if upper else text
    thorough = text.replace("\x00", "")
    for _, pattern, instead in STEPS:
        thorough = pattern.sub(instead, thorough)
    assert redact(text) == thorough


@given(
    st.from_regex(r"[A-Za-z0-9]{8,40}", fullmatch=True), st.sampled_from(["password={}", 'secret: "{}"', "--token {}"])
)
def test_no_value_of_a_named_secret_stays(value: str, form: str) -> None:
    assert redact(f"before {form.format(value)} after") == f"before {form.format(MASK)} after"


@pytest.mark.parametrize(
    "piece",
    [
        "token-",
        "a-",
        "a.",
        "eyJaaaaaa-",
        "password=",
        "a://b:",
        "-----BEGIN PRIVATE KEY-----",
        " ",
        "bearer ",
        "'\"",
        "x@",
        "--token ",
        "mysql ",
        "login -p",
        "-u a",
        "-u a:",
        "cookie: ",
        "cookie: a=",
        'pass="\\"',
        'pass=\\"',
        "pass='a\\",
        "pass",
        "sig=",
        "\\",
    ],
)
def test_a_hundred_kilobytes_take_no_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 2


def test_values_are_redacted_in_depth_and_by_their_name() -> None:
    found = redact_value(
        {
            "text": "password=hunter2",
            "apiKey": 7,
            "nested": [{"db_token": "x", "n": 1}, ("Bearer abcdefgh1",)],
            "empty_token": "",
            "tokens": 500,
            "pass": True,
            "db_pass": 1234,
            "secretary": "Bob",
        }
    )
    assert found == {
        "text": "password=[redacted]",
        "apiKey": MASK,
        "nested": [{"db_token": MASK, "n": 1}, ["Bearer [redacted]"]],
        "empty_token": "",
        "tokens": 500,
        "pass": True,
        "db_pass": MASK,
        "secretary": "Bob",
    }
