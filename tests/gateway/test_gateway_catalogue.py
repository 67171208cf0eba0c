"""Every endpoint, figure, metric, alert, key, switch, field and word of the catalogue is there, and tested by name."""

from __future__ import annotations

import re
from functools import cache

import pytest

from gateway.telemetry.exposition import Moment, exposition
from gateway.telemetry.ledger import Ledger
from tests.architecture.reading import ROOT
from tests.gateway import catalogue_names as names

CATALOGUE = ROOT.parent / "shared" / "spec" / "gateway-catalogue.md"
NEEDS_CATALOGUE = pytest.mark.skipif(not CATALOGUE.exists(), reason="the catalogue is not beside the project")
#: Where a name in braces stands for a value, tests have the value.
_FILLED_IN = {
    "/api/token/{id}": "/api/token/", "/api/clients/{id}/reset-secret": "/reset-secret",
    "SLACK_WEBHOOK_URL": "alertmanager.yaml", "PAGERDUTY_SERVICE_KEY": "alertmanager.yaml",
}  # fmt: skip
EVERY = (
    *names.ENDPOINTS, *names.FIGURES, *names.METRICS, *names.ALERTS, *names.KEYS, *names.ENVIRONMENT, *names.FIELDS,
    *names.WORDS,
)  # fmt: skip


@cache
def _tests() -> str:
    """All modules of the gateway's tests but this one."""
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "tests" / "gateway").rglob("test_*.py"))
        if path.name != "test_gateway_catalogue.py"
    )


@cache
def _product() -> str:
    """What operators get: programs, settings, pages and rules."""
    folders = (("gateway", "*.py"), ("docs/gateway", "*.md"), ("config", "*.yaml"), ("deploy", "*.yaml"))
    files = [path for folder, pattern in folders for path in sorted((ROOT / folder).rglob(pattern))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.name != "runbook-coverage.md")


def _is_in(name: str, text: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?:_count|_sum|_bucket)?(?![A-Za-z0-9_])", text) is not None


def test_each_is_named_by_a_test() -> None:
    assert [name for name in EVERY if not _is_in(_FILLED_IN.get(name, name).rstrip("/"), _tests())] == []


def test_each_is_there() -> None:
    shown = {
        "http_request_duration_seconds_bucket": "http_request_duration_seconds",
        "SLACK_WEBHOOK_URL": "slack-webhook-url", "PAGERDUTY_SERVICE_KEY": "pagerduty-service-key",
    }  # fmt: skip
    assert [name for name in EVERY if not _is_in(shown.get(name, name), _product())] == []


def test_metrics_have_these_names() -> None:
    page = exposition(Ledger(100), Moment(2.0, 1.0, "v", 1, 1))
    families = set(re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE))
    assert {name.removesuffix("_bucket") for name in names.METRICS} <= families


@NEEDS_CATALOGUE
def test_nothing_of_the_catalogue_is_left_out() -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    own, metrics = sections["Own endpoints"], sections["Metrics of the gateway"].partition("Outside it")[0]
    assert set(re.findall(r"`(/[\w/{}-]+)`", own)) == set(names.ENDPOINTS)
    assert set(re.findall(r"`([a-z]+[_0-9][a-z_0-9]+)`", own)) - {"metrics_port"} <= set(names.FIGURES)
    for written in re.findall(r"`([a-z_]+(?:[{}a-z_,]*))`", metrics):
        for name, labels in _spread(written):
            assert name in names.METRICS, name
            assert set(names.METRICS[name]) == labels, name
    rules = next(body for title, body in sections.items() if title.startswith("Alert rules"))
    assert set(re.findall(r"\b([A-Z]\w*[a-z][A-Z]\w*)\b", rules.partition("Alertmanager")[0])) == set(names.ALERTS)
    keys = re.findall(r"\b([a-zA-Z]+_[a-zA-Z_]+|[a-z]+[A-Z]\w+)\b", sections["Config keys"])
    assert {key for key in keys if not key.isupper()} - {"instance_id"} == set(names.KEYS)
    switches = {key for key in keys if key.isupper()} - {"AWS_"}
    assert switches == set(names.ENVIRONMENT)
    fields = re.findall(r"\b[a-z_]+\b", re.sub(r"\(ms\)", "", sections["Logs"].partition("- Literal")[0]))
    assert set(fields) == set(names.FIELDS)


def _spread(written: str) -> list[tuple[str, set[str]]]:
    """`a_{b,c}{label}` as names with their labels."""
    found = re.fullmatch(r"([a-z_]*?_)\{([a-z,]+)\}([a-z_]*)(?:\{([a-z_,]+)\})?", written)
    if found is not None:
        first, inner, rest, labels = found.groups()
        return [(first + one + rest, set((labels or "").split(",")) - {""}) for one in inner.split(",")]
    name, _, labels = written.rstrip("}").partition("{")
    return [(name, set(labels.split(",")) - {""})]
