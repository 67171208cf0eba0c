"""The certificates of the public listener: each client gets the one for the host that it names (SNI).

They are read again when their files have changed, and used for connections from then on. Files that do not fit, as in
the middle of being replaced, change nothing: those before them stay, and are told of.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.listening.settings import CertificateSettings, ListenerTlsSettings

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_DAY_SECS = 86_400

Seen = tuple[tuple[int, int, int], ...]
Tell = Callable[..., None]


class CertificateError(Exception):
    """A certificate cannot be used; the text is meant for the operator and holds nothing of a key."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that was read: whom it is for, until when (seconds since the epoch), and the context that offers it."""

    names: tuple[str, ...]
    expires_at: float
    context: ssl.SSLContext


class Certificates:
    """Those of one listener. `context` is for the listener, and stays the same when they are read again."""

    def __init__(self, settings: ListenerTlsSettings, tell: Tell) -> None:
        self._settings = settings
        self._tell = tell
        self._files: tuple[CertificateSettings, ...] = (settings, *settings.certificates)
        self._seen = self._looked()
        self._told = ""
        self._certificates = self._read()
        self._by_name = _by_name(self._certificates)
        self.context = self._new_context(settings)
        self.context.sni_callback = self._chosen

    def refresh(self) -> None:
        """Read them again if their files have changed; to be called every few seconds."""
        try:
            seen = self._looked()
            if seen == self._seen:
                return
            certificates = self._read()
        except CertificateError as error:
            # Told once: it is tried again and again until it is whole.
            if str(error) != self._told:
                self._told = str(error)
                self._tell("ERROR", "tls", "certificate_refused", f"the certificates before go on being used: {error}")
            return
        self._seen, self._told, self._certificates = seen, "", certificates
        self._by_name = _by_name(certificates)
        self._tell("INFO", "tls", "certificate_loaded", "new certificates are used from now on", names=self.names())

    def names(self) -> list[str]:
        """Whom they are for."""
        return sorted({name for one in self._certificates for name in one.names})

    def days_left(self, now: float) -> dict[str, float]:
        """Until when each is good, in days from `now` (seconds since the epoch), by its first name."""
        return {one.names[0]: round((one.expires_at - now) / _DAY_SECS, 3) for one in self._certificates}

    def _chosen(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        """Called in each handshake: with which context it goes on."""
        connection.context = self._for(name).context

    def _for(self, name: str | None) -> Certificate:
        if name is None:
            return self._certificates[0]
        name = name.lower()
        parent = "*." + name.partition(".")[2]
        return self._by_name.get(name) or self._by_name.get(parent) or self._certificates[0]

    def _looked(self) -> Seen:
        """What tells one state of the files from another."""
        paths = [path for one in self._files for path in (one.cert_path, one.key_path)]
        try:
            stats = [Path(path).stat() for path in paths]
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}") from None
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)

    def _read(self) -> tuple[Certificate, ...]:
        return tuple(self._loaded(one) for one in self._files)

    def _loaded(self, files: CertificateSettings) -> Certificate:
        context = self._new_context(files)
        try:
            leaf = x509.load_pem_x509_certificate(Path(files.cert_path).read_bytes())
        except (OSError, ValueError) as error:
            raise CertificateError(f"{files.cert_path}: {error}") from None
        return Certificate(_names(leaf) or (files.cert_path,), leaf.not_valid_after_utc.timestamp(), context)

    def _new_context(self, files: CertificateSettings) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[self._settings.min_version]
        context.set_alpn_protocols(["http/1.1"])
        # Renegotiation and compression have been ways to attack others' connections.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        try:
            # A key with a password would be asked for at a terminal that is not there.
            context.load_cert_chain(files.cert_path, files.key_path, password=_no_password)
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            raise CertificateError(f"{files.cert_path} and {files.key_path}: {why}") from None
        return context


def _no_password() -> str:
    raise ValueError("the key has a password; store it without one, readable by the gateway only")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        listed = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(one.value).lower() for one in common)
    return tuple(name.lower() for name in listed.get_values_for_type(x509.DNSName))


def _by_name(certificates: tuple[Certificate, ...]) -> dict[str, Certificate]:
    """The first that names a host is the one for it."""
    found: dict[str, Certificate] = {}
    for one in certificates:
        for name in one.names:
            found.setdefault(name, one)
    return found
