"""Transcripts of what a cluster keeps for a gateway: its ConfigMaps, certificates and logs."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.contract.clusters import DEPLOYMENT, SPACE
from tests.fakes import START
from tests.scenario.cluster.doings import asks, grant, types
from tests.scenario.stage import Stage, golden, transcript
from tests.simulators.kubernetes import Kubernetes


@transcript("/gw configmap")
async def test_config_maps(stage: Stage, cluster: Kubernetes) -> None:
    assert await types(stage, "eve", "general", "/gw configmap") == golden("""
        [#general, all]
        ConfigMaps of gateway
          Name           Used                                         Changed               Older in use
          gateway-files  mounted as files                             2026-03-01 12:00 UTC  no
          gateway        in the environment, read when a copy starts  2026-03-01 12:00 UTC  no
          (One in full: /gw configmap gateway-files)
        """)
    assert await types(stage, "eve", "general", "/gw configmap gateway") == golden("""
        [#general, all]
        ConfigMap gateway
          Used: in the environment, read when a copy starts
          Changed: 2026-03-01 12:00 UTC
          Before: nothing older is known
          | UPSTREAM_TIMEOUT: 2s
          (@Eve Larsson: /gw configmap gateway)
        """)
    cluster.advance(60)
    cluster.change("configmaps", "gateway", lambda old: _rewritten(old, stage.world.clock.now()), SPACE)
    cluster.advance(60)
    assert await types(stage, "eve", "general", "/gw configmap gateway") == golden("""
        [#general, all]
        ConfigMap gateway: what has changed
          Against what it said when it was looked at, 2026-03-01 12:30 UTC:
          To have them read it: /gw restart
          Used: in the environment, read when a copy starts
          Changed: 2026-03-01 12:31 UTC
          Older in use: 2 of 2 copies started before
          | -UPSTREAM_TIMEOUT: 2s
          | +UPSTREAM_TIMEOUT: 20s
          | +ADMIN_TOKEN: '[redacted]'
          (As it is now: /gw configmap gateway --whole)
        """)
    assert await asks(stage, "eve", "general", "/gw configmap gateway --whole") == golden("""
        ConfigMap gateway
          To have them read it: /gw restart
          Used: in the environment, read when a copy starts
          Changed: 2026-03-01 12:31 UTC
          Older in use: 2 of 2 copies started before
          | UPSTREAM_TIMEOUT: 20s
          | ADMIN_TOKEN: '[redacted]'
          (@Eve Larsson: /gw configmap gateway --whole)
        """)
    assert await asks(stage, "eve", "general", "/gw configmap other") == golden("""
        gateway uses no ConfigMap 'other'.
          It uses gateway-files or gateway.
          (You typed: /gw configmap other)
        """)
    assert "config gateway: written, by kubectl" in await stage.asks("eve", "general", "/gw changes 10m")


def _rewritten(old: dict[str, Any], at: datetime) -> None:
    """As `kubectl edit` leaves it."""
    old["data"] = {"UPSTREAM_TIMEOUT": "20s", "ADMIN_TOKEN": "a-secret-that-is-shown-to-nobody"}
    old["metadata"]["managedFields"] = [{"manager": "kubectl", "time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}]


@transcript("/gw certs")
async def test_certificates(stage: Stage, cluster: Kubernetes) -> None:
    assert await types(stage, "eve", "general", "/gw certs") == golden("""
        [#general, only eve]
        The cluster production does not allow Tocsin to list secrets in edge (403).
          tocsin k8s rbac --certs prints what allows it.
          (You typed: /gw certs)
        """)
    grant(cluster)
    for name, days in (("web", 80), ("old", -2), ("soon", 5)):
        said = {"tls.crt": _certificate(f"{name}.example.com", days), "tls.key": base64.b64encode(b"the key").decode()}
        meta = {"name": name, "namespace": SPACE}
        cluster.create("secrets", {"metadata": meta, "type": "kubernetes.io/tls", "data": said})
    cluster.create("secrets", {"metadata": {"name": "other", "namespace": SPACE}, "data": {"password": "c2VjcmV0"}})
    assert await types(stage, "eve", "general", "/gw certs") == golden("""
        [#general, all]
        3 TLS certificates beside gateway; the first ended 2 d ago
          Secret  For               Ends                  Left
          old     old.example.com   2026-02-27 12:00 UTC  over
          soon    soon.example.com  2026-03-06 12:00 UTC  4 days
          web     web.example.com   2026-05-20 12:00 UTC  79 days
          (@Eve Larsson: /gw certs)
        """)


def _certificate(host: str, days: int) -> str:
    """Self-signed, and valid until so many days after the start."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START - timedelta(days=90))
        .not_valid_after(START + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


async def test_logs_of_one_pod_one_container_and_the_run_before(stage: Stage, cluster: Kubernetes) -> None:
    first, second = (one["metadata"]["name"] for one in cluster.list("pods", SPACE))
    cluster.log(first, "first one", namespace=SPACE)
    cluster.log(second, "second one", namespace=SPACE)
    assert "first one" in (said := await stage.asks("eve", "general", f"/gw logs --pod {first}"))
    assert "second one" not in said
    assert "2 log lines" in await stage.asks(
        "eve", "general", f"/gw logs --selector app={DEPLOYMENT} --container gateway"
    )
    assert await asks(stage, "eve", "general", "/gw logs --previous") == golden("""
        Nothing was restarted: there is no run before this one.
          Try: /gw pods
          (You typed: /gw logs --previous)
        """)
    cluster.crash(first, namespace=SPACE)
    cluster.settle()
    assert "first one" in await stage.asks("eve", "general", "/gw logs --previous")
    assert await asks(stage, "eve", "general", "/gw logs --pod nobody") == golden("""
        There is no pod 'nobody'.
          There are (pod) or (pod).
          (You typed: /gw logs --pod nobody)
        """)
    assert await asks(stage, "eve", "general", "/gw logs --container nobody") == golden("""
        There is no container 'nobody'.
          There are gateway.
          (You typed: /gw logs --container nobody)
        """)
    assert await asks(stage, "eve", "general", "/gw logs --selector app=other") == golden("""
        No pod that has begun to run fits that.
          Try: /gw pods
          (You typed: /gw logs --selector app=other)
        """)
