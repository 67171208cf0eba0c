"""Tokens: which are believed, and which are not, whatever an attacker makes of them."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.authentication import Authentication
from gateway.auth.cache import CredentialCache
from gateway.auth.credentials import Credential, NotBelieved, token_id
from gateway.auth.keys import Keys, keys_of
from gateway.auth.sent import Bearing
from gateway.auth.settings import AuthSettings, TokenCacheSettings
from gateway.auth.tokens import TokenVerifier
from gateway.telemetry.tally import Tally
from tests.gateway.signing import SECRET, api_key_entry, claims, ec_key, forged, jwk, pem, rsa_key, token

HMAC = {"jwt_secret": SECRET, "jwt_issuer": "issuer", "jwt_audience": "gateway", "leeway_secs": 5}


def verifier(**section: Any) -> TokenVerifier:
    read = AuthSettings.model_validate({**HMAC, **section})
    return TokenVerifier(read, Keys(read))


def with_rsa(**section: Any) -> TokenVerifier:
    named = [{"kid": "one", "pem": pem(rsa_key())}]
    return verifier(**{"jwt_secret": None, "jwt_algorithm": "RS256", "jwt_public_keys": named, **section})


def reason(wrong: str | bytes, by: TokenVerifier | None = None) -> str:
    with pytest.raises(NotBelieved) as caught:
        (by or verifier()).verify(wrong.encode() if isinstance(wrong, str) else wrong)
    return caught.value.reason


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_with_a_shared_secret_says_who_it_is(algorithm: str) -> None:
    found = verifier(jwt_algorithm=algorithm).verify(token(algorithm=algorithm).encode())
    identity = found.identity
    assert (identity.subject, identity.client, identity.scheme) == ("ana", "console", "jwt")
    assert (identity.roles, found.permissions, found.jti) == ({"reader"}, {"orders:read"}, "token-1")


def test_a_token_with_a_public_key_says_who_it_is() -> None:
    elliptic = verifier(jwt_secret=None, jwt_algorithm="ES256", jwt_public_keys=[{"pem": pem(ec_key())}])
    assert elliptic.verify(token(ec_key(), "ES256", header={"kid": "any"}).encode()).identity.subject == "ana"
    for header in ({"kid": "one"}, None):
        assert with_rsa().verify(token(rsa_key(), "RS256", header=header).encode()).identity.subject == "ana"


def test_a_secret_is_changed_without_a_refused_token() -> None:
    old, new = token(), token("the-new-secret-of-the-tests-which-is-long-enough")
    by = verifier(jwt_secret="the-new-secret-of-the-tests-which-is-long-enough", jwt_previous_secret=SECRET)
    assert [by.verify(one.encode()).identity.subject for one in (old, new)] == ["ana", "ana"]
    assert reason(token("a-third-secret-of-the-tests-that-is-long-enough"), by) == "bad_signature"
    assert reason(new) == "bad_signature"


def test_claims_are_found_where_the_settings_say() -> None:
    by = verifier(roles_claim="realm_access.roles", permissions_claim="https://example.com/permissions")
    found = by.verify(
        token(
            realm_access={"roles": ["admin", 7]}, client_id=None, azp="portal",
            **{"https://example.com/permissions": ["a", "b"]},
        ).encode()
    )  # fmt: skip
    assert (found.identity.roles, found.permissions, found.identity.client) == ({"admin"}, {"a", "b"}, "portal")
    plain = verifier().verify(token(roles={"admin": True}, scope=None, client_id=None).encode())
    assert (plain.identity.roles, plain.permissions, plain.identity.client) == (set(), set(), "ana")


NOW = int(time.time())
WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": NOW - 100}, "expired"),
    "without an end": ({"exp": None}, "malformed"),
    "an end that is none": ({"exp": "soon"}, "malformed"),
    "an end beyond numbers": ({"exp": float("inf")}, "malformed"),
    "not yet valid": ({"nbf": NOW + 1000}, "not_yet_valid"),
    "issued tomorrow": ({"iat": NOW + 86_400}, "not_yet_valid"),
    "another issuer": ({"iss": "mallory"}, "wrong_issuer"),
    "no issuer": ({"iss": None}, "wrong_issuer"),
    "another audience": ({"aud": ["billing", "mail"]}, "wrong_audience"),
    "no audience": ({"aud": None}, "wrong_audience"),
    "an audience of numbers": ({"aud": [7]}, "wrong_audience"),
    "half a character in the client": ({"client_id": "bad\ud800"}, "malformed"),
    "half a character in the other client": ({"client_id": None, "azp": "bad\ud800"}, "malformed"),
    "half a character in the subject": ({"sub": "bad\ud800"}, "malformed"),
    "half a character in the id": ({"jti": "bad\ud800"}, "malformed"),
    "half a character in a role": ({"roles": ["bad\ud800"]}, "malformed"),
    "half a character in the scope": ({"scope": "a bad\ud800"}, "malformed"),
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_wrong_claims_are_refused(name: str) -> None:
    changed, expected = WRONG_CLAIMS[name]
    assert reason(forged({"alg": "HS256"}, claims(**changed), SECRET.encode())) == expected


def test_clocks_may_differ_a_little_and_numbers_may_be_large() -> None:
    assert verifier().verify(token(exp=int(time.time()) - 2).encode()).identity.subject == "ana"
    far = verifier().verify(token(exp=10**30, iat=-(10**30)).encode())
    assert (far.expires_at, far.issued_at) == (253_402_300_799, 0)


NONE = ["none", "None", "NONE", "nOnE", "", None, 0, ["HS256"], "HS384", "RS256", "hs256"]


@pytest.mark.parametrize("algorithm", NONE)
def test_the_token_does_not_choose_its_algorithm(algorithm: Any) -> None:
    for key in (b"", SECRET.encode()):
        assert reason(forged({"alg": algorithm, "typ": "JWT"}, claims(), key)) == "malformed"
        assert reason(forged({"alg": algorithm, "kid": "one"}, claims(), key), with_rsa()) in {
            "malformed",
            "bad_signature",
        }
    assert reason(forged({"typ": "JWT"}, claims(), SECRET.encode())) == "malformed"


def test_a_public_key_is_no_shared_secret() -> None:
    public = pem(rsa_key()).encode()
    for key in (public, public.strip(), public.replace(b"\n", b"")):
        assert reason(forged({"alg": "HS256", "kid": "one"}, claims(), key), with_rsa()) == "malformed"
        assert reason(forged({"alg": "RS256", "kid": "one"}, claims(), key), with_rsa()) == "bad_signature"


KIDS = ["../../../../dev/null", "/dev/null", "one' OR '1'='1", "two", "ONE", "", "one\0", "http://evil/key"]


@pytest.mark.parametrize("kid", KIDS)
def test_a_kid_is_only_a_name(kid: str) -> None:
    for key in (b"", b"\0", SECRET.encode()):
        assert reason(forged({"alg": "RS256", "kid": kid}, claims(), key), with_rsa()) == "unknown_key"
    assert reason(token(rsa_key("mallory"), "RS256", header={"kid": kid}), with_rsa()) == "unknown_key"


def test_a_key_without_a_name_keeps_no_newer_one_away() -> None:
    by_url = {"jwks_url": "http://keys.example/jwks"}
    nameless = with_rsa(jwt_public_keys=[{"pem": pem(rsa_key())}], **by_url)
    newer = token(rsa_key("newer"), "RS256", header={"kid": "newer"})
    assert reason(newer, nameless) == "unknown_key", "it is worth asking for"
    assert reason(token(rsa_key("newer"), "RS256"), nameless) == "bad_signature"
    assert reason(newer, with_rsa(jwt_public_keys=[{"pem": pem(rsa_key())}])) == "bad_signature"
    assert reason(token(rsa_key("newer"), "RS256", header={"kid": "one"}), with_rsa(**by_url)) == "bad_signature"


def test_what_a_header_brings_along_is_no_key() -> None:
    own = jwk(rsa_key("mallory"), "one")
    for brought in ({"jwk": own}, {"jku": "http://evil/keys"}, {"x5u": "http://evil/cert"}):
        wrong = token(rsa_key("mallory"), "RS256", header={"kid": "one", **brought})
        assert reason(wrong, with_rsa()) == "bad_signature"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "kid": {"a": 1}},
        {"alg": "HS256", "kid": "x" * 300},
        ["HS256"],
        "HS256",
        None,
    ],
)
def test_odd_headers_are_refused(header: Any) -> None:
    assert reason(forged(header, claims(), SECRET.encode())) == "malformed"


def test_a_changed_token_is_refused() -> None:
    head, body, signature = token().split(".")
    other = token(sub="root").split(".")[1]
    assert reason(f"{head}.{other}.{signature}") == "bad_signature"
    assert reason(f"{head}.{body}.{signature[:-4]}AAAA") == "bad_signature"
    assert reason(f"{head}.{body}.") == "bad_signature"
    assert reason(f"{head}.{body}.{signature}=") == "malformed"
    for broken in (f"{head}.{body}", head, f"{head}.{body}.{signature}.x", "...", f"{head}..{signature}", "a.b.c"):
        assert reason(broken) in {"malformed", "bad_signature"}


def test_a_token_with_its_signature_written_otherwise_is_the_same_token() -> None:
    by = verifier(jwt_secret=None, jwt_algorithm="ES256", jwt_public_keys=[{"pem": pem(ec_key())}])
    good = token(ec_key(), "ES256")
    signed, _, signature = good.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    mirrored = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    other = f"{signed}.{base64.urlsafe_b64encode(mirrored).rstrip(b'=').decode()}"
    assert other != good
    assert by.verify(other.encode()).id == by.verify(good.encode()).id, "or its revocation could be got around"


def test_what_is_too_long_or_too_deep_is_not_looked_at() -> None:
    assert reason(token(sub="x" * 9000)) == "oversized"
    deep = base64.urlsafe_b64encode(b"[" * 5000).rstrip(b"=")
    assert reason(deep + b".e30.e30") == "malformed"
    assert reason(forged({"alg": "HS256"}, ["no claims"], SECRET.encode())) == "malformed"


@given(st.text("abcXYZ0189-_.=", max_size=60))
@settings(max_examples=50)
def test_no_text_is_believed_by_chance(text: str) -> None:
    assert reason(text) in {"malformed", "bad_signature"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"authorization", b"cookie", b"x-api-key", b"accept"]),
            st.text('bearBEAR =;,.\t"abc_session', max_size=40).map(str.encode),
        ),
        max_size=6,
    )
)
@settings(max_examples=50)
def test_no_headers_break_the_search_for_a_credential(headers: list[tuple[bytes, bytes]]) -> None:
    bearing = Bearing(AuthSettings.model_validate({**HMAC, "cookie_name": "session", "api_keys": [api_key_entry()]}))
    with contextlib.suppress(NotBelieved):
        sent = bearing.found(headers)
        assert any(name == sent.header and sent.value in value for name, value in headers)


def test_a_key_set_gives_only_what_fits() -> None:
    good = jwk(rsa_key(), "one")
    listed = [
        good,
        {**good, "kid": "encrypts", "use": "enc"},
        {**good, "kid": "other", "alg": "RS512"},
        {**good, "kid": "signs", "key_ops": ["sign"]},
        {**good, "kid": "broken", "n": "!"},
        {**good, "kid": "short", "n": good["n"][:40]},
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        jwk(ec_key(), "curve"),
        "nonsense",
    ]
    assert list(keys_of({"keys": listed}, "RS256")) == ["one"]
    assert list(keys_of({"keys": listed}, "ES256")) == ["curve"]
    for document in ({"keys": []}, {"keys": listed[1:]}, [], {}, None, {"keys": {}}):
        with pytest.raises(ValueError, match=r"no JWK set|no key"):
            keys_of(document, "RS256")


WRONG_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"jwt_algorithm": "none"}, "jwt_algorithm"),
    "a short secret": ({"jwt_secret": "too-short"}, "32 bytes"),
    "a short secret before": ({"jwt_secret": SECRET, "jwt_previous_secret": "too-short"}, "previous_secret needs 32"),
    "only a secret before": ({"jwt_previous_secret": SECRET}, "needs jwt_secret"),
    "a short secret for the hash": ({"jwt_secret": "x" * 40, "jwt_algorithm": "HS384"}, "48 bytes"),
    "a public key as a secret": ({"jwt_secret": pem(rsa_key())}, "of another kind"),
    "a secret with RS256": ({"jwt_secret": SECRET, "jwt_algorithm": "RS256"}, "public keys"),
    "a public key with HS256": ({"jwt_public_keys": [{"pem": "x"}]}, "do not go with"),
    "no key": ({"jwt_algorithm": "RS256", "jwt_public_keys": [{"pem": "secret-text"}]}, "not a public key"),
    "a key of another kind": (
        {"jwt_algorithm": "ES256", "jwt_public_keys": [{"pem": pem(rsa_key())}]},
        "no public key for ES256",
    ),
    "a URL that is none": ({"jwt_algorithm": "RS256", "jwks_url": "file:///etc/passwd"}, "http://"),
    "a digest that is none": ({"api_keys": [{"id": "a", "client": "a", "sha256": "plain"}]}, "hexadecimal"),
    "a header with a meaning": ({"identity_headers": {"subject": "Authorization"}}, "meaning of its own"),
    "an unknown key": ({"jwt_secrets": "x"}, "jwt_secrets"),
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_wrong_settings_are_explained_without_the_secret(name: str) -> None:
    section, expected = WRONG_SETTINGS[name]
    with pytest.raises(ValueError, match=expected) as caught:
        AuthSettings.model_validate(section)
    shown = json.dumps([error["msg"] for error in caught.value.errors()])  # type: ignore[attr-defined]
    assert "too-short" not in shown
    assert "secret-text" not in shown


def credential(name: str, end: float = 1000.0) -> Credential:
    found = verifier().verify(token(jti=name).encode())
    found.id, found.expires_at = name, end
    return found


def test_the_cache_is_bounded_in_number_and_time() -> None:
    cache = CredentialCache(TokenCacheSettings(max_capacity=2, ttl_secs=10))
    one, two, three = credential("1"), credential("2", end=105.0), credential("3")
    for value, found in ((b"a", one), (b"b", two), (b"c", three)):
        cache.put(value, found, 100.0)
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c"), len(cache)) == (None, two, three, 2)
    assert (two.until, three.until) == (105.0, 110.0), "never past its own end"
    cache.drop("2")
    cache.drop("2")
    assert cache.get(b"b") is None
    cache.put(b"c2", three, 101.0)
    assert cache.get(b"c2") is None, "the same token in another spelling would outlive its revocation"
    assert cache.found("3") is three
    cache.clear()
    assert len(cache) == 0
    cache.put(b"d", credential("4", end=99.0), 100.0)
    assert cache.get(b"d") is None, "it is over"


def test_without_a_cache_each_token_is_looked_at() -> None:
    cache = CredentialCache(TokenCacheSettings(enabled=False))
    cache.put(b"a", credential("1"), 100.0)
    assert len(cache) == 0


ISSUED = 1_000_000
SIGNED = {
    (client, issued): token(client_id=client, iat=issued, exp=10**10, jti=f"{client}-{issued}")
    for client in ("a", "b")
    for issued in (ISSUED, ISSUED + 10, None)
}
STEPS = st.one_of(
    st.tuples(st.just("asks"), st.sampled_from(list(SIGNED))),
    st.tuples(st.just("revokes"), st.sampled_from(list(SIGNED))),
    st.tuples(st.just("resets"), st.tuples(st.sampled_from("ab"), st.sampled_from([ISSUED - 1, ISSUED, ISSUED + 10]))),
    st.tuples(st.just("waits"), st.sampled_from([1.0, 400.0])),
)


@given(st.lists(STEPS, max_size=25), st.sampled_from([{"enabled": False}, {"max_capacity": 2}, {}]))
@settings(max_examples=40)
def test_what_is_revoked_is_never_believed_again(steps: list[tuple[str, Any]], cache: dict[str, Any]) -> None:
    now, revoked, before = [0.0], set[Any](), dict[str, int]()
    section = AuthSettings.model_validate({**HMAC, "cache": cache})
    authentication = Authentication(section, tally=Tally(), now=lambda: now[0])
    for step, subject in steps:
        if step == "waits":
            now[0] += subject
        elif step == "revokes":
            revoked.add(subject)
            name = token_id(SIGNED[subject].encode())
            authentication.revoke({"tokens": {name: 1e10}, "clients": {}, "resets": None})
        elif step == "resets":
            client, until = subject
            before[client] = max(until, before.get(client, until))
            authentication.revoke({"tokens": {}, "clients": {client: until}, "resets": None})
        else:
            client, issued = subject
            raw = SIGNED[subject].encode()
            is_over = client in before and (issued is None or issued <= before[client] + section.leeway_secs)
            if subject in revoked or is_over:
                assert authentication.cached(raw) is None
                with pytest.raises(NotBelieved, match="revoked"):
                    authentication.by_token(raw)
            else:
                known = authentication.cached(raw) or authentication.by_token(raw)
                assert known.identity.client == client
