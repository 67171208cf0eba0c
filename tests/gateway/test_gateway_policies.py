"""What routes ask besides who a client is: addresses, other origins, and what is written into headers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.auth.authentication import Authentication
from gateway.policies.cors import Cors
from gateway.policies.headers import Headers
from gateway.policies.ip_filter import Addresses, Block
from gateway.policies.settings import CorsSettings, HeaderSettings, IpFilterSettings
from gateway.settings import RouteSettings, Settings
from gateway.supervisor.block_registry import MAX_BLOCKS, BlockRegistry
from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.tally import Tally
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import Answer, Caller, staged
from tests.gateway.upstream import ControlledUpstream

BEHIND = {"trusted_proxies": ["127.0.0.0/8"]}

# Addresses.


async def of(caller: Caller, address: str, target: str = "/") -> int:
    return (await caller.get(target, x_forwarded_for=address)).status


async def test_only_who_is_allowed_and_not_denied_may_ask(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, server=BEHIND)
    document["routes"][1]["ip_filter"] = {"allow": ["192.0.2.128/25", "2001:db8::/32"]}
    everywhere = IpFilterSettings(allow=("192.0.2.0/24", "2001:db8::/32"), deny=("192.0.2.66", "2001:db8:1::/48"))
    async with staged(document, Addresses(everywhere).policy) as stage, stage.caller() as caller:
        assert await of(caller, "192.0.2.1") == 200
        assert await of(caller, "198.51.100.1") == 403, "on no list"
        assert await of(caller, "192.0.2.66") == 403, "denied"
        assert await of(caller, "192.0.2.1", "/limited") == 403, "the route has its own list"
        assert await of(caller, "192.0.2.200", "/limited") == 200
        assert await of(caller, "2001:db8::7", "/limited") == 200
        assert await of(caller, "[2001:db8:1::7]:4711") == 403
        refused = await caller.get("/", x_forwarded_for="198.51.100.1")
        assert (refused.json()["error"], stage.records()[-1]["error_type"]) == ("address_denied", "address_denied")


async def test_a_block_ends_by_itself(shared_upstream: ControlledUpstream) -> None:
    now = [1000.0]
    addresses = Addresses(IpFilterSettings(), now=lambda: now[0])
    async with staged(settings_for(shared_upstream.url), addresses.policy) as stage, stage.caller() as caller:
        assert (await caller.get("/")).status == 200
        addresses.blocks = (Block("127.0.0.0/8", 1060.0), Block("192.0.2.1", 2000.0))
        stage.plane.reroute()
        assert (await caller.get("/")).status == 403
        now[0] = 1060.0
        assert (addresses.have_expired(), addresses.have_expired()) == (True, False)
        stage.plane.reroute()
        assert (await caller.get("/")).status == 200


async def test_a_worker_keeps_blocks_over_another_configuration(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    async with one_worker(document) as worker, worker.caller() as caller:
        worker.tell("blocks", blocks=[{"network": "127.0.0.1/32", "expires_at": 4e9}])
        await worker.report()
        assert (await caller.get("/")).status == 403
        await worker.reload({**document, "server": {"request_timeout_secs": 29}})
        assert (await caller.get("/")).status == 403
        worker.tell("blocks", blocks=[{"network": "127.0.0.1/32", "expires_at": 1.0}])
        while (await caller.get("/")).status != 200:
            continue


def test_there_is_an_end_to_blocks_and_what_cannot_be_recorded_is_not_done() -> None:
    told: list[str] = []

    def record(kind: str, _actor: str, reason: str, *_: Any) -> None:
        if reason == "no room":
            raise OSError("no space left")
        told.append(kind)

    registry = BlockRegistry("network", record=record, changed=lambda: told.append("changed"))
    who: dict[str, Any] = {"expires_in_seconds": 60, "actor": "ana", "reason": ""}
    with pytest.raises(OSError, match="no space"):
        registry.block("192.0.2.1", **{**who, "reason": "no room"})
    assert (registry.active(), told) == ([], [])
    for number in range(MAX_BLOCKS):
        registry.block(f"10.0.{number >> 8}.{number & 255}", **who)
    with pytest.raises(OutOfLimitsError, match="blocks already"):
        registry.block("192.0.2.1", **who)
    again = registry.block("10.0.0.0", **{**who, "expires_in_seconds": -1})
    assert registry.get(again.id) is None, "it is over, and so is the one that it replaced"
    assert len(registry.until()) == MAX_BLOCKS - 1


# Other origins.

HERE, ELSEWHERE = "https://app.example.com", "https://evil.example.com"


def cors_of(document: dict[str, Any]) -> Any:
    settings = Settings.model_validate(document)
    return Cors(settings.cors, settings.routes).policy


async def preflight(caller: Caller, origin: str, target: str = "/limited", method: str = "GET") -> Answer:
    caller.send(
        f"OPTIONS {target} HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\n"
        f"Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
    )
    return await caller.answer()


def fields(answer: Answer) -> dict[str, str]:
    return {
        name.removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.startswith("access-control-")
    }


async def test_a_preflight_is_answered_before_anybody_is_asked_who_it_is(shared_upstream: ControlledUpstream) -> None:
    allowed = {"allow_origins": [HERE], "allow_headers": ["authorization"], "allow_credentials": True}
    document = settings_for(shared_upstream.url, cors=allowed, auth={"jwt_secret": SECRET})
    document["routes"][1]["auth_required"] = True
    guard = Authentication(Settings.model_validate(document).auth, tally=Tally())
    async with staged(document, cors_of(document), guard.policy) as stage, stage.caller() as caller:
        before = len(shared_upstream.requests)
        answer = await preflight(caller, HERE)
        assert (answer.status, answer.body, "content-length" in answer.headers) == (204, b"", False)
        assert fields(answer) == {
            "allow-origin": HERE, "allow-credentials": "true", "allow-methods": "GET",
            "allow-headers": "authorization", "max-age": "600",
        }  # fmt: skip
        assert answer.headers["vary"] == "Origin"
        refused = await preflight(caller, ELSEWHERE)
        assert (refused.status, fields(refused)) == (204, {}), "its browser goes no further"
        assert len(shared_upstream.requests) == before
        unknown = await caller.get("/limited", origin=HERE)
        assert (unknown.status, fields(unknown)["allow-origin"]) == (401, HERE), "the page may read why"
        known = await caller.get("/limited", origin=HERE, authorization=f"Bearer {token()}")
        assert (known.status, fields(known)) == (200, {"allow-origin": HERE, "allow-credentials": "true"})
        assert stage.records()[0]["status"] == 204


async def test_options_that_are_no_preflight_go_where_the_route_says(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, cors={"allow_origins": ["*"], "expose_headers": ["x-request-id"]})
    document["routes"].append({"id": "posts", "path": "/limited", "upstream_id": "backend", "methods": ["POST"]})
    async with staged(document, cors_of(document)) as stage, stage.caller() as caller:
        caller.send("OPTIONS /limited HTTP/1.1\r\nHost: h\r\n\r\n")
        refused = await caller.answer()
        assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")
        assert fields(await preflight(caller, ELSEWHERE))["allow-methods"] == "GET, POST"
        caller.send("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n")
        passed = await caller.answer()
        assert (passed.status, passed.json()["method"]) == (200, "OPTIONS")
        read = await caller.get("/", origin=ELSEWHERE)
        assert fields(read) == {"allow-origin": "*", "expose-headers": "x-request-id"}
        assert "vary" not in read.headers
        assert fields(await caller.get("/")) == {}, "it is no page that asks"


async def test_a_route_has_its_own_and_without_any_nothing_is_told(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    document["routes"][2]["cors"] = {"allow_origins": [HERE], "allow_methods": ["GET", "PUT"]}
    async with staged(document, cors_of(document)) as stage, stage.caller() as caller:
        assert fields(await preflight(caller, HERE, "/stripped/x"))["allow-methods"] == "GET, PUT"
        assert (await preflight(caller, HERE)).status == 405
        assert fields(await caller.get("/", origin=HERE)) == {}


# Headers.


def header_policies(document: dict[str, Any]) -> tuple[Any, Any]:
    headers = Headers(Settings.model_validate(document).headers)
    return headers.answer_policy, headers.request_policy


async def test_headers_are_set_added_and_removed_both_ways(shared_upstream: ControlledUpstream) -> None:
    rules = {
        "request": {"set": {"X-Environment": "production"}, "add": {"x-tag": "all"}, "remove": ["x-debug"]},
        "response": {"set": {"strict-transport-security": "max-age=1"}, "remove": ["x-public", "set-cookie"]},
    }
    document = settings_for(shared_upstream.url, headers=rules)
    document["routes"][1]["headers"] = {"request": {"set": {"x-environment": "limited"}}}
    async with staged(document, *header_policies(document)) as stage, stage.caller() as caller:
        answer = await caller.get("/hop", x_environment="mine", x_tag="mine", x_debug="1")
        sent = shared_upstream.requests[-1]
        assert (sent.header("x-environment"), sent.header("x-tag"), sent.header("x-debug")) == (
            ["production"], ["mine", "all"], [],
        )  # fmt: skip
        assert answer.headers["strict-transport-security"] == "max-age=1"
        assert not {"x-public", "set-cookie"} & answer.headers.keys()
        await caller.get("/limited/x")
        assert shared_upstream.requests[-1].header("x-environment") == ["limited"], "the route has the last word"
        own = await caller.get("/limited/vanish")
        assert (own.status, own.headers["strict-transport-security"]) == (502, "max-age=1")


async def test_rules_come_after_what_authentication_writes(shared_upstream: ControlledUpstream) -> None:
    remove = {"request": {"remove": ["x-authenticated-roles"], "set": {"x-tenant": "a"}}}
    document = settings_for(shared_upstream.url, headers=remove, auth={"jwt_secret": SECRET})
    document["routes"][0]["auth_required"] = True
    guard = Authentication(Settings.model_validate(document).auth, tally=Tally())
    answers, requests = header_policies(document)
    async with staged(document, answers, guard.policy, requests) as stage, stage.caller() as caller:
        headers = {"authorization": f"Bearer {token()}", "x_authenticated_subject": "root", "x_tenant": "b"}
        assert (await caller.get("/", **headers)).status == 200
        sent = shared_upstream.requests[-1]
        assert "root" not in sent.header("x-authenticated-subject")
        assert len(sent.header("x-authenticated-subject")) == 1
        assert (sent.header("x-authenticated-roles"), sent.header("x-tenant")) == ([], ["a"])


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (HeaderSettings, {"request": {"set": {"host": "a"}}}),
        (HeaderSettings, {"request": {"set": {"Transfer-Encoding": "chunked"}}}),
        (HeaderSettings, {"request": {"add": {"x a": "1"}}}),
        (HeaderSettings, {"response": {"set": {"x-a": "1\r\nx-b: 2"}}}),
        (HeaderSettings, {"response": {"set": {"x-a": " 1"}}}),
        (CorsSettings, {"allow_origins": ["https://a.example.com/path"]}),
        (CorsSettings, {"allow_origins": ["*"], "allow_credentials": True}),
        (CorsSettings, {"allow_headers": ["a b"]}),
        (IpFilterSettings, {"deny": ["192.0.2.0/99"]}),
    ],
)
def test_settings_that_mean_nothing_are_refused(model: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(wrong)


def test_nothing_is_asked_where_nothing_is_configured() -> None:
    route = RouteSettings(id="a", path="/", upstream_id="a")
    headers = Headers(HeaderSettings())
    policies = (
        Addresses(IpFilterSettings()).policy, Cors(CorsSettings(), [route]).policy, headers.answer_policy,
        headers.request_policy,
    )  # fmt: skip
    assert [policy(route) for policy in policies] == [()] * 4
