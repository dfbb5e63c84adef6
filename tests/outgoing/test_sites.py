"""Test which web addresses are of one site."""

from __future__ import annotations

import pytest

from outgoing.sites import is_same_site


@pytest.mark.parametrize(
    ("url", "other", "one_site"),
    [
        ("https://lms.school.example/token", "https://lms.school.example:8443/login", True),
        ("https://sso.school.example/token", "https://LMS.school.example/", True),
        ("https://auth.brightspace.com/", "https://school.brightspace.com/", True),
        ("https://sso.school.example/token", "https://lms.other.example/", False),
        ("https://sso.lms.school.example/token", "https://lms.school.example/", False),
        ("https://school.example/token", "https://other.example/", False),
        # Anybody may have a name below these, and an address of an IPv4 network has no name above it.
        ("https://school.co.uk/token", "https://attacker.co.uk/", False),
        ("https://school.k12.ca.us/token", "https://attacker.k12.ca.us/", False),
        ("https://school.github.io/token", "https://attacker.github.io/", False),
        ("https://10.0.0.1/token", "https://11.0.0.1/", False),
    ],
)
def test_site_is_one_domain_that_belongs_to_somebody(url: str, other: str, one_site: bool) -> None:
    assert is_same_site(url, other) is one_site
