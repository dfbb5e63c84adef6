"""The address of a client, and the one under which its requests and connections are counted."""

from __future__ import annotations

import ipaddress

from flask import request

from models.networks import canonical_address


def request_address() -> str | None:
    """Return the IP address that this request comes from, or None when it is unknown.

    It is that of the connection, or what our proxies say, as far as ESSAYCOACH_PROXIES reaches. No other header is read.
    """
    return canonical_address(request.remote_addr or "")


def counted_address(address: str) -> str:
    """Return the IP address to count under. For IPv6 it is the /64 network, because one subscriber can use all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # the server listens on a socket file, or a proxy forwards a host name
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
