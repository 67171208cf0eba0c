"""One gateway and one upstream for the tests of a module; tests that change a gateway start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.configuring import Stand
from tests.gateway.running import RunningGateway, running, settings_for
from tests.gateway.upstream import ControlledUpstream


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[ControlledUpstream]:
    with ControlledUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shared(shared_upstream: ControlledUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway with one worker and short timeouts; do not scale, restart or harm it."""
    document = settings_for(
        shared_upstream.url,
        server={
            "header_timeout_secs": 1,
            "connection_timeout_secs": 2,
            "request_timeout_secs": 3,
            "max_header_bytes": 8192,
            "max_target_bytes": 2048,
            "max_body_bytes": 120_000_000,
            "trusted_proxies": [],
        },
        upstream={"timeout_secs": 1.5, "connect_timeout_secs": 0.5},
    )
    document["upstreams"].append({"id": "dead", "base_url": "http://127.0.0.1:1"})
    document["routes"].append({"id": "dead", "path": "/dead", "upstream_id": "dead"})
    with running(document, tmp_path_factory.mktemp("shared")) as gateway:
        yield gateway


@pytest.fixture
def upstream() -> Iterator[ControlledUpstream]:
    with ControlledUpstream() as own:
        yield own


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)
