"""The token that the gateway's benchmark sends: signed with HS256, good for a long time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

SECRET = "a-secret-of-the-benchmark-with-48-bytes-or-more-of-it"
ISSUER = "https://login.example.com/"
AUDIENCE = "orders"
_FAR = 4_102_444_800
_CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "7d3f9a52-4c11-4f0e-9d55-0a6c2b9e1f10",
    "client_id": "web-shop",
    "exp": _FAR,
    "iat": 1_760_000_000,
    "jti": "0b9c1c6e-6f0f-4a53-9f5f-6f5a3d2f7f11",
    "roles": ["customer"],
    "scope": "orders:read orders:write profile",
}


def coded(part: bytes) -> str:
    """As tokens have it: URL-safe, without padding."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _signed() -> str:
    parts = [
        coded(json.dumps(one, separators=(",", ":")).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, _CLAIMS)
    ]
    text = ".".join(parts)
    return f"{text}.{coded(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())}"


TOKEN = _signed()
