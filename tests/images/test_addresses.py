"""Which addresses are connected to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from services.images.addresses import is_public, parse


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "104.16.0.1", "172.15.255.255", "172.32.0.1", "100.63.0.1",
                "2606:4700::1111", "2a00:1450:4001::1"],
)  # fmt: skip
def test_a_public_address_is_connected_to(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1",
        "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
        "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2002:7f00:1::", "2001::1",
        "2001:db8::1", "100::1", "::127.0.0.1",
    ],
)  # fmt: skip
def test_a_special_address_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "fe80::1%lo"])
def test_what_is_no_address_is_looked_up_as_a_name(text: str) -> None:
    assert parse(text) is None
