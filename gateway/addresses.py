"""Whose an address is: one of IPv4 is one holder's, of IPv6 everybody has a whole network."""

from __future__ import annotations

import ipaddress


def of_holder(address: str, ipv6_prefix: int = 64) -> str:
    """The address of IPv4, also of one mapped to IPv6; of IPv6 its network. What is no address stays as it is."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, ipv6_prefix), strict=False))
