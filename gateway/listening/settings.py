"""The settings of TLS on the public listener, with the keys of runbook 002."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.sections import Seconds, Section


class CertificateSettings(Section):
    """Files (PEM) of one certificate with those between it and who signs it, and of its key."""

    cert_path: str
    key_path: str


class ListenerTlsSettings(CertificateSettings):
    """TLS on the public listener; the first certificate is for clients that name no host, or none that is known."""

    min_version: Literal["1.2", "1.3"] = "1.2"
    certificates: Annotated[tuple[CertificateSettings, ...], Field(max_length=100)] = ()
    reload_secs: Seconds = 5.0
