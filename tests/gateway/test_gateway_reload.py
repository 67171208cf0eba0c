"""Another configuration while requests are served: what a worker keeps, what it does anew, and that nobody notices."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.auth.authentication import Authentication
from gateway.auth.credentials import NotBelieved
from gateway.auth.settings import AuthSettings
from gateway.limits.limiter import RateLimiter
from gateway.settings import Settings
from gateway.supervisor.listeners import Listeners
from gateway.supervisor.process import WorkerProcess
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.rollout import Rollout
from gateway.telemetry.tally import Tally
from tests.gateway.one_worker import NOTHING_REVOKED, OneWorker, for_worker, one_worker
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, ec_key, jwk, token
from tests.gateway.stage import Caller, staged, until
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.valkey import valkey

ECHOED = "/echo"


async def statuses(caller: Caller, count: int, target: str = ECHOED, **headers: str) -> list[int]:
    return [(await caller.get(target, **headers)).status for _ in range(count)]


async def test_requests_end_on_the_configuration_that_they_began_with(
    shared_upstream: ControlledUpstream, upstream: ControlledUpstream
) -> None:
    async with (
        one_worker(settings_for(shared_upstream.url)) as worker,
        worker.caller() as held,
        worker.caller() as idle,
    ):
        assert await statuses(idle, 1) == [200]
        shared_upstream.release.clear()
        held.send("GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n")
        await until(lambda: shared_upstream.seen["waiting"], "the upstream has it")
        elsewhere = settings_for(upstream.url)
        elsewhere["routes"] = [{"id": "other", "path": "/", "upstream_id": "backend"}]
        await worker.reload(elsewhere)
        assert await statuses(idle, 1) == [200]
        assert len(upstream.requests) == 1, "the connection has stayed, and goes elsewhere"
        shared_upstream.release.set()
        answer = await held.answer()
        assert (answer.status, answer.json()["target"]) == (200, "/deaf")
        assert await statuses(held, 1) == [200]
        assert len(upstream.requests) == 2, "its next request goes by the new one"
        report = await worker.report()
        assert (report["config"], report["in_flight"]) == (2, 0)
        assert await worker.requests() == 4


async def test_upstreams_that_are_unchanged_keep_their_connections_and_others_do_not(
    shared_upstream: ControlledUpstream,
) -> None:
    document = settings_for(shared_upstream.url, upstream={"pool_idle_timeout_secs": 600})
    async with one_worker(document) as worker, worker.caller() as caller:

        async def connection() -> int:
            number: int = (await caller.get(ECHOED)).json()["connection"]
            return number

        first = await connection()
        await worker.reload({**document, "server": {"request_timeout_secs": 29}})
        assert await connection() == first
        document["upstreams"][0]["timeout_secs"] = 7
        await worker.reload(document, 3)
        assert await connection() != first
        report = await worker.report()
        assert [one[:2] for one in report["targets"]["backend"].values()] == [[0, 1]]
        assert await worker.uses() == [2, 1], "those of the former pool are counted, too"


async def test_a_circuit_breaker_keeps_what_it_knows_and_what_was_ordered(shared_upstream: ControlledUpstream) -> None:
    breaker = {"enabled": True, "failure_threshold": 2, "timeout_secs": 600}
    document = settings_for(shared_upstream.url, circuit_breaker=breaker)
    async with one_worker(document) as worker, worker.caller() as caller:
        assert await statuses(caller, 2, "/status-500") == [500, 500]
        assert await statuses(caller, 1) == [503]
        document["circuit_breaker"]["failure_threshold"] = 9
        document["upstreams"][0]["timeout_secs"] = 7
        await worker.reload(document)
        assert await statuses(caller, 1) == [503], "it is open"
        worker.tell("circuits", orders={"backend": [["closed", 4e9]]})
        assert await statuses(caller, 1) == [200]
        await worker.reload({**document, "server": {"request_timeout_secs": 29}}, 3)
        assert await statuses(caller, 1) == [200], "it is forced closed"
        worker.tell("circuits", orders={})
        assert await statuses(caller, 1) == [503], "and its own one is still open"
        document["upstreams"][0]["base_url"] = "http://127.0.0.1:1"
        await worker.reload(document, 4)
        assert await statuses(caller, 1) == [502], "of another place it knows nothing"


async def test_rate_limits_go_on_counting(shared_upstream: ControlledUpstream) -> None:
    limit = {"limit": 3, "window_secs": 1000, "algorithm": "fixed_window"}
    document = settings_for(shared_upstream.url, rate_limiting={"default_limit": limit})
    async with one_worker(document) as worker, worker.caller() as caller:
        assert await statuses(caller, 2) == [200, 200]
        document["upstreams"][0]["timeout_secs"] = 7
        await worker.reload(document)
        assert await statuses(caller, 2) == [200, 429]
        document["rate_limiting"]["default_limit"] = {**limit, "limit": 5}
        await worker.reload(document, 3)
        assert await statuses(caller, 1) == [200], "another limit begins anew"


async def test_authentication_is_made_anew_and_revocations_hold(shared_upstream: ControlledUpstream) -> None:
    def guarded(**auth: Any) -> dict[str, Any]:
        document = settings_for(shared_upstream.url, auth={"jwt_secret": SECRET, **auth})
        document["routes"][0]["auth_required"] = True
        return document

    good, revoked = {"authorization": f"Bearer {token()}"}, {"authorization": f"Bearer {token(jti='leaked')}"}
    async with one_worker(settings_for(shared_upstream.url)) as worker, worker.caller() as caller:
        assert await statuses(caller, 1) == [200]
        await worker.reload(guarded())
        assert await statuses(caller, 1) == [401]
        assert await statuses(caller, 1, **good) == [200]
        assert await statuses(caller, 1, **revoked) == [200]
        described = await worker.ask("token", name=revoked["authorization"].removeprefix("Bearer "))
        assert await worker.ask("prepare", **for_worker(guarded(leeway_secs=1), 3)) == {"number": 3, "error": None}
        told = {**NOTHING_REVOKED, "tokens": {described["id"]: 4e9}, "resets": None}
        assert await worker.ask("revocations", **told) is True
        assert await worker.ask("commit", number=3) == {"number": 3}
        assert await statuses(caller, 1, **revoked) == [401], "it came between the two"
        known = {**NOTHING_REVOKED, "tokens": {described["id"]: 4e9}}
        assert await worker.ask("prepare", **for_worker(guarded(leeway_secs=2), 4, known)) == {
            "number": 4,
            "error": None,
        }
        await worker.ask("commit", number=4)
        assert await statuses(caller, 1, **revoked) == [401], "the whole is told anew"
        assert await statuses(caller, 1, **good) == [200]
        await worker.reload(guarded(jwt_secret="another" * 8), 5)
        assert await statuses(caller, 1, **good) == [401]


async def test_a_request_that_arrives_is_held_to_the_limits_of_its_time(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    async with one_worker(document) as worker, worker.caller() as caller, worker.caller() as idle:
        caller.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n" + "x" * 1000)
        await until(lambda: shared_upstream.seen["body_bytes"] >= 1000, "the first half has arrived")
        assert await statuses(idle, 1) == [200]
        await worker.reload({**document, "server": {"max_body_bytes": 100}})
        caller.send("x" * 1000)
        answer = await caller.answer()
        assert (answer.status, answer.json()["body_size"]) == (200, 2000)
        for one in (caller, idle):
            one.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n" + "x" * 200)
            assert (await one.answer()).status == 413


async def test_whom_is_believed_changes_for_connections_that_are_there(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, server={"trusted_proxies": ["127.0.0.0/8"]})

    async def seen(caller: Caller) -> list[str]:
        headers = (await caller.get(ECHOED, x_forwarded_for="192.0.2.1")).json()["headers"]
        return [value for name, value in headers if name == "x-forwarded-for"]

    async with one_worker(document) as worker, worker.caller() as caller:
        assert await seen(caller) == ["192.0.2.1, 127.0.0.1"]
        await worker.reload({**document, "server": {"trusted_proxies": []}})
        assert await seen(caller) == ["127.0.0.1"]


async def test_faults_go_on_and_health_says_which_configuration_it_is(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    fault = {"id": "f", "route": "*", "latency_ms": 0, "error_rate": 1, "status": 503, "expires_at": 4e9}
    async with one_worker(document) as worker, worker.caller() as caller:
        worker.tell("faults", faults=[fault])
        await worker.report()
        await worker.reload({**document, "server": {"request_timeout_secs": 29}})
        assert await statuses(caller, 1) == [503]
        assert (await caller.get("/health")).json()["config"] == {"number": 2, "version": "v2"}
        worker.tell("config_refused", at="2026-01-01T00:00:00Z")
        await worker.report()
        assert (await caller.get("/health")).json()["config"]["refused_at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("name", ["prepare", "commit"])
async def test_what_a_worker_cannot_go_by_it_refuses_and_goes_on(
    shared_upstream: ControlledUpstream, name: str
) -> None:
    document = settings_for(shared_upstream.url)
    async with one_worker(document) as worker, worker.caller() as caller:
        if name == "prepare":
            broken = for_worker(document, 2)
            broken["settings"]["routes"] = []
            broken["settings"]["server"] = {"prot": 1}
            answer = await worker.ask("prepare", **broken)
            assert "prot" in answer["error"]
        assert await worker.ask("commit", number=2) == {"number": 1}, "there is nothing to go by"
        assert await statuses(caller, 1) == [200]


async def test_what_was_prepared_and_is_not_used_leaves_nothing_behind(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, rate_limiting={"default_limit": {"limit": 2, "window_secs": 1000}})
    async with one_worker(document) as worker, worker.caller() as caller:
        other: dict[str, Any] = {**document, "server": {"request_timeout_secs": 29}}
        for number in (2, 3):
            assert (await worker.ask("prepare", **for_worker(other, number)))["error"] is None
        worker.tell("discard")
        assert await worker.ask("commit", number=3) == {"number": 1}
        assert await statuses(caller, 3) == [200, 200, 429]
        await worker.reload(other, 4)
        assert await statuses(caller, 1) == [429]


async def test_the_log_goes_by_the_new_level(shared_upstream: ControlledUpstream) -> None:
    async def logged(worker: OneWorker, caller: Caller) -> list[str]:
        await worker.report()
        worker.said.clear()
        await caller.get(ECHOED)
        records = []
        while not any(message["type"] == "report" and message["id"] for message in worker.said):
            await worker.report()
        for message in worker.said:
            records += [level for _, level, _ in message.get("records", ())]
        return records

    document = settings_for(shared_upstream.url, logging={"output": "none"})
    async with one_worker(document) as worker, worker.caller() as caller:
        assert await logged(worker, caller) == ["INFO"]
        await worker.reload({**document, "logging": {"output": "none", "level": "ERROR"}})
        assert await logged(worker, caller) == []


@pytest.mark.parametrize("is_used", [True, False])
async def test_the_store_of_limits_goes_on_being_used_whichever_configuration_ends(
    shared_upstream: ControlledUpstream, is_used: bool
) -> None:
    document = settings_for(shared_upstream.url)
    with valkey() as url:
        place = {"redis_url": url, "redis_timeout_secs": 10}
        document["rate_limiting"] = {**place, "default_limit": {"limit": 3, "window_secs": 1000}}
        first = RateLimiter(Settings.model_validate(document).rate_limiting)
        await first.open()
        document["rate_limiting"]["failure_mode"] = "fail_closed"
        second = RateLimiter(Settings.model_validate(document).rate_limiting, earlier=first)
        used, ended = (second, first) if is_used else (first, second)
        if is_used:
            second.replace(first)
        await ended.close()
        async with staged(document, used.by_address) as stage, stage.caller() as caller:
            assert await statuses(caller, 4) == [200, 200, 200, 429]
            took = stage.plane.tally.take()["rate_limit_durations"]
            assert list(took) == ["redis"], "it was counted there, not in the process"
        await used.close()
        assert used.store_answers is False


async def test_fetched_keys_are_believed_before_they_are_fetched_again() -> None:
    document = {"keys": [jwk(ec_key(), "one")]}

    async def fetch(_url: str, _timeout: float) -> Any:
        return document

    def made(**section: Any) -> Authentication:
        keys = {"jwt_algorithm": "ES256", "jwks_url": "http://keys.example.com/", **section}
        return Authentication(AuthSettings.model_validate(keys), tally=Tally(), fetch=fetch)

    earlier = made()
    assert earlier.source is not None
    await earlier.source.refreshed()
    signed = token(ec_key(), "ES256", header={"kid": "one"}).encode()
    later, elsewhere = made(leeway_secs=1), made(jwks_url="http://other.example.com/")
    for one in (later, elsewhere):
        one.inherit(earlier)
    assert later.by_token(signed).identity.subject == "ana"
    with pytest.raises(NotBelieved):
        elsewhere.by_token(signed)


async def test_a_route_that_is_switched_off_is_served_to_nobody(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    async with one_worker(document) as worker, worker.caller() as caller:
        document["routes"][1]["enabled"] = False
        await worker.reload(document)
        refused = await caller.get("/limited/x")
        assert (refused.status, refused.json()["error"]) == (503, "route_disabled")
        assert await statuses(caller, 1) == [200]


async def test_the_log_goes_elsewhere_and_no_line_is_lost(
    shared_upstream: ControlledUpstream, capfd: pytest.CaptureFixture[str]
) -> None:
    document = settings_for(shared_upstream.url, logging={"output": "none"})
    async with one_worker(document) as worker, worker.caller() as caller:
        await caller.get("/unseen")
        for number, output in ((2, "stdout"), (3, "stderr"), (4, "none")):
            await worker.reload({**document, "logging": {"output": output}}, number)
            await caller.get(f"/to-{output}")
        written = {"stdout": "", "stderr": ""}

        def is_written() -> bool:
            out, err = capfd.readouterr()
            written["stdout"] += out
            written["stderr"] += err
            return all(f"/to-{name}" in text for name, text in written.items())

        await until(is_written, "both lines")
    assert "unseen" not in "".join(written.values())
    assert [len([line for line in text.splitlines() if "/to-" in line]) for text in written.values()] == [1, 1]


class Hearing(WorkerProcess):
    """A worker that only hears, and is told to have started or not."""

    def __init__(self, *, started: bool) -> None:
        super().__init__(1, 0, lambda *_: None)
        self.accepting = {("main", 1)} if started else set()
        self.heard: list[tuple[str, int]] = []

    def send(self, message: dict[str, Any], sockets: Any = None) -> None:
        self.heard.append((message["type"], message.get("number", 0)))


async def test_a_worker_that_starts_meanwhile_goes_by_the_new_one_too() -> None:
    settings = Settings.model_validate(settings_for("http://127.0.0.1:1"))
    early, late = Hearing(started=True), Hearing(started=False)

    async def ask(message: dict[str, Any]) -> list[Any]:
        for one in (early, late):
            if one.accepting:
                one.send(message)
        return [{"number": 2, "error": "not here"}] if message["type"] == "prepare" else []

    listeners = PublicListeners(Listeners("127.0.0.1", 0, 16), settings.server)
    rollout = Rollout(
        settings, workers=lambda: [early, late], ask=ask, desired=lambda: 2, revocations=lambda: NOTHING_REVOKED,
        listeners=listeners, reassign=lambda: None,
    )  # fmt: skip
    assert rollout.start("gateway-1")["number"] == 1
    assert await rollout.prepare(settings, 2) == ["not here"]
    late.accepting = {("main", 2)}  # It was started with the one before.
    await rollout.commit(settings, 2)
    assert early.heard == [("prepare", 2), ("commit", 2)]
    assert late.heard == [("prepare", 2), ("commit", 2)]
    assert rollout.start("gateway-3")["number"] == 2
    await rollout.prepare(settings, 3)
    rollout.discard()
    assert early.heard[-1] == late.heard[-1] == ("discard", 0)
    rollout.discard()
    assert len(early.heard) == 4, "there is nothing left to throw away"
    listeners.close()


async def test_what_the_cache_holds_goes_on_being_given_and_rules_hold_for_it_too(
    shared_upstream: ControlledUpstream,
) -> None:
    document = settings_for(shared_upstream.url, cache={"enabled": True, "default_ttl": 600})
    async with one_worker(document) as worker, worker.caller() as caller:
        given = [(await caller.get("/chunk-1")).headers["x-cache"] for _ in range(2)]
        assert given == ["MISS", "HIT"]
        document["headers"] = {"response": {"set": {"content-type": "text/plain"}, "add": {"x-added": "1"}}}
        await worker.reload(document)
        kept = await caller.get("/chunk-1")
        assert (kept.headers["x-cache"], kept.headers["content-type"], kept.headers["x-added"]) == (
            "HIT", "text/plain", "1",
        )  # fmt: skip
        document["headers"]["request"] = {"set": {"x-tenant": "a"}}
        await worker.reload(document, 3)
        assert (await caller.get("/chunk-1")).headers["x-cache"] == "MISS", "the upstream is asked something else"
        document["upstreams"][0]["base_url"] = f"{shared_upstream.url}/elsewhere"
        await worker.reload(document, 4)
        assert (await caller.get("/chunk-1")).headers["x-cache"] == "MISS", "from another place it is another thing"
        await worker.report()
        counts = [one["cache"]["counts"] for one in worker.said if one["type"] == "report" and one["cache"]]
        assert sum(one.get("hit", 0) for one in counts) == 2, "what the former one has counted is not lost"
