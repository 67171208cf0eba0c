"""Changes of the gateway's template in a cluster, from the line to the read-back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenario.clusters import Site, site
from tests.scenario.stage import golden, transcript


@pytest.fixture(scope="module")
def nothing() -> None: ...


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with site(sqlite_url, tmp_path) as one:
        yield one


@transcript("/gw image", "/gw rollback")
async def test_an_image(here: Site) -> None:
    assert await here.planned("/gw image 1.4.3") == golden("")
