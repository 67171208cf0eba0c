"""TLS certificates of a namespace. Of a secret, only `tls.crt` is looked at; its key is dropped where it is read."""

from __future__ import annotations

import base64
from typing import Any

from bot.adapters.kubernetes.access import LIST_SECRETS
from bot.adapters.kubernetes.listing import listed
from bot.adapters.kubernetes.place import Place
from commands.ports.inspecting import Certificate

_TLS = "kubernetes.io/tls"


async def certificates(place: Place) -> list[Certificate]:
    """Those that end first come first."""
    found = await listed(place, LIST_SECRETS, fieldSelector=f"type={_TLS}")
    public = [(one["metadata"]["name"], (one.get("data") or {}).get("tls.crt", "")) for one in found.items]
    return sorted((certificate(*one) for one in public), key=lambda one: (one.until is not None, one.until, one.secret))


def certificate(secret: str, encoded: str) -> Certificate:
    """The first certificate of a chain is the server's own."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    if not encoded:
        return Certificate(secret=secret, trouble="it has no tls.crt")
    try:
        known = x509.load_pem_x509_certificate(base64.b64decode(encoded))
    except ValueError:
        return Certificate(secret=secret, trouble="its tls.crt is no certificate")
    common = [str(one.value) for one in known.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return Certificate(secret=secret, hosts=tuple(_hosts(known) or common), until=known.not_valid_after_utc)


def _hosts(known: Any) -> list[str]:
    from cryptography import x509

    try:
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
