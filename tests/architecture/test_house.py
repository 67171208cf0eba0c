"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.reading import ROOMS, ROOT, named, sources

MOST_LINES = 400
_WRITTEN = ("*.py", "*.j2", "*.js", "*.css", "*.html", "*.mako", "*.svg")

#: Who may import what comes from outside. What is not listed is imported by nobody.
ALLOWED: dict[str, tuple[str, ...]] = {
    "aiohttp": ("bot/platforms/slack/*",),
    "aiosmtplib": ("bot/adapters/stakeholders/mail.py",),
    "alembic": ("bot/store/migrations/*",),
    "anyio": ("bot/platforms/console/passwords.py",),
    "argon2": ("bot/platforms/console/*",),
    "atlassian": ("bot/adapters/confluence.py", "bot/adapters/tickets/jira.py"),
    "brotli": ("gateway/policies/encoding.py",),
    "boto3": ("bot/anchoring/places.py", "gateway/sinks/cloudwatch.py"),
    "botocore": ("bot/anchoring/places.py", "gateway/sinks/cloudwatch.py"),
    "click": ("commands/grammar/*",),
    "cryptography": (
        "bot/platforms/slack/sealing.py",
        "bot/anchoring/signing.py",
        "bot/adapters/kubernetes/certificates.py",
        "bot/alerts/kinds/cloudwatch.py",
        "gateway/auth/keys.py",
        "gateway/listening/certificates.py",
    ),
    "dbos": ("bot/engine/durable.py",),
    "fastapi": ("bot/app.py", "bot/platforms/console/*", "bot/demo/upstream.py", "gateway/admin/*"),
    "fpdf": ("bot/exporting/pdf.py",),
    "h2": ("gateway/proxy/upstream_http2.py",),
    "hpack": ("gateway/proxy/http2_frames.py",),
    "httptools": ("gateway/proxy/*",),
    "httpx": (
        "bot/adapters/*",
        "bot/demo/*",
        "bot/alerts/kinds/cloudwatch.py",
        "gateway/auth/jwks.py",
        "gateway/supervisor/health_checks.py",
        "gateway/sinks/posting.py",
    ),
    "icalendar": ("commands/presentation/calendar.py",),
    "httpx2": ("bot/adapters/pagerduty.py",),  # which the client of PagerDuty asks with
    "itsdangerous": ("bot/platforms/console/sessions.py",),
    "jmespath": ("bot/alerts/kinds/generic.py",),
    "jinja2": ("templates/render.py", "bot/platforms/console/rendering.py"),
    "jwt": ("gateway/auth/*",),
    "hiredis": ("gateway/limits/*",),
    "kubernetes": ("bot/adapters/kubernetes/*",),
    "markdown_it": ("bot/platforms/console/rendering.py", "bot/exporting/*"),
    "markupsafe": ("bot/platforms/console/rendering.py", "bot/platforms/console/drawings.py"),
    "matplotlib": ("bot/charts.py", "bot/exporting/pdf.py"),
    "nh3": ("bot/exporting/html.py",),
    "opentelemetry": ("gateway/tracing/*",),
    "pagerduty": ("bot/adapters/pagerduty.py",),
    "prometheus_client": ("gateway/telemetry/exposition.py",),
    "proxyprotocol": ("gateway/listening/proxy_protocol.py",),
    "psutil": ("gateway/supervisor/*", "bot/demo/*"),
    "pydantic": ("bot/*", "commands/*", "gateway/*"),
    "pydantic_settings": ("bot/settings.py",),
    "pymsteams": ("bot/adapters/stakeholders/teams.py",),
    "pysnc": ("bot/adapters/tickets/servicenow.py",),
    "redis": (
        "gateway/redis_client.py",
        "gateway/limits/*",
        "gateway/auth/sessions.py",
        "gateway/supervisor/shared_revocations.py",
    ),
    # what the clients of Teams, of ticket systems and of Confluence ask with, and whose errors they raise
    "requests": (
        "bot/adapters/confluence.py",
        "bot/adapters/stakeholders/teams.py",
        "bot/adapters/tickets/session.py",
        "gateway/tracing/export.py",  # which the exporter of OpenTelemetry asks with
    ),
    "slack_bolt": ("bot/platforms/slack/*",),
    "slack_sdk": ("bot/platforms/slack/*",),
    "sqlalchemy": ("bot/store/*", "bot/engine/durable.py", "bot/keeper.py", "bot/anchoring/*"),
    "starlette": (
        "bot/platforms/console/*",
        "bot/platforms/slack/signed_http.py",
        "bot/alerts/receiving.py",
        "gateway/admin/*",
    ),
    "tenacity": ("bot/store/database.py",),
    "typer": ("bot/cli.py", "gateway/cli.py"),
    "urllib3": ("bot/adapters/kubernetes/wire.py",),  # whose errors the client of Kubernetes raises
    "uvicorn": (
        "bot/platforms/console/server.py",
        "bot/platforms/slack/signed_http.py",
        "bot/demo/upstream.py",
        "gateway/admin/server.py",
    ),
    "uvloop": ("bot/cli.py", "gateway/cli.py", "gateway/worker.py"),
    "yaml": (
        "bot/drills.py",
        "bot/policy_file.py",
        "bot/settings.py",
        "bot/adapters/*",
        "bot/demo/*",
        "bot/platforms/slack/manifest.py",
        "gateway/cli.py",
        "gateway/config_file.py",
    ),
    "zstandard": ("gateway/policies/encoding.py",),
}


def test_no_module_is_long() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*_WRITTEN)}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [named(path) for path in sources(*_WRITTEN) if later.search(path.read_text(encoding="utf-8"))] == []


def test_names_are_of_the_field() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "managers", "data", "misc"}
    bad = [named(path) for path in sources("*.py") if empty & set(path.stem.split("_")) or path.parent.name in empty]
    assert not bad


def test_classes_are_no_managers() -> None:
    found = [
        f"{named(path)}: {node.name}"
        for path in sources("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name)
    ]
    assert not found


def test_each_module_says_what_it_is() -> None:
    texts = {named(path): path.read_text(encoding="utf-8") for path in sources("*.py")}
    assert [path for path, text in texts.items() if text.strip() and not ast.get_docstring(ast.parse(text))] == []


def _outside(path: Path) -> set[str]:
    """The top names of the packages from outside that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - set(ROOMS)


def test_packages_from_outside_stay_where_they_belong() -> None:
    strays = {named(path): _strays(path) for path in sources("*.py")}
    found = {path: names for path, names in strays.items() if names}
    assert found == {}, "a new home for a package is a decision: add it to ALLOWED"


def _strays(path: Path) -> list[str]:
    return [name for name in _outside(path) if not any(fnmatch(named(path), where) for where in ALLOWED.get(name, ()))]


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=named)
def test_requirements_are_locked_and_name_no_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9][\w.-]*==\S+.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(pinned) > 20
    assert all("--hash=sha256:" in one for one in pinned)
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)


def test_what_is_required_at_run_time_is_locked_alike_for_development() -> None:
    runtime, dev = (
        dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("runtime.txt", "dev.txt")
    )
    assert {name: version for name, version in dev.items() if name in runtime and runtime[name] != version} == {}


def test_import_contracts_cover_every_room() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert set(contracts["root_packages"]) == set(ROOMS)
    sources_named = {name.split(".")[0] for one in contracts["contracts"] for name in one.get("source_modules", ())}
    assert sources_named == set(ROOMS)


def test_what_tests_share_is_in_no_module_of_tests() -> None:
    taken = re.compile(r"^(?:from|import) tests\.[\w.]*\btest_\w+", re.MULTILINE)
    found = {
        str(one.relative_to(ROOT)): taken.findall(one.read_text("utf-8")) for one in (ROOT / "tests").rglob("*.py")
    }
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="this is no checkout of git")
def test_no_link_leads_to_a_place_of_one_machine() -> None:
    kept = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    links = [line.partition("\t")[2] for line in kept.splitlines() if line.startswith("120000")]
    assert [link for link in links if (ROOT / link).readlink().is_absolute()] == []
