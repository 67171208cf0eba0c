"""Texts of ordinary people and programs that look a little like attacks, and attacks that look a little like those."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest

from gateway.policies.attack_patterns import CATEGORIES, Category, Patterns

ORDINARY = [
    "select a seat", "O'Brien", "I <3 you", '{"color":"#fff"}', "issue '#42'", '{"path":"/*"}', '{"accept": "*/*"}',
    '{"a":[1,2],"b":"x;y"}', "python|perl|ruby", "dog;cat", "stop; sleep well", "first\ncat food", "C#", "a /* b */ c",
    "stop; drop and roll", "fixed bug; update docs", "yes; execute order 66", "sleep (disorder)", "benchmark (2023)",
    'status eq "open" and priority = 3', "name:'bob' and age=3", "rock 'n' roll", "Tom & Jerry", "line\nid: 5",
    "my echo | cat videos", "query { user(id: 1) { name } }", "having 2 or 3",
]  # fmt: skip
ATTACKS: list[tuple[Category, str]] = [
    ("sql_injection", "1/*!union*//*!select*/1"), ("sql_injection", "1'/*!50000union*/ /*!50000select*/ 1"),
    ("sql_injection", "' or ''='"), ("sql_injection", '" or ""="'), ("sql_injection", "' or true-- "),
    ("sql_injection", "') or 1 -- "), ("sql_injection", "' or not false#"), ("sql_injection", "1 having 1=1"),
    ("sql_injection", "exec xp_cmdshell 'x'"), ("sql_injection", "1; update users set role=1"),
    ("sql_injection", "1; drop table users"), ("sql_injection", "1; declare @x int"),
    ("sql_injection", "x' and sleep( 5 )"), ("sql_injection", "benchmark(5000000,md5(1))"),
    ("sql_injection", "admin'#"), ("sql_injection", "admin'/*"),
    ("command_injection", "x;cat /etc/hostname"), ("command_injection", "x|/bin/cat"), ("command_injection", "x;cat<y"),
    ("command_injection", "x; ping -c 1 192.0.2.1"), ("command_injection", "x|ping evil.example"),
    ("command_injection", "x;python3 -c 1"), ("command_injection", "x;echo vulnerable"), ("command_injection", "x|id"),
    ("command_injection", "x;sleep 5"), ("command_injection", "$(whoami)"), ("command_injection", "x;cat$IFS/x"),
]  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_no_attack_however_it_is_written(text: str) -> None:
    for written in (quote(text), quote_plus(text), quote(quote(text))):
        assert Patterns(CATEGORIES).in_target(f"/search?q={written}".encode()) is None


@pytest.mark.parametrize(("category", "text"), ATTACKS)
def test_an_attack_is_seen_however_it_is_written(category: Category, text: str) -> None:
    for written in (quote(text), quote_plus(text), quote(quote(text))):
        assert Patterns(CATEGORIES).in_target(f"/search?q={written}".encode()) == category
