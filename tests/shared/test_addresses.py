"""Whose address counts, behind which proxies."""

from __future__ import annotations

import pytest

from services.api.settings import ApiSettings
from services.ws.settings import WsSettings
from shared.edge.client_address import Proxies, limit_key
from shared.errors import ConfigError
from shared.process.settings import read_settings

PROXIES = Proxies(["10.0.0.1", "172.16.0.0/12", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("9.9.9.9", "", "9.9.9.9"),
        ("9.9.9.9", "1.1.1.1", "9.9.9.9"),  # forged: the peer is no proxy of ours
        ("127.0.0.1", "1.1.1.1", "127.0.0.1"),  # being near is not being trusted
        ("", "1.1.1.1", ""),  # a unix socket
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.2", "1.1.1.1", "10.0.0.2"),
        ("172.31.255.255", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),  # what the client itself wrote comes first
        ("10.0.0.1", "10.0.0.1, 6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, 172.16.0.9,fd00::1", "1.1.1.1"),
        ("10.0.0.1", "172.16.0.8, 172.16.0.9", "172.16.0.8"),  # a client among the proxies
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, unknown, 172.16.0.9", "172.16.0.9"),
        ("10.0.0.1", "1.1.1.1:4711", "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "1.1.1.1," * 10_000 + "2.2.2.2", "2.2.2.2"),
        ("10.0.0.1", ", ".join(["172.16.0.9"] * 100_000), "172.16.0.9"),
        ("::ffff:10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"),
        ("fd12::1%eth0", "1.1.1.1", "1.1.1.1"),
    ],
)
def test_the_client_is_the_one_that_the_nearest_proxy_of_ours_saw(
    peer: str, forwarded: str, client: str
) -> None:
    assert PROXIES.client(peer, forwarded) == client


def test_without_proxies_of_ours_the_peer_is_the_client() -> None:
    assert Proxies().client("10.0.0.1", "1.1.1.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("", ""),
    ],
)
def test_ipv4_counts_whole_and_ipv6_by_its_64(address: str, key: str) -> None:
    assert limit_key(address) == key


@pytest.mark.parametrize("cls", [ApiSettings, WsSettings])
@pytest.mark.parametrize("word", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "*", "fd00::/129"])
def test_what_is_no_network_stops_the_start(
    cls: type[ApiSettings | WsSettings], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", f"10.0.0.1,{word}")

    with pytest.raises(ConfigError, match=r"^TRUSTED_PROXIES: .*addresses or networks"):
        read_settings(cls)


@pytest.mark.parametrize("cls", [ApiSettings, WsSettings])
def test_networks_are_read_as_a_list(
    cls: type[ApiSettings | WsSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1, 172.16.0.0/12")

    assert read_settings(cls).trusted_proxies == ("10.0.0.1", "172.16.0.0/12")
