"""How an upstream with https proves who it is: it is always verified."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from gateway.upstreams.settings import UpstreamSettings


def context_of(settings: UpstreamSettings) -> ssl.SSLContext | None:
    """None where the base URL is no https.

    Raises:
        OSError: the file with the certificates of those that sign cannot be read.
    """
    if urlsplit(settings.base_url).scheme != "https":
        return None
    context = ssl.create_default_context(cafile=settings.tls.ca_path)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2" if settings.protocol == "http2" else "http/1.1"])
    return context


def server_name_of(settings: UpstreamSettings) -> str:
    """The name that its certificate has to be for."""
    return settings.tls.server_name or urlsplit(settings.base_url).hostname or ""
