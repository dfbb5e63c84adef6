"""Test the setting that allows networks which are not public."""

from __future__ import annotations

import ipaddress

import pytest

from models.errors import SettingsError
from outgoing.client import Client
from outgoing.settings import NETWORKS, read_networks


def test_no_network_is_allowed_by_default(monkeypatch):
    monkeypatch.delenv(NETWORKS, raising=False)
    assert read_networks() == ()
    assert not Client(allowed=read_networks()).allows_local


def test_networks_are_read_with_commas_between(monkeypatch):
    monkeypatch.setenv(NETWORKS, " 10.20.30.40/16,fd00:1::/32, 127.0.0.1,")
    assert list(map(str, read_networks())) == ["10.20.0.0/16", "fd00:1::/32", "127.0.0.1/32"]
    assert Client(allowed=read_networks()).allows_local
    assert not Client(allowed=(ipaddress.ip_network("10.0.0.0/8"),)).allows_local


@pytest.mark.parametrize("value", ["lms.example", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0 10.1.0.0", "*"])
def test_text_that_is_no_network_stops_the_program(monkeypatch, value):
    monkeypatch.setenv(NETWORKS, value)
    with pytest.raises(SettingsError, match=f"{NETWORKS} must hold networks"):
        read_networks()


@pytest.mark.parametrize(
    "value",
    ["0.0.0.0/0", "::/0", "10.0.0.0/7", "127.0.0.0/8", "::1", "169.254.169.254", "10.1.0.0/16,8.0.0.0/8", "fe80::/10"],
)
def test_production_refuses_networks_that_are_not_private(monkeypatch, value):
    monkeypatch.setenv(NETWORKS, value)
    read_networks()
    monkeypatch.setenv("ESSAYCOACH_PRODUCTION", "on")
    with pytest.raises(SettingsError, match=f"{NETWORKS} must hold only parts of 10.0.0.0/8"):
        read_networks()


def test_production_takes_private_networks(monkeypatch):
    monkeypatch.setenv("ESSAYCOACH_PRODUCTION", "on")
    monkeypatch.setenv(NETWORKS, "10.20.0.0/16, 192.168.7.0/24, fd00::/8")
    assert len(read_networks()) == 3
