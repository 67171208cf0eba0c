"""Ids of upstreams are parts of paths of the admin API: none hides what is there already."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway import config_file
from tests.gateway.running import settings_for


def test_an_upstream_is_not_called_as_what_the_admin_api_has_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    document = settings_for("http://a", upstream={"id": "overrides"})
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(
        config_file.ConfigError, match=r"upstreams\.0\.id: .*/admin/upstreams/overrides; choose another"
    ):
        config_file.load(path, {})
