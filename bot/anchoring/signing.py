"""Signed heads of the audit."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bot.anchoring.settings import AuditSettings

FIRST = "0" * 64


class AnchorError(Exception):
    """The key or the place of the anchors cannot be used; the message says why and what to do."""


class Anchor(BaseModel):
    """The audit's head at a moment. `previous` is the hash of the anchor before it, `signature` base64 of Ed25519."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: int
    digest: str
    at: AwareDatetime
    previous: str
    signature: str = ""

    def signed(self) -> bytes:
        """The bytes that the signature covers."""
        content = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    def line(self) -> str:
        """As it is kept."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def digest_of_line(self) -> str:
        """What the next anchor says of this one."""
        return hashlib.sha256(self.line().encode()).hexdigest()


def read(text: str) -> Anchor:
    """An anchor that was kept. Raises AnchorError for anything else."""
    try:
        return Anchor.model_validate_json(text)
    except ValidationError:
        raise AnchorError(f"this is no anchor: {text[:60]}") from None


class Signer:
    """Signs heads, and knows its own signature."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def anchor(self, sequence: int, digest: str, at: datetime, after: Anchor | None) -> Anchor:
        """A signed head that follows the anchor before it."""
        previous = after.digest_of_line() if after else FIRST
        bare = Anchor(sequence=sequence, digest=digest, at=at.astimezone(UTC), previous=previous)
        return bare.model_copy(update={"signature": base64.b64encode(self._key.sign(bare.signed())).decode()})

    def made(self, anchor: Anchor) -> bool:
        """Whether an anchor bears our signature, and nothing of it was changed."""
        try:
            self._key.public_key().verify(base64.b64decode(anchor.signature, validate=True), anchor.signed())
        except (InvalidSignature, ValueError):
            return False
        return True

    def public(self) -> str:
        """The public key (PEM), for whoever checks elsewhere."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signer(settings: AuditSettings, *, make: bool) -> Signer:
    """With the key of the settings, or that of the file; `make`: it is made where there is none. Raises AnchorError."""
    text = settings.key.get_secret_value()
    if text:
        return Signer(_private(text.encode(), "audit.key"))
    try:
        return Signer(_private(settings.key_file.read_bytes(), str(settings.key_file)))
    except FileNotFoundError:
        if not make:
            why = f"There is no key {settings.key_file} to check the anchors with: set audit.key or audit.key_file."
            raise AnchorError(why) from None
        return Signer(_made(settings.key_file))
    except OSError as error:
        raise AnchorError(f"{settings.key_file} cannot be read: {error.strerror}") from error


def _private(text: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise AnchorError(f"{where} is no Ed25519 private key without a password: openssl genpkey -algorithm ed25519")
    return key


def _made(file: Path) -> Ed25519PrivateKey:
    """A new key for its owner alone, whole or not at all. Where another process makes one meanwhile, theirs counts."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent) as own:  # readable by its owner alone
            own.write(pem)
            own.flush()
            os.link(own.name, file)
    except FileExistsError:
        return _private(file.read_bytes(), str(file))
    except OSError as error:
        raise AnchorError(f"{file} cannot be made: {error.strerror}. Set audit.key or audit.key_file.") from error
    return key
