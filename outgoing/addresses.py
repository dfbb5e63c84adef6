"""Which IP addresses are never called: everything that is not a public address of the Internet.

Sources: the IANA registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and later ones).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# The networks that an operator allows though they are not public. None by default.
Networks = tuple[Network, ...]

THIS_MACHINE: Address = ipaddress.ip_address("127.0.0.1")
# Where a school's own servers may stand. Nothing else can be allowed in production.
PRIVATE: Networks = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
DENIED_IPV4: Networks = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # between a provider and its customers (CGNAT)
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's own services, which only its machines reach
            "169.254.0.0/16",  # link-local, with the metadata services of clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT relays
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# All public IPv6 addresses are in here. Outside are `::/96`, IPv4-mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96` and
# `64:ff9b:1::/48`), unique local, link-local, site-local and multicast addresses.
PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
DENIED_IPV6: Networks = tuple(
    map(
        ipaddress.ip_network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which holds an IPv4 address
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: Address) -> bool:
    """Return whether this is a public address of the Internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return not is_in(address, DENIED_IPV4)
    return address in PUBLIC_IPV6 and address.scope_id is None and not is_in(address, DENIED_IPV6)


def may_be_called(address: Address, *, allowed: Networks) -> bool:
    """Return whether a connection to this address may be opened."""
    return is_public(address) or is_in(address, allowed)


def written_address(host: str) -> Address | None:
    """Return the address that a host says by itself, in any form that a resolver takes for one (`127.1`), or None for a name."""
    host = host.removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return THIS_MACHINE
    try:
        return ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether the address is in one of these networks."""
    return any(address in network for network in networks)


def is_private(network: Network) -> bool:
    """Return whether the whole network is in one of PRIVATE."""
    return any(network.version == one.version and network.subnet_of(one) for one in PRIVATE)  # type: ignore[arg-type]
