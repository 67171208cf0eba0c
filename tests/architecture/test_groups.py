"""What tests share is made once: the scheduler of a parallel run knows their groups."""

from __future__ import annotations

import pytest


def test_the_names_of_grouped_tests_tell_their_group_to_the_scheduler(request: pytest.FixtureRequest) -> None:
    """xdist reads it there and nowhere else, and says nothing where it is missing."""
    is_parallel = getattr(request.config.option, "loadgroup", False)
    for item in request.session.items:
        group = item.get_closest_marker("xdist_group")
        assert item.nodeid.endswith(f"@{group.args[0]}" if group and is_parallel else item.name)


@pytest.mark.xdist_group("named")
@pytest.mark.parametrize("said", ["plain", "ana@example.com"])
def test_a_group_is_told_once_whatever_a_test_is_called(request: pytest.FixtureRequest, said: str) -> None:
    is_parallel = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.partition("]")[2] == ("@named" if is_parallel else "")
