"""The settings of public listeners; those of TLS have the keys of runbook 002."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.sections import PlainId, Port, Seconds, Section


class CertificateSettings(Section):
    """Files (PEM) of one certificate with those between it and who signs it, and of its key."""

    cert_path: str
    key_path: str


class ListenerTlsSettings(CertificateSettings):
    """TLS on a public listener; the first certificate is for clients that name no host, or none that is known."""

    min_version: Literal["1.2", "1.3"] = "1.2"
    certificates: Annotated[tuple[CertificateSettings, ...], Field(max_length=100)] = ()
    reload_secs: Seconds = 5.0


class Speaking(Section):
    """What is spoken on a listener."""

    tls: ListenerTlsSettings | None = None
    proxy_protocol: bool = False
    redirect_to_https: bool = False
    redirect_port: Annotated[int, Field(ge=1, le=65_535)] | None = None

    @model_validator(mode="after")
    def _redirects_to_another(self) -> Speaking:
        if self.redirect_to_https and self.tls is not None:
            raise ValueError("redirect_to_https is for a listener without tls")
        return self


class ListenerSettings(Speaking):
    """A public listener beside the first one."""

    id: PlainId
    bind_address: str = "127.0.0.1"
    port: Port

    @property
    def place(self) -> str:
        """Where it listens: it is another one somewhere else. The first one is where it was at the start."""
        if self.id == FIRST:
            return FIRST
        return f"{self.bind_address} {self.port or self.id}"

    @property
    def scheme(self) -> str:
        """Of its URLs."""
        return "http" if self.tls is None else "https"


#: The name of the listener that `server` has by itself.
FIRST = "main"
