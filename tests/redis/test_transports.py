"""TLS and unix sockets: who is let in, who is believed, and that the stack runs over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.redis.address import RedisAddress
from shared.redis.connect import UNREACHABLE, open_redis
from tests.testkit.certificates import Authority
from tests.testkit.process import Process, free_port, require
from tests.testkit.redis_servers import RedisServer
from tests.testkit.stack import Stack

Start = Callable[..., RedisServer]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def start_tls(start: Start, authority: Authority, *, clients: str) -> str:
    """Start a server that speaks nothing but TLS; return its address."""
    port = free_port()
    options = {
        "port": "0",
        "tls-port": str(port),
        "bind": "127.0.0.1",
        "save": '""',
        "tls-cert-file": authority.server,
        "tls-key-file": authority.server_key,
        "tls-ca-cert-file": authority.ca,
        "tls-auth-clients": clients,
    }
    files = f"ssl_ca_certs={authority.ca}&ssl_certfile={authority.client}"
    url = f"rediss://127.0.0.1:{port}?{files}&ssl_keyfile={authority.client_key}"
    # The bundled server is built without TLS.
    start("tls", options, url=url, binary=require("redis-server"))
    return f"rediss://127.0.0.1:{port}/0"


async def reached(address: RedisAddress) -> bool:
    client = open_redis(address)
    try:
        await client.ping()
    except UNREACHABLE:
        return False
    finally:
        await client.aclose()
    return True


async def test_a_server_is_believed_by_its_certificate_and_believes_ours(
    start_server: Start, authority: Authority
) -> None:
    url = start_tls(start_server, authority, clients="yes")
    ours = {"cert_file": authority.client, "key_file": authority.client_key}

    assert await reached(RedisAddress(url=url, ca_file=authority.ca, **ours))
    assert not await reached(RedisAddress(url=url, ca_file=authority.ca))  # who are we?
    assert not await reached(RedisAddress(url=url, **ours))  # who says that it is the one?
    other_name = url.replace("127.0.0.1", "localhost")
    assert not await reached(RedisAddress(url=other_name, ca_file=authority.ca, **ours))
    in_the_clear = url.replace("rediss:", "redis:")
    assert not await reached(RedisAddress(url=in_the_clear))


@pytest.mark.timeout(180)
async def test_services_run_over_tls(
    start_server: Start, authority: Authority, spawn_dexwire: Callable[..., Process]
) -> None:
    url = start_tls(start_server, authority, clients="no")
    stack = Stack(spawn_dexwire, lambda _: {"REDIS_URL": url, "REDIS_CA_FILE": authority.ca})
    stack.start("replay", "aggregator", "fetcher", "api")

    async with stack.client() as client:
        page = await stack.shows(client, 10)
    audit = stack.verify()

    assert audit.wait(60) == 0, audit.output()
    assert page["tokens"]


async def test_a_socket_is_as_good_as_a_port(start_server: Start, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    options = {"port": "0", "unixsocket": str(path), "save": '""', "requirepass": "hush"}
    start_server("unix", options, url=f"unix://:hush@{path}")

    assert await reached(RedisAddress(url=f"unix://{path}", password="hush"))
    assert await reached(RedisAddress(url=f"unix://default@{path}", password="hush"))
    assert not await reached(RedisAddress(url=f"unix://{path}", password="wrong"))
    assert not await reached(RedisAddress(url=f"unix://{path}.none", password="hush"))
