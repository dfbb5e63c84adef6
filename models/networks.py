"""Networks from which a credential is accepted: read, written in one form, and compared with an address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

MOST_NETWORKS = 50
# The longest address with its prefix, also with the IPv4 part of an IPv6 address in dots.
MAX_LENGTH = 49

# `ipaddress` would also read a mask behind the slash, and an interface behind a percent sign.
_FORM = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


def canonical_network(text: str) -> str:
    """Return a network, or one address, as CIDR: `192.0.2.7/24` is `192.0.2.0/24`. Raises ValueError.

    An IPv4 network inside IPv6 (`::ffff:192.0.2.0/120`) becomes that IPv4 network, because addresses are compared as IPv4 then.
    """
    text = text.strip()
    if not _FORM.fullmatch(text):
        raise ValueError(text)
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):  # type: ignore[arg-type]
        network = ipaddress.ip_network(
            (int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen)
        )
    return str(network)


@lru_cache(maxsize=4096)
def canonical_address(text: str) -> str | None:
    """Return an IP address in its usual form, an IPv4 address inside IPv6 as IPv4; None when the text is no IP address."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:  # the server listens on a socket file, or a proxy forwards a host name
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        # From the number, so that an interface (`fe80::1%eth0`) is left out.
        return str(parsed.ipv4_mapped or ipaddress.IPv6Address(int(parsed)))
    return str(parsed)


def is_within(address: str | None, networks: Sequence[str]) -> bool:
    """Return whether a canonical address is in one of these networks. No networks means everywhere, no address nowhere."""
    return not networks or (address is not None and _is_in_one(address, tuple(networks)))


@lru_cache(maxsize=512)
def _is_in_one(address: str, networks: tuple[str, ...]) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(parsed in ipaddress.ip_network(network) for network in networks)
