"""What "with policies" means: each policy as the gateway's settings have it, and Envoy's equivalent.

To add one, add it to POLICIES. One that the gateway's settings do not know yet is left out on both sides, with a word.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from bench.gateway_token import AUDIENCE, ISSUER, SECRET, coded
from gateway.settings import Settings

Document = dict[str, Any]
_ENVOY = "type.googleapis.com/envoy.extensions.filters.http"


@dataclass(frozen=True)
class Policy:
    """Sections of the gateway's settings and keys of its route; filters, keys of the cluster and log of Envoy."""

    name: str
    sections: Document = field(default_factory=dict)
    route: Document = field(default_factory=dict)
    filters: tuple[Document, ...] = ()
    cluster: Document = field(default_factory=dict)
    access_log: tuple[Document, ...] = ()


POLICIES = (
    Policy(
        "JWT",
        sections={"auth": {"jwt_secret": SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}},
        route={"auth_required": True},
        filters=(
            {
                "name": "envoy.filters.http.jwt_authn",
                "typed_config": {
                    "@type": f"{_ENVOY}.jwt_authn.v3.JwtAuthentication",
                    "providers": {
                        "bench": {
                            "issuer": ISSUER,
                            "audiences": [AUDIENCE],
                            "forward": True,
                            "jwt_cache_config": {"jwt_cache_size": 100},
                            "local_jwks": {
                                "inline_string": json.dumps(
                                    {"keys": [{"kty": "oct", "alg": "HS256", "k": coded(SECRET.encode())}]}
                                )
                            },
                        }
                    },
                    "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
                },
            },
        ),
    ),
    Policy(
        "rate limit",
        sections={
            "rate_limiting": {
                "default_limit": {
                    "limit": 100_000_000,
                    "window_secs": 60,
                    "algorithm": "token_bucket",
                    "key_type": "ip",
                }
            }
        },
        filters=(
            {
                "name": "envoy.filters.http.local_ratelimit",
                "typed_config": {
                    "@type": f"{_ENVOY}.local_ratelimit.v3.LocalRateLimit",
                    "stat_prefix": "limited",
                    "token_bucket": {"max_tokens": 100_000_000, "tokens_per_fill": 100_000_000, "fill_interval": "60s"},
                    "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
                    "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
                    "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
                },
            },
        ),
    ),
    Policy(
        "circuit breaker",
        sections={"circuit_breaker": {"enabled": True, "failure_threshold": 5, "timeout_secs": 60}},
        cluster={"outlier_detection": {"consecutive_5xx": 5, "base_ejection_time": "60s"}},
    ),
    Policy(
        "1 % logs",
        sections={"logging": {"output": "stderr", "sampling_rate": 0.01}},
        access_log=(
            {
                "name": "envoy.access_loggers.file",
                "filter": {
                    "runtime_filter": {
                        "runtime_key": "bench.log",
                        "percent_sampled": {"numerator": 1, "denominator": "HUNDRED"},
                    }
                },
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": "access.log",
                },
            },
        ),
    ),
)


def on_redis(url: str) -> Policy:
    """Rate limits that all gateways count together."""
    return Policy("rate limit on Redis", sections={"rate_limiting": {"redis_url": url}})


#: Not as it comes: the worker looks for the next event for 100 µs before it sleeps.
AWAKE = Policy("awake", sections={"server": {"busy_poll_us": 100}})


def ours(port: int, upstream: int, policies: tuple[Policy, ...]) -> Document:
    """The gateway's settings: one worker."""
    document: Document = {
        "server": {"port": port},
        "workers": {"count": 1},
        "admin": {"port": 0, "token": "a-token-of-the-benchmark"},
        "logging": {"output": "none", "sampling_rate": 0.0},
        "upstreams": [{"id": "backend", "base_url": f"http://127.0.0.1:{upstream}", "pool_max_idle_per_host": 256}],
        "routes": [{"id": "default", "path": "/", "upstream_id": "backend"}],
    }
    for policy in policies:
        for name, section in copy.deepcopy(policy.sections).items():
            document.setdefault(name, {}).update(section)
        document["routes"][0].update(policy.route)
    return document


def known(policies: tuple[Policy, ...] = POLICIES) -> tuple[tuple[Policy, ...], list[str]]:
    """The policies that the gateway has, and the names of those it does not have yet."""
    found, missing = list[Policy](), list[str]()
    for policy in policies:
        try:
            Settings.model_validate(ours(0, 1, (policy,)))
        except ValidationError as error:
            if all(item["type"] != "extra_forbidden" for item in error.errors()):
                raise
            missing.append(policy.name)
        else:
            found.append(policy)
    return tuple(found), missing
