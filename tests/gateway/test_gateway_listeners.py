"""Several public listeners: each with or without TLS, sent to https or answered, and there or not by a reload."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from gateway.cli import app
from gateway.listening.settings import ListenerSettings
from gateway.settings import ServerSettings
from gateway.supervisor.handover import Taken
from gateway.supervisor.listeners import Listeners, PortUnavailableError
from gateway.supervisor.public_listeners import PublicListeners
from tests.gateway.certificates import Authority, Signed
from tests.gateway.one_worker import OneWorker, for_worker, one_worker
from tests.gateway.over_tls import calling as calling_with_tls
from tests.gateway.reloading import Load, write
from tests.gateway.running import RawClient, RunningGateway, running, settings_for, wait_for
from tests.gateway.stage import Caller, calling, until
from tests.gateway.upstream import ControlledUpstream


def tls_of(signed: Signed, **more: Any) -> dict[str, Any]:
    return {"cert_path": str(signed.certificate), "key_path": str(signed.key), **more}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        found: int = sock.getsockname()[1]
    return found


# In a worker.


@contextlib.asynccontextmanager
async def accepting(worker: OneWorker, *places: str) -> AsyncIterator[list[int]]:
    """The ports of further sockets of a worker's."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in places]
        for place, sock in zip(places, sockets, strict=True):
            await worker.listen(place, sock)
        yield [sock.getsockname()[1] for sock in sockets]


async def test_https_beside_http_and_http_that_leads_to_it(shared_upstream: ControlledUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    listeners = [
        {"id": "secure", "port": 0, "tls": tls_of(authority.signs("api.example"))},
        {"id": "old", "port": 0, "redirect_to_https": True, "redirect_port": 9443},
    ]
    document = settings_for(shared_upstream.url, server={"listeners": listeners})
    async with (
        one_worker(document) as worker,
        accepting(worker, "127.0.0.1 secure", "127.0.0.1 old") as (secure, old),
        worker.caller() as plain,
        calling(old) as sent_on,
        calling_with_tls(secure, authority, "api.example") as (safe, _),
    ):
        for caller, scheme in ((plain, "http"), (safe, "https")):
            assert dict((await caller.get("/x")).json()["headers"])["x-forwarded-proto"] == scheme
            health = (await caller.get("/health")).json()
            assert health["listeners"] == {"main": "http", "secure": "https", "old": "http"}
        sent_on.send("POST /a/b?c=%20d HTTP/1.1\r\nHost: api.example:8080\r\nContent-Length: 3\r\n\r\nabc")
        answer = await sent_on.answer()
        assert (answer.status, answer.headers["location"]) == (308, "https://api.example:9443/a/b?c=%20d")
        assert (await sent_on.get("/health")).status == 200, "probes are answered"
        sent_on.send("GET /x HTTP/1.1\r\nHost: [::1]\r\n\r\n")
        assert (await sent_on.answer()).headers["location"] == "https://[::1]:9443/x"
        sent_on.send("GET /x HTTP/1.0\r\n\r\n")
        assert (await sent_on.answer()).status == 400, "nobody knows where to"
        assert (await worker.report())["listeners"]["main"] == 1
        assert not [one for one in shared_upstream.requests if one.target.startswith("/a/b")]


async def test_a_listener_speaks_what_the_next_configuration_says(
    shared_upstream: ControlledUpstream, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    signed = authority.signs("api.example")

    def having(*listeners: dict[str, Any]) -> dict[str, Any]:
        return settings_for(shared_upstream.url, server={"listeners": list(listeners), "drain_idle_secs": 0})

    before = having({"id": "one", "port": 0, "tls": tls_of(signed)}, {"id": "two", "port": 0})
    async with (
        one_worker(before) as worker,
        accepting(worker, "127.0.0.1 one", "127.0.0.1 two") as (one, two),
        calling(two) as staying,
    ):
        async with calling_with_tls(one, authority, "api.example", maximum_version=ssl.TLSVersion.TLSv1_2) as (old, _):
            await worker.reload(
                having({"id": "one", "port": 0, "tls": tls_of(signed, min_version="1.3")}, {"id": "two", "port": 0})
            )
            await new_version_only(one, authority)
            assert await old._reader.read() == b"", "who came by the former one leaves when nothing runs"
            assert (await staying.get("/x")).status == 200, "the other one is as it was"
        await worker.reload(having({"id": "two", "port": 0}), 3)
        worker.tell("listen", add=[], drop=[["127.0.0.1 one", 1]])
        await until(lambda: {"type": "listening", "places": [["127.0.0.1 two", 1], ["main", 1]]} in worker.said)
        assert (await staying.get("/x")).status == 200
        assert (await worker.report())["listeners"] == {"main": 0, "two": 1}
        broken = having({"id": "three", "port": 0, "tls": {"cert_path": "none.pem", "key_path": "none.key"}})
        refused = await worker.ask("prepare", **for_worker(broken, 4))
        assert "none.pem" in refused["error"]


async def new_version_only(port: int, authority: Authority) -> None:
    """Wait until TLS 1.2 is refused: a worker takes a moment to go by what it has agreed to."""
    while True:
        try:
            async with calling_with_tls(port, authority, "api.example", maximum_version=ssl.TLSVersion.TLSv1_2) as (
                caller,
                _,
            ):
                await caller.get("/x")
        except (ssl.SSLError, ConnectionError, EOFError):
            break
    async with calling_with_tls(port, authority, "api.example") as (caller, _):
        assert (await caller.get("/x")).status == 200


# In the supervisor.


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"listeners": [{"id": "a", "port": 1}, {"id": "a", "port": 2}]}, "repeated: a"),
        ({"listeners": [{"id": "main", "port": 1}]}, "repeated: main"),
        ({"port": 8080, "listeners": [{"id": "a", "port": 8080}]}, "port 8080 on 127.0.0.1 is that of several"),
        ({"redirect_to_https": True}, "needs a listener with tls"),
        ({"proxy_protocol": True}, "needs server.trusted_proxies"),
        (
            {
                "listeners": [
                    {"id": "a", "port": 1, "redirect_to_https": True, "tls": {"cert_path": "", "key_path": ""}}
                ]
            },
            "for a listener without tls",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(server: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ServerSettings.model_validate(server)


def test_clients_are_sent_to_the_first_listener_with_tls() -> None:
    tls = {"cert_path": "", "key_path": ""}
    listeners = [{"id": "a", "port": 8443, "tls": tls}, {"id": "b", "port": 9443, "tls": tls}]
    server = ServerSettings.model_validate({"redirect_to_https": True, "listeners": listeners})
    assert [server.https_port_for(one) for one in server.all_listeners] == [8443, None, None]


@pytest.fixture
def first() -> Iterator[Listeners]:
    yield (found := Listeners("127.0.0.1", 0, 16))
    found.close()


def test_a_port_that_is_taken_refuses_all_of_a_configuration(first: Listeners) -> None:
    listeners = PublicListeners(first, ServerSettings())
    first.for_slot(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fine, port = free_port(), taken.getsockname()[1]
        wanted = [{"id": "fine", "port": fine}, {"id": "taken", "port": port}]
        with pytest.raises(PortUnavailableError, match=rf"server\.listeners\.taken: port {port} on .* in use"):
            listeners.prepare(ServerSettings.model_validate({"listeners": wanted}))
        with socket.create_server(("127.0.0.1", fine)):
            assert listeners.places({1}) == {("main", 1)}, "and nothing of it stays"


def test_listeners_come_and_go_and_keep_their_sockets_by_where_they_are(first: Listeners) -> None:
    listeners, port = PublicListeners(first, ServerSettings()), free_port()
    first.for_slot(1)

    def go_by(*wanted: dict[str, Any]) -> None:
        server = ServerSettings.model_validate({"listeners": wanted})
        listeners.prepare(server)
        listeners.commit(server)

    go_by({"id": "a", "port": port})
    sock = listeners.at((f"127.0.0.1 {port}", 1))
    go_by({"id": "renamed", "port": port})
    assert listeners.at((f"127.0.0.1 {port}", 1)) is sock
    assert listeners.urls == {"main": f"http://127.0.0.1:{first.port}", "renamed": f"http://127.0.0.1:{port}"}
    go_by()
    assert (listeners.places({1}), sock.fileno()) == ({("main", 1)}, -1)
    listeners.close()


def test_a_newer_process_takes_over_the_sockets_of_all_listeners(first: Listeners) -> None:
    port = free_port()
    server = ServerSettings.model_validate(
        {"port": 0, "listeners": [{"id": "a", "port": port}, {"id": "b", "port": 0}]}
    )
    former = PublicListeners(first, server)
    for place in former.places({1, 2}):
        former.at(place)
    taken = Taken()
    taken._given = [(role, slot, sock.dup()) for role, slot, sock in former.all()]
    main, renamed, other = server.all_listeners[0], ListenerSettings(id="new", port=port), server.listeners[1]
    found = [taken.public(one.bind_address, one.port, one.place) for one in (main, renamed, other)]
    assert [sorted(one) for one in found] == [[1, 2]] * 3
    ports = [{sock.getsockname()[1] for sock in one.values()} for one in found]
    assert ports == [{int(url.rpartition(":")[2])} for url in former.urls.values()]
    assert taken.public("127.0.0.1", free_port(), "another") == {}
    for sock in (sock for one in found for sock in one.values()):
        sock.close()
    former.close()


# All of it.


def test_listeners_of_a_running_gateway(upstream: ControlledUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls, secure, later = tls_of(authority.signs("localhost")), free_port(), free_port()
    listeners: list[dict[str, Any]] = [{"id": "secure", "port": secure, "tls": tls}]
    balanced = {"id": "balanced", "port": later, "tls": tls, "proxy_protocol": True}
    document = settings_for(
        upstream.url, server={"listeners": listeners, "trusted_proxies": ["127.0.0.0/8"]}, workers={"count": 2}
    )
    context = ssl.create_default_context(cafile=str(authority.path))
    with (
        running(document, tmp_path / "gateway") as gateway,
        httpx.Client(base_url=f"https://localhost:{secure}", verify=context, trust_env=False, timeout=30) as safe,
    ):
        assert gateway.ready["listeners"] == {"main": gateway.url, "secure": f"https://127.0.0.1:{secure}"}
        assert safe.get("/health").json()["status"] == "healthy"
        assert dict(safe.get("/x").json()["headers"])["x-forwarded-proto"] == "https"
        told(gateway, secure)
        with Load(gateway, 2) as load:
            reload_to(gateway, document, [*listeners, balanced])
            assert behind_a_balancer(later, context) == "192.0.2.7"
            reload_to(gateway, document, listeners)
            wait_for(lambda: is_refused(later), what="the end of a listener")
            assert safe.get("/x").status_code == 200
            refuses_a_port_that_is_taken(gateway, document)
            reload_to(gateway, document, [*listeners, balanced])
        assert load.broken == []
        assert load.answers.keys() == {200}
        assert gateway.change("restart")["state"] == "done"
        assert behind_a_balancer(later, context) == "192.0.2.7", "new workers have all listeners, too"
        assert safe.get("/x").status_code == 200


def refuses_a_port_that_is_taken(gateway: RunningGateway, document: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        write(gateway, with_listeners(document, [{"id": "b", "port": taken.getsockname()[1]}]))
        refused = gateway.admin.post("/admin/config/reload", json={"actor": "ana", "reason": "test"})
    assert refused.status_code == 422
    assert "server.listeners.b: port" in refused.text


def told(gateway: RunningGateway, secure: int) -> None:
    """The second listener is in the status, and its connections in the metrics."""
    found = gateway.status()["listeners"]
    assert found[1] == {
        "id": "secure", "url": f"https://127.0.0.1:{secure}", "tls": True, "proxy_protocol": False,
        "redirect_to_https": False, "open_connections": found[1]["open_connections"],
    }  # fmt: skip
    with gateway.client() as client:

        def page() -> bool:
            text = client.get("/metrics").text
            assert 'proxy_headers_refused_total{listener="secure"} 0.0' in text
            assert 'certificate_expiry_days{name="localhost"}' in text
            return re.search(r'listener_connections\{listener="secure"\} 1\.0', text) is not None

        wait_for(page, what="the connection in the metrics")


def with_listeners(document: dict[str, Any], listeners: list[dict[str, Any]]) -> dict[str, Any]:
    return {**document, "server": {**document["server"], "listeners": listeners}}


def reload_to(gateway: RunningGateway, document: dict[str, Any], listeners: list[dict[str, Any]]) -> None:
    write(gateway, with_listeners(document, listeners))
    done = gateway.admin.post("/admin/config/reload", json={"actor": "ana", "reason": "test"})
    assert done.json().get("result") in ("loaded", "unchanged"), done.text


def behind_a_balancer(port: int, context: ssl.SSLContext) -> str:
    """The client's address that the upstream is told, of one that comes through a balancer."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n")
        with context.wrap_socket(sock, server_hostname="localhost") as safe:
            safe.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := safe.recv(65_536):
                answer += chunk
    found = re.search(rb'"x-forwarded-for", "([^"]*)"', answer)
    assert found, answer
    return found[1].decode()


def is_refused(port: int) -> bool:
    try:
        RawClient("127.0.0.1", port).sock.close()
    except ConnectionError:
        return True
    return False


def test_a_gateway_does_not_start_beside_who_has_its_port(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listeners = [{"id": "second", "port": port}]
        path.write_text(yaml.safe_dump(settings_for("http://127.0.0.1:1", server={"listeners": listeners})))
        done = CliRunner().invoke(app, ["serve", "--config", str(path)])
    assert done.exit_code == 1
    assert f"server.listeners.second: port {port} on 127.0.0.1 is already in use" in done.output


async def test_a_first_listener_may_lead_to_https(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, server={"redirect_to_https": True, "redirect_port": 443})
    async with one_worker(document) as worker, worker.caller() as caller:
        assert await where(caller) == "https://h/x"
        await worker.reload({**document, "server": {"redirect_to_https": True, "redirect_port": 8443}})
        while True:  # A worker takes a moment to go by what it has agreed to.
            async with worker.caller() as other:
                if await where(other) == "https://h:8443/x":
                    break


async def where(caller: Caller) -> str:
    answer = await caller.get("/x")
    assert answer.status == 308
    return answer.headers["location"]
