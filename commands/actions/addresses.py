"""Addresses that people type."""

from __future__ import annotations

import ipaddress

from commands.errors import Malformed
from commands.presentation.words import cut

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(text: str, example: str) -> Network:
    """`203.0.113.7`, `203.0.113.0/24`, `2001:db8::/32`. Raises Malformed."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        hint = "Write it as 203.0.113.7 or 203.0.113.0/24, with nothing behind the network's own bits."
        raise Malformed(f"“{cut(text, 60)}” is no address and no network.", hint=hint, example=example) from None
