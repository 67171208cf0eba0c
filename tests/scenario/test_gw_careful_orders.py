"""Orders that can do more harm than their kind mostly does need a second person, as mitigation.md says."""

from __future__ import annotations

import pytest
import yaml

from tests.scenario.steering import Steered, timeless

SECOND = "Needs 1 more approval"


def deny(here: Steered, *networks: str) -> int:
    """Somebody shuts networks out by the file; the number of the configuration before."""
    before = here.ask("/admin/config")["number"]
    document = yaml.safe_load(here.process.config_path.read_text())
    document["ip_filter"] = {"deny": list(networks)}
    here.process.config_path.write_text(yaml.safe_dump(document))
    here.process.admin.post("/admin/config/reload", json={"actor": "zoe"}).raise_for_status()
    return int(before)


async def test_a_way_back_that_lets_somebody_in_needs_a_second_person_and_so_does_its_undo(here: Steered) -> None:
    first = deny(here, "192.0.2.0/24")
    said = timeless(await here.says(f"/gw config rollback {first}"))
    assert "Dangerous. Type the name of the target to confirm it" in said
    assert "Careful: it changes who is let in: ip_filter.deny" in said
    assert SECOND in said
    await here.says("/deny")
    shown = await here.agreed(f"/gw config rollback {first}")
    assert shown.startswith("Done")
    assert here.ask("/admin/config")["config"]["ip_filter"]["deny"] == []
    assert SECOND in await here.says("/gw undo")
    await here.says("/deny")


async def test_any_other_way_back_needs_none(here: Steered) -> None:
    first = here.ask("/admin/config")["number"]
    document = yaml.safe_load(here.process.config_path.read_text())
    document["logging"] = {"slow_request_ms": 60}
    here.process.config_path.write_text(yaml.safe_dump(document))
    here.process.admin.post("/admin/config/reload", json={"actor": "zoe"}).raise_for_status()
    said = await here.says(f"/gw config rollback {first}")
    assert SECOND not in said
    assert "Dangerous" not in said


@pytest.mark.parametrize(
    ("typed", "whose"),
    [
        ("prefix http://shop.test/", "shop.test"),
        ("prefix https://shop.test:8443/ --soft", "shop.test:8443"),
        ("prefix / --soft", "all hosts"),
    ],
)
async def test_the_whole_cache_of_a_host_needs_a_second_person(here: Steered, typed: str, whose: str) -> None:
    here.get("/users/1")
    said = await here.says(f"/gw purge {typed}")
    assert f"Careful: that is everything of {whose}" in said
    assert SECOND in said
    await here.says("/deny")


@pytest.mark.parametrize("typed", ["prefix http://shop.test/users", "prefix /users", "url http://shop.test/", "url /"])
async def test_a_part_of_it_needs_none(here: Steered, typed: str) -> None:
    here.get("/users/1")
    said = await here.says(f"/gw purge {typed}")
    assert said.startswith("Have gateway forget what it has cached of the ")
    assert SECOND not in said
    await here.says("/deny")
