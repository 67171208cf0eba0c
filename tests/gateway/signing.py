"""Tokens for tests: good ones, and such as an attacker makes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

SECRET = "a-secret-of-the-tests-that-is-long-enough-for-every-hash-size-there-is"
API_KEY = "an-api-key-for-tests"


@cache
def rsa_key(name: str = "default") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(name: str = "default") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    described: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)  # type: ignore[arg-type]
    return {**described, "kid": kid, "use": "sig", **more}


def claims(**changed: Any) -> dict[str, Any]:
    """Good for a minute; what is changed to None is left out."""
    now = int(time.time())
    said = {
        "sub": "ana", "client_id": "console", "roles": ["reader"], "scope": "orders:read", "iss": "issuer",
        "aud": "gateway", "iat": now, "exp": now + 60, "jti": "token-1", **changed,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", *, header: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, headers=header)


def forged(header: Any, payload: Any, key: bytes = b"") -> str:
    """A token as no library makes one: whatever header and payload, with an HMAC or without a signature."""
    signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(payload).encode())}"
    signature = hmac.new(key, signed.encode(), hashlib.sha256).digest() if key else b""
    return f"{signed}.{_part(signature)}"


def api_key_entry(**changed: Any) -> dict[str, Any]:
    digest = hashlib.sha256(API_KEY.encode()).hexdigest()
    return {"id": "batch-1", "sha256": digest, "client": "batch", "roles": ["writer"], **changed}


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
