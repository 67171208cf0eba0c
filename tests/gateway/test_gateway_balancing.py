"""Which target gets a request, who is left out, and how many may be retried: the rules by themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstreams.balancing import ConsistentHash, LeastConnections, RoundRobin
from gateway.upstreams.budget import RetryBudget
from gateway.upstreams.health import HealthBook, OutlierDetection, TargetHealth
from gateway.upstreams.settings import OutlierDetectionSettings, RetrySettings, UpstreamSettings


@dataclass(eq=False)
class Place:
    name: str
    weight: int = 1
    in_flight: int = 0


WEIGHTS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(WEIGHTS)
def test_round_robin_gives_each_its_share_and_mixes_them_evenly(weights: list[int]) -> None:
    places = [Place(str(number), weight) for number, weight in enumerate(weights)]
    balancer: RoundRobin[Place] = RoundRobin()
    balancer.use(places, places)
    whole = sum(weights)
    turns = [balancer.choose(None) for _ in range(3 * whole)]
    assert Counter(turns) == {place: 3 * place.weight for place in places}
    for start in range(whole):
        window = turns[start : start + whole // 2]
        for place in places:
            due = place.weight * len(window) / whole
            assert abs(window.count(place) - due) <= len(places), "nobody has all of its turns in a row"


def test_round_robin_knows_great_weights_to_a_tenth_of_a_percent() -> None:
    places = [Place("stable", 1000), Place("canary", 10), Place("other", 990)]
    balancer: RoundRobin[Place] = RoundRobin()
    balancer.use(places, places)
    found = Counter(place.name for place in (balancer.choose(None) for _ in range(20_000)) if place)
    assert found["canary"] == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize("balancer", [RoundRobin[Place](), LeastConnections[Place](), ConsistentHash[Place]()])
def test_who_was_tried_is_not_chosen_again_and_in_the_end_nobody_is_left(
    balancer: RoundRobin[Place] | LeastConnections[Place] | ConsistentHash[Place],
) -> None:
    assert balancer.choose(b"key") is None
    places = [Place("a", 5), Place("b"), Place("c")]
    balancer.use(places, places)
    for _ in range(20):
        first = balancer.choose(b"key")
        assert first is not None
        second = balancer.choose(b"key", (first,))
        assert second is not None
        third = balancer.choose(b"key", (first, second))
        assert {first, second, third} == set(places)
    assert balancer.choose(b"key", places) is None


def test_least_connections_counts_what_is_under_way_by_weight() -> None:
    places = [Place("a", 1, 3), Place("b", 4, 8), Place("c", 1, 4)]
    balancer: LeastConnections[Place] = LeastConnections()
    balancer.use(places, places)
    chosen = []
    for _ in range(8):
        place = balancer.choose(None)
        assert place is not None
        place.in_flight += 1
        chosen.append(place.name)
    assert Counter(chosen) == {"b": 7, "a": 1}
    equal = [Place("a"), Place("b"), Place("c")]
    balancer.use(equal, equal)
    assert {balancer.choose(None) for _ in range(3)} == set(equal), "among equals one after the other"


def test_a_consistent_hash_moves_only_what_has_to_move() -> None:
    places = [Place("a", 1), Place("b", 1), Place("c", 2)]
    balancer, twin = ConsistentHash[Place](), ConsistentHash[Place]()
    balancer.use(places, places)
    twin.use(places[::-1], places[::-1])
    keys = [b"client-%d" % number for number in range(2000)]
    before = {key: balancer.choose(key) for key in keys}
    assert before == {key: twin.choose(key) for key in keys}, "every worker chooses the same"
    share = Counter(place.name for place in before.values() if place)
    assert 700 < share["c"] < 1300
    assert min(share["a"], share["b"]) > 250
    balancer.use([places[0], places[2]], places)
    after = {key: balancer.choose(key) for key in keys}
    assert all(after[key] == place for key, place in before.items() if place is not places[1])
    assert {after[key] for key, place in before.items() if place is places[1]} == {places[0], places[2]}
    balancer.use(places, places)
    assert before == {key: balancer.choose(key) for key in keys}, "and back"
    assert {balancer.choose(None) for _ in range(200)} == set(places), "without a key anybody"


OUTLIERS = OutlierDetectionSettings(
    consecutive_failures=3, base_ejection_secs=10, max_ejection_secs=35, max_ejected_percent=50
)


def failing(detection: OutlierDetection, health: TargetHealth, now: float) -> bool:
    """Whether three failures in a row put it out."""
    outcomes = []
    for _ in range(3):
        health.failures += 1
        outcomes.append(detection.ejects(health, now))
    assert outcomes[:2] == [False, False]
    return outcomes[2]


def test_who_fails_again_is_left_out_for_longer_and_good_service_makes_up_for_it() -> None:
    healths = [TargetHealth(), TargetHealth()]
    detection, ill = OutlierDetection(OUTLIERS, healths), healths[0]
    now, lasted = 100.0, []
    for _ in range(5):
        assert failing(detection, ill, now)
        assert (ill.is_well(now), ill.why(now), ill.changes_at(now)) == (False, "ejected", ill.ejected_until)
        lasted.append(ill.ejected_until - now)
        now = ill.ejected_until
        assert (ill.is_well(now), ill.why(now)) == (True, None)
    assert lasted == [10, 20, 30, 35, 35]
    now += 1000
    assert failing(detection, ill, now)
    assert ill.ejected_until - now == 10


def test_never_more_than_the_share_is_left_out() -> None:
    healths = [TargetHealth() for _ in range(5)]
    detection = OutlierDetection(OUTLIERS, healths)
    assert [failing(detection, health, 1.0) for health in healths[:2]] == [True, True]
    assert not failing(detection, healths[2], 1.0), "three of five would be more than half"
    healths[2].failures += 1
    assert detection.ejects(healths[2], 12.0), "until the others are back"


def test_what_checks_say_counts_and_recovery_makes_it_be_tried_at_once() -> None:
    book = HealthBook()
    health = book.of("service", "10.0.0.1:80")
    assert book.of("service", "10.0.0.1:80") is health
    health.told(well=False, now=5.0)
    health.lost(5.0)
    assert (health.is_well(5.0), health.why(5.0)) == (False, "unhealthy")
    health.told(well=True, now=6.0)
    assert (health.why(6.0), health.try_at) == ("unreachable", 6.0)
    health.found()
    assert health.is_well(6.0)


def test_pauses_between_tries_grow_up_to_a_bound() -> None:
    health, pauses = TargetHealth(), []
    for _ in range(6):
        health.lost(0.0)
        pauses.append(health.try_at)
    assert pauses == [1, 2, 4, 8, 10, 10]


def test_retries_are_a_share_of_the_requests_of_late() -> None:
    budget = RetryBudget(RetrySettings(budget_percent=20, budget_min_per_sec=0.1), 100.0)
    budget.asked = 50
    assert [budget.spend(105.0) for _ in range(12)] == [True] * 11 + [False]
    assert not budget.spend(112.0), "what was spent before the last turn counts on"
    assert budget.spend(125.0), "until it is long ago"
    assert not RetryBudget(RetrySettings(budget_percent=0, budget_min_per_sec=0), 0.0).spend(1.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"targets": [{"address": "10.0.0.1"}]}, "must be host:port"),
        ({"targets": [{"address": "10.0.0.1:0"}]}, "must be host:port"),
        ({"targets": [{"address": "a:1", "id": "x"}, {"address": "b:1", "id": "x"}]}, "repeated: x"),
        ({"targets": [{"address": "a:1", "id": "x"}, {"address": "a:1", "id": "y"}]}, "repeated: a:1"),
        ({"targets": [{"address": "a:1", "weight": 0}]}, "a weight above 0"),
        ({"targets": [{"address": "a:1", "zone": "no zone"}]}, "64 letters"),
        ({"load_balancing": {"hash_on": "query:x"}}, "client_ip, header:NAME or cookie:NAME"),
        ({"load_balancing": {"algorithm": "random"}}, "round_robin"),
        ({"health_check": {"expected_statuses": ["2xx"]}}, "statuses or ranges"),
        ({"health_check": {"path": "health"}}, "starts with /"),
        ({"retry": {"statuses": [404]}}, "greater than or equal to 500"),
        ({"tls": {"ca_path": "/nowhere/ca.pem"}}, "cannot be read as PEM"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_allowed(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        UpstreamSettings.model_validate({"id": "service", "base_url": "http://service.example", **wrong})


def test_a_check_expects_the_statuses_that_it_names() -> None:
    section = {"health_check": {"expected_statuses": [204, "300-302"]}}
    settings = UpstreamSettings.model_validate({"id": "s", "base_url": "http://s", **section})
    assert settings.health_check is not None
    statuses = [status for status in range(200, 400) if settings.health_check.expects(status)]
    assert statuses == [204, 300, 301, 302]
