"""Which web addresses are of one site: what proves who we are goes to the site that it is for, and to no other."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

# An origin that can stand in the Content-Security-Policy of a page.
_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?")


def is_same_site(url: str, other: str) -> bool:
    """Return whether two addresses are of one site: on one host, or on hosts of one domain that differ in their first part only.

    That is narrower than a browser's same site, where a host may be any number of parts below the domain. The site that a request
    for a token goes to gets our proof, with which another could ask for tokens in our name. Hosts below a public suffix, as
    `school.co.uk` and `other.co.uk` are, are different sites.
    """
    host, other_host = (urlsplit(one).hostname or "" for one in (url, other))
    domain, other_domain = host.partition(".")[2], other_host.partition(".")[2]
    return host == other_host or (domain == other_domain and "." in domain and _is_of_somebody(domain))


def same_site_origin(url: str | None, issuer: str) -> str | None:
    """Return the origin of an address if it may stand in a policy of a page, and is of the same site as the issuer; else None."""
    try:
        origin = origin_of(url) if url else ""
    except ValueError:
        return None
    return origin if _ORIGIN.fullmatch(origin) and is_same_site(origin, issuer) else None


def origin_of(url: str) -> str:
    """Return the origin of an address, as a browser writes it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _is_of_somebody(domain: str) -> bool:
    """Return whether a domain belongs to somebody: it is neither a suffix that anybody may have a name below, nor a part of an IPv4."""
    return not domain.rpartition(".")[2].isdecimal() and not _public_suffixes().is_public(domain)


@cache
def _public_suffixes() -> PublicSuffixList:
    """Return Mozilla's list. It is read when it is first needed, because it takes 2 MiB of each process."""
    return PublicSuffixList()
