"""Test which addresses may be called, against the ranges of Microsoft's library and the standard library's data."""

from __future__ import annotations

import ipaddress

import pytest
from AntiSSRF import IPAddressRanges
from hypothesis import given
from hypothesis import strategies as st

from outgoing.addresses import DENIED_IPV4, PRIVATE, is_private, is_public, may_be_called

MORE = ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "::/3", "4000::/2", "8000::/1")
DENIED = tuple(map(ipaddress.ip_network, (*IPAddressRanges.recommended_latest, *MORE)))
# How an IPv4 address is written inside an IPv6 one: mapped, compatible, translated, NAT64 twice, 6to4 and Teredo.
EMBEDDED = {
    "mapped": lambda v4: 0xFFFF << 32 | v4,
    "compatible": lambda v4: v4,
    "translated": lambda v4: 0xFFFF << 48 | v4,
    "NAT64": lambda v4: 0x64FF9B << 96 | v4,
    "local NAT64": lambda v4: 0x64FF9B << 96 | 1 << 80 | v4,
    "6to4": lambda v4: 0x2002 << 112 | v4 << 80,
    "Teredo": lambda v4: 0x20010000 << 96 | v4 ^ 0xFFFFFFFF,
}


def in_network(network):
    first, last = int(network[0]), int(network[-1])
    make = type(network[0])
    return st.sampled_from([first, last]).map(make) | st.integers(first, last).map(make)


@pytest.mark.parametrize("network", DENIED, ids=str)
def test_no_address_of_a_denied_range_is_called(network):
    @given(in_network(network))
    def check(address):
        assert not may_be_called(address, allowed=())

    check()


@given(st.ip_addresses())
def test_no_address_is_called_that_the_standard_library_knows_to_be_special(address):
    if may_be_called(address, allowed=()):
        assert address.is_global
        assert not (address.is_private or address.is_loopback or address.is_link_local)
        assert not (address.is_multicast or address.is_reserved or address.is_unspecified)


@given(st.ip_addresses(v=4))
def test_no_address_that_holds_an_ipv4_address_is_called(address):
    for form, embed in EMBEDDED.items():
        assert not may_be_called(ipaddress.IPv6Address(embed(int(address))), allowed=()), form


@given(st.ip_addresses(v=4))
def test_public_addresses_are_those_outside_the_denied_ranges(address):
    assert is_public(address) == (not any(address in network for network in DENIED_IPV4))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "169.253.255.255", "172.32.0.0", "2606:4700::1111", "2a00:1450::1"]
)
def test_public_address_is_called(address):
    assert may_be_called(ipaddress.ip_address(address), allowed=())


def test_address_with_an_interface_is_not_called():
    assert not may_be_called(ipaddress.ip_address("2606:4700::1111%eth0"), allowed=())


def test_allowed_network_is_called_and_its_neighbour_is_not():
    allowed = (ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("::1"))
    assert may_be_called(ipaddress.ip_address("10.20.255.255"), allowed=allowed)
    assert may_be_called(ipaddress.ip_address("::1"), allowed=allowed)
    assert not may_be_called(ipaddress.ip_address("10.21.0.0"), allowed=allowed)
    # In another spelling it is another address.
    assert not may_be_called(ipaddress.ip_address("::ffff:10.20.0.1"), allowed=allowed)


def test_only_a_part_of_a_private_network_is_private():
    assert all(map(is_private, PRIVATE))
    assert is_private(ipaddress.ip_network("fd00:1::/32"))
    for wide in (
        "0.0.0.0/0",
        "10.0.0.0/7",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "::/0",
        "::1/128",
        "fe80::/10",
        "8.8.8.8/32",
    ):
        assert not is_private(ipaddress.ip_network(wide)), wide
