"""Which addresses a URL that a user gave may lead to: those of the public internet, and nothing that only looks so."""

from __future__ import annotations

import ipaddress

#: IANA's special registries, as far as `is_global` of some Python from 3.11 on lets them through.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",
    )
)
#: All of IPv6 that is given out to the public. Mapped and translated IPv4, link-local, unique-local lie outside.
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")


def is_public_address(text: str) -> bool:
    """Tell whether this is an address of the public internet. What cannot be read is not."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and (address not in _PUBLIC_IPV6 or getattr(address, "scope_id", None) is not None):
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NEVER)
