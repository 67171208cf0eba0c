"""The response cache over HTTP: nobody gets another one's answer, by host, by credentials or by what it varies by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.auth.authentication import Authentication
from gateway.listening.certificates import Certificates
from gateway.settings import Settings
from gateway.telemetry.tally import Tally
from tests.gateway.caching import scene, status
from tests.gateway.certificates import Authority
from tests.gateway.origin import origin, reply
from tests.gateway.over_tls import Heard, calling, listening, settings_of
from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET, token
from tests.gateway.stage import staged


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, {"cache_control": "private, max-age=60"}),
        ({}, {"cache_control": "no-store"}),
        ({}, {"cache_control": "max-age=60", "set_cookie": "a=b"}),
        ({}, {"cache_control": "max-age=60", "vary": "accept, *"}),
        ({}, {"cache_control": "max-age=60", "vary": "x-forwarded-for"}),
        ({"authorization": "Bearer a"}, {"cache_control": "max-age=60"}),
        ({"x_api_key": "a"}, {"cache_control": "max-age=60"}),
        ({"cookie": "session=a"}, {"cache_control": "max-age=60"}),
        ({"cache_control": "no-store"}, {"cache_control": "max-age=60"}),
        ({"x_forwarded_scheme": "http"}, {"cache_control": "max-age=60"}),
        ({"x_original_url": "/admin"}, {"cache_control": "max-age=60"}),
        ({"x_http_method_override": "POST"}, {"cache_control": "max-age=60"}),
        ({"content_length": "0", "range": "bytes=0-0"}, {"cache_control": "max-age=60"}),
        ({}, {}),
        ({}, {"cache_control": "max-age=60", "age": "61"}),
        ({"if_none_match": '"a"'}, {"cache_control": "private"}),
    ],
)
async def test_what_may_be_somebodys_own_is_not_stored(sent: dict[str, str], told: dict[str, Any]) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", **told)
        assert await here.twice(**sent) == 2
        assert here.stage.cache.store.size == 0
        assert here.stage.cache.store.used == 0


@pytest.mark.parametrize("allowed", ["public", "s-maxage=60", "must-revalidate"])
async def test_answers_to_somebody_known_are_for_all_only_when_they_say_so(allowed: str) -> None:
    async with scene() as here:
        here.origin.answer = lambda _: reply("one", cache_control=f"max-age=60, {allowed}")
        assert await here.twice(authorization="Bearer a") == 1
        assert status(await here.get("/", cookie="session=b")).startswith("hit")


async def test_what_is_for_nobody_known_is_not_given_to_somebody_known() -> None:
    async with scene() as here:
        here.origin.answer = lambda asked: reply(asked.headers.get("cookie", "anybody"), cache_control="max-age=60")
        assert (await here.get()).body == b"anybody"
        assert (await here.get("/", cookie="session=a")).body == b"session=a"
        assert (await here.get()).body == b"anybody"
        assert len(here.origin.asked) == 2


async def test_a_route_may_ignore_cookies_and_then_its_upstream_gets_none() -> None:
    async with scene({"ignore_cookies": True}) as here:
        here.origin.answer = lambda _: reply("one", cache_control="max-age=60")
        assert await here.twice(cookie="session=a") == 1
        await here.ask("POST", "/", "x", cookie="session=a")
        assert ["cookie" in one.headers for one in here.origin.asked] == [False, True]


async def test_hosts_and_queries_are_apart_and_the_usual_port_is_not() -> None:
    async with scene() as here:
        here.origin.answer = lambda asked: reply(asked.headers["x-forwarded-host"], cache_control="max-age=60")
        async with here.stage.caller() as caller:
            for host, told in (("a", b"a"), ("b", b"b"), ("A:80", b"a"), ("b:8080", b"b:8080")):
                caller.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
                assert (await caller.answer()).body == told
        for target in ("/?a", "/?b", "/?a"):
            await here.get(target)
        assert here.origin.targets() == ["/", "/", "/", "/?a", "/?b"]


async def test_hosts_are_those_that_trusted_proxies_tell_of() -> None:
    async with origin() as upstream:
        server = {"trusted_proxies": ["127.0.0.0/8"]}
        document = settings_for(upstream.url, cache={"enabled": True}, server=server)
        async with staged(document) as stage, stage.caller() as caller:
            upstream.answer = lambda asked: reply(asked.headers["x-forwarded-proto"], cache_control="max-age=60")
            for proto in ("https", "http", "https"):
                told = await caller.get("/", x_forwarded_host="shop.example:443", x_forwarded_proto=proto)
                assert told.body == proto.encode()
            keys = {entry.key for entry in stage.cache.store.entries()}
            assert keys == {b"https://shop.example/", b"http://shop.example:443/"}
            forwarded = await caller.get("/", x_forwarded_host="shop.example:443", forwarded="host=other")
            assert forwarded.headers["x-cache"] == "BYPASS"


async def test_what_is_for_http_is_not_given_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificates = Certificates(settings_of(authority.signs("h")), Heard().event)
    async with scene() as here, listening(here.stage, certificates.context) as port:
        here.origin.answer = lambda asked: reply(asked.headers["x-forwarded-proto"], cache_control="max-age=60")
        for _ in range(2):
            assert (await here.get()).body == b"http"
            async with calling(port, authority, "h") as (caller, _certificate):
                assert (await caller.get()).body == b"https"
        assert {entry.key for entry in here.stage.cache.store.entries()} == {b"http://h/", b"https://h/"}
        assert len(here.origin.asked) == 2


async def test_answers_may_be_chosen_by_what_the_gateway_tells_of_the_client() -> None:
    async with origin() as upstream:
        document = settings_for(upstream.url, cache={"enabled": True}, auth={"jwt_secret": SECRET})
        document["routes"][0]["auth_required"] = True
        authentication = Authentication(Settings.model_validate(document).auth, tally=Tally())
        async with staged(document, authentication.policy) as stage, stage.caller() as caller:
            who = "x-authenticated-subject"
            upstream.answer = lambda asked: reply(asked.headers[who], cache_control="public, max-age=60", vary=who)
            for subject in ("ana", "ben", "ana", "ben"):
                bearer = f"Bearer {token(sub=subject)}"
                # What a client says of itself in that field is not what its upstream is told.
                told = await caller.get("/", authorization=bearer, x_authenticated_subject="cyn")
                assert told.body == subject.encode()
            assert (await caller.get("/")).status == 401, "whatever is stored"
            assert len(upstream.asked) == 2


async def test_variants_are_chosen_by_what_their_answers_name() -> None:
    async with scene(max_variants=2) as here:
        here.origin.answer = lambda asked: reply(
            asked.headers.get("accept-language", "none"), cache_control="max-age=60", vary="Accept-Language, X-A"
        )
        for language, body in (("en, de", b"en, de"), ("fr", b"fr"), ("DE,  en", b"en, de"), ("fr", b"fr")):
            assert (await here.get("/", accept_language=language)).body == body
        assert len(here.origin.asked) == 2
        assert (await here.get("/", x_a="1")).body == b"none"
        assert (await here.get("/", x_a="2")).body == b"none"
        assert here.stage.cache.store.size == 2, "the oldest variant made room"
