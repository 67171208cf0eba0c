"""The keys that tokens are verified with. Which kind is fixed by the settings; a token only names one of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from gateway.auth.settings import AuthSettings

Key: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | bytes
_SMALLEST_RSA_BITS = 2048
_MOST_KEYS = 100


class Keys:
    """Those of the settings, and those that were fetched."""

    def __init__(self, settings: AuthSettings) -> None:
        self._algorithm = settings.jwt_algorithm
        self._is_fetching = settings.jwks_url is not None
        secrets = (settings.jwt_secret, settings.jwt_previous_secret)
        self._secrets: tuple[Key, ...] = tuple(one.get_secret_value().encode() for one in secrets if one is not None)
        self._static: dict[str | None, Key] = {
            key.kid: public_key(key.pem, self._algorithm) for key in settings.jwt_public_keys
        }
        self._known = self._static

    @property
    def empty(self) -> bool:
        """Whether no token can be verified now."""
        return not self._secrets and not self._known

    def find(self, kid: str | None) -> tuple[Key, ...]:
        """What a token with this `kid` may be signed with; one without a `kid` may mean the only key there is."""
        if self._secrets:
            return self._secrets
        found = self._known.get(kid)
        if found is None and kid is None and len(self._known) == 1:
            found = next(iter(self._known.values()))
        # A key of the settings without a name is for every token that names none of the others.
        found = found or self._static.get(None)
        return () if found is None else (found,)

    def newer_may_fit(self, kid: str | None) -> bool:
        """Whether newer keys could be of use to a token with this `kid`, which none of these has signed."""
        return self._is_fetching and kid is not None and kid not in self._known

    def inherit(self, earlier: Keys) -> None:
        """Know what was fetched from the same place, until it is fetched again."""
        self.replace_fetched({kid: key for kid, key in earlier._known.items() if earlier._static.get(kid) is not key})

    def replace_fetched(self, fetched: dict[str | None, Key]) -> bool:
        """Know these, beside those of the settings; says whether one that was known is withdrawn by it."""
        before, self._known = self._known, {**fetched, **self._static}
        return any(self._known.get(kid) != key for kid, key in before.items())


def public_key(pem: str, algorithm: str) -> RSAPublicKey | EllipticCurvePublicKey:
    """The key in a PEM text.

    Raises:
        ValueError: it is none that goes with the algorithm.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except Exception:
        raise ValueError("jwt_public_keys: not a public key in PEM") from None
    return _fitting(key, algorithm)


def keys_of(document: Any, algorithm: str) -> dict[str | None, Key]:
    """The usable keys of a JWK set by their `kid`. What is of another kind or malformed is left out.

    Raises:
        ValueError: it has none.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JWK set")
    found = dict(_usable(listed[:_MOST_KEYS], algorithm))
    if not found:
        raise ValueError(f"it has no key for {algorithm}")
    return found


def _usable(listed: list[Any], algorithm: str) -> Iterable[tuple[str | None, Key]]:
    reads = RSAAlgorithm.from_jwk if algorithm == "RS256" else ECAlgorithm.from_jwk
    for item in listed:
        if not isinstance(item, dict) or not _meant_for(item, algorithm):
            continue
        kid = item.get("kid")
        try:
            key = _fitting(reads(item), algorithm)
        except (PyJWTError, ValueError, TypeError):
            continue
        yield (kid if isinstance(kid, str) else None), key


def _meant_for(item: dict[str, Any], algorithm: str) -> bool:
    operations = item.get("key_ops", ["verify"])
    return (
        item.get("use", "sig") == "sig"
        and item.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )


def _fitting(key: Any, algorithm: str) -> RSAPublicKey | EllipticCurvePublicKey:
    if algorithm == "RS256" and isinstance(key, RSAPublicKey):
        if key.key_size < _SMALLEST_RSA_BITS:
            raise ValueError(f"an RSA key needs {_SMALLEST_RSA_BITS} bits or more, this one has {key.key_size}")
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError(f"it is no public key for {algorithm}")
