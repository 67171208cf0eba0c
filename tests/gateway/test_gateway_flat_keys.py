"""Keys of a mounted ConfigMap, one file each (runbooks 000 and 003), and the schema that editors check by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway import config_file
from gateway.flat_keys import FLAT_KEYS
from gateway.schema import config_schema
from tests.gateway.running import ROOT, settings_for

#: What the runbooks patch, and what comes of it.
RUNBOOKS: dict[str, tuple[str, str, Any]] = {
    "max_connections": ("50", "upstreams.pool_max_idle_per_host", 50),
    "maxConnections": ("500\n", "server.max_connections", 500),
    "connectionTimeout": ("2500ms", "upstreams.connect_timeout_secs", 2.5),
    "connectionIdleTimeout": ("1m", "upstreams.pool_idle_timeout_secs", 60),
    "threadPoolSize": ("4", "workers.count", 4),
    "maxConcurrency": ("200", "concurrency.max_concurrency", 200),
    "queueSize": ("1000", "concurrency.queue_size", 1000),
    "cacheEnabled": ("true", "cache.enabled", True),
    "cacheSize": ("64MB", "cache.cache_size", 67_108_864),
    "cacheTTL": ("90", "cache.default_ttl", 90),
    "cache_size": ("2000000", "cache.cache_size", 2_000_000),
    "default_ttl": ("15m", "cache.default_ttl", 900),
    "compression": ("true", "compression.enabled", True),
}


def mounted(directory: Path, **files: str) -> Path:
    """As `kubectl patch configmap` leaves it: each key of its data is a file."""
    (directory / "gateway.yaml").write_text(yaml.safe_dump(settings_for("http://a")))
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_flat_key_stands_above_the_file(tmp_path: Path, name: str) -> None:
    text, key, expected = RUNBOOKS[name]
    found: Any = config_file.masked(config_file.load(mounted(tmp_path, **{name: text}), {}))
    for part in key.split("."):
        found = found[part]
        found = found[0] if isinstance(found, list) else found
    assert found == expected


def test_each_has_a_test_and_others_mean_nothing(tmp_path: Path) -> None:
    assert RUNBOOKS.keys() == FLAT_KEYS.keys()
    settings = config_file.load(mounted(tmp_path, notes="x", port="1"), {})
    assert settings == config_file.load(tmp_path / "gateway.yaml", {})


def test_a_value_that_means_nothing_is_refused_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(config_file.ConfigError, match=r"concurrency\.queue_size: 'many' is not allowed"):
        config_file.load(mounted(tmp_path, queueSize="many"), {})
    (tmp_path / "queueSize").write_bytes(b"\xff\xfe")
    with pytest.raises(config_file.ConfigError, match="queueSize: cannot be read"):
        config_file.load(tmp_path, {})
    with pytest.raises(config_file.ConfigError, match=r"gateway\.yaml: no such file"):
        config_file.load(tmp_path / "..", {})


# The schema.


def problems(document: dict[str, Any]) -> list[str]:
    found = Draft202012Validator(config_schema()).iter_errors(document)
    return sorted(".".join(str(part) for part in error.absolute_path) for error in found)


def test_the_schema_accepts_the_example_and_what_runbooks_write() -> None:
    Draft202012Validator.check_schema(config_schema())
    example = yaml.safe_load((ROOT / "config" / "gateway.yaml").read_text())
    assert problems(example) == []
    limit = {"limit": 1000, "window_secs": 3600, "algorithm": "token_bucket", "key_type": "ip"}
    example["rate_limiting"]["default_limit"] = limit
    example["critical_metrics"]["p95_latency"]["threshold"] = "10ms"
    assert problems(example) == []


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("server", {"prot": 1}),
        ("server.backlog", {"backlog": "many"}),
        ("server.port", {"port": 70_000}),
        ("logging.format", {"format": "xml"}),
    ],
)
def test_the_schema_says_where_something_is_wrong(section: str, wrong: dict[str, Any]) -> None:
    document = settings_for("http://a")
    document[section.partition(".")[0]] = wrong
    assert problems(document) == [section]
