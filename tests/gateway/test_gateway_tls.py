"""TLS on the public listener: who gets which certificate, versions, and rotation while connections go on."""

from __future__ import annotations

import contextlib
import re
import shutil
import ssl
import time
from pathlib import Path

import httpx
import pytest
import yaml

from gateway.cli import app
from gateway.listening.certificates import CertificateError, Certificates
from tests.gateway.certificates import Authority, Signed
from tests.gateway.over_tls import Heard, calling, listening, settings_of
from tests.gateway.running import running, settings_for
from tests.gateway.stage import staged
from tests.gateway.upstream import ControlledUpstream


async def shown(port: int, authority: Authority, name: str) -> list[str]:
    """Whom the certificate is for that a client who names this host is shown; it must be good for it."""
    async with calling(port, authority, name) as (_, certificate):
        return [value for _, value in certificate["subjectAltName"]]


async def test_each_host_has_its_certificate_and_the_upstream_learns_of_https(
    shared_upstream: ControlledUpstream, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificates = Certificates(
        settings_of(authority.signs("api.example"), authority.signs("*.shop.example")), Heard().event
    )
    async with staged(settings_for(shared_upstream.url)) as stage, listening(stage, certificates.context) as port:
        assert await shown(port, authority, "api.example") == ["api.example"]
        assert await shown(port, authority, "eu.shop.example") == ["*.shop.example"]
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown(port, authority, "unknown.example")
        async with calling(port, authority, "api.example") as (caller, _):
            headers = dict((await caller.get("/x")).json()["headers"])
            assert headers["x-forwarded-proto"] == "https"
            assert (await caller.get("/health")).json()["status"] == "healthy"
            caller.send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert (await caller.answer()).status == 200
            assert await caller._reader.read() == b"", "and is told of the end"
    assert certificates.names() == ["*.shop.example", "api.example"]
    assert 29 < certificates.days_left(time.time())["api.example"] < 31


async def test_older_versions_than_the_settings_allow_are_refused(
    shared_upstream: ControlledUpstream, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificate = authority.signs("api.example")
    async with staged(settings_for(shared_upstream.url)) as stage:
        for least, offered, is_taken in (("1.2", "TLSv1_2", True), ("1.3", "TLSv1_2", False), ("1.3", "TLSv1_3", True)):
            certificates = Certificates(settings_of(certificate, min_version=least), Heard().event)
            async with listening(stage, certificates.context) as port:
                limits = {"maximum_version": getattr(ssl.TLSVersion, offered)}
                if is_taken:
                    async with calling(port, authority, "api.example", **limits) as (caller, _):
                        assert (await caller.get("/x")).status == 200
                else:
                    with pytest.raises((ssl.SSLError, ConnectionError)):
                        async with calling(port, authority, "api.example", **limits):
                            pass


async def test_certificates_are_changed_under_connections_that_go_on(
    shared_upstream: ControlledUpstream, tmp_path: Path
) -> None:
    authority, heard = Authority(tmp_path), Heard()
    used, later = authority.signs("api.example"), authority.signs("new.example")
    certificates = Certificates(settings_of(used), heard.event)
    async with staged(settings_for(shared_upstream.url)) as stage, contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(stage, certificates.context))
        async with calling(port, authority, "api.example") as (caller, _):
            certificates.refresh()
            assert heard == []
            replace(later.certificate, used.certificate)
            certificates.refresh()
            certificates.refresh()
            assert heard == [("ERROR", "certificate_refused")], "its key is not there yet; and it is told once"
            assert await shown(port, authority, "api.example") == ["api.example"]
            replace(later.key, used.key)
            certificates.refresh()
            assert heard[1:] == [("INFO", "certificate_loaded")]
            assert await shown(port, authority, "new.example") == ["new.example"]
            assert (await caller.get("/x")).status == 200, "who is connected stays so"
            used.certificate.unlink()
            certificates.refresh()
            assert heard[2:] == [("ERROR", "certificate_refused")]
            assert await shown(port, authority, "new.example") == ["new.example"]


def replace(new: Path, old: Path) -> None:
    """As a rotation does: at once, never half."""
    copied = old.with_suffix(".tmp")
    shutil.copy(new, copied)
    copied.replace(old)


def test_what_cannot_be_used_is_told_before_anybody_listens(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.signs("one.example"), authority.signs("other.example")
    with pytest.raises(CertificateError, match=r"one\.example\.pem and .*other\.example\.key: KEY_VALUES_MISMATCH"):
        Certificates(settings_of(Signed(one.certificate, other.key)), Heard().event)
    with pytest.raises(CertificateError, match="No such file"):
        Certificates(settings_of(Signed(tmp_path / "none.pem", one.key)), Heard().event)


def test_the_gateway_serves_https_as_runbook_002_configures_it(upstream: ControlledUpstream, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.signs("localhost")
    tls = {"cert_path": str(certificate.certificate), "key_path": str(certificate.key), "min_version": "1.2"}
    document = settings_for(upstream.url, server={"tls": tls})
    with running(document, tmp_path / "gateway") as gateway:
        assert gateway.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(authority.path))
        with httpx.Client(base_url=f"https://localhost:{gateway.port}", verify=context, trust_env=False) as client:
            assert client.get("/health").json()["status"] == "healthy"
            assert dict(client.get("/x").json()["headers"])["x-forwarded-proto"] == "https"
            page = client.get("/metrics").text
            assert re.search(r'certificate_expiry_days\{name="localhost"\} (30\.0|29\.)', page)


def test_a_gateway_does_not_start_with_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    path = tmp_path / "gateway.yaml"
    tls = {"cert_path": str(tmp_path / "none.pem"), "key_path": str(tmp_path / "none.key")}
    path.write_text(yaml.safe_dump(settings_for("http://127.0.0.1:1", server={"tls": tls})))
    done = CliRunner().invoke(app, ["serve", "--config", str(path)])
    assert done.exit_code == 1
    assert "none.pem" in done.output
