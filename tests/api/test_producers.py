"""Keys of producers."""

from __future__ import annotations

import hashlib

import pytest

from services.api.ingest.keyless import is_local
from services.api.ingest.producers import Producer, authenticate, parse_producers

SECRET = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


def test_a_key_is_an_id_and_a_secret_or_its_hash() -> None:
    digest = hashlib.sha256(SECRET.encode()).digest()

    assert parse_producers(f"bot.{SECRET}, bot.{OTHER},new.sha256:{digest.hex()}") == (
        Producer("bot", digest),
        Producer("bot", hashlib.sha256(OTHER.encode()).digest()),
        Producer("new", digest),
    )
    assert parse_producers("") == ()


def test_a_fetcher_s_key_names_its_right_and_is_presented_without_it() -> None:
    keys = parse_producers(f"fetcher:polled.{SECRET},fetcher.{OTHER}")

    assert [key.polled for key in keys] == [True, False]
    assert authenticate([f"Bearer fetcher.{SECRET}".encode()], keys) is keys[0]
    assert authenticate([f"Bearer fetcher.{OTHER}".encode()], keys) is keys[1]


@pytest.mark.parametrize(
    "text",
    [
        *("bot", f"Bot.{SECRET}", "bot.short", f".{SECRET}", "bot.sha256:ab"),
        *(f"bot:admin.{SECRET}", f"bot:.{SECRET}", f"bot:{SECRET}"),
    ],
)
def test_a_bad_key_is_an_error_without_the_secret(text: str) -> None:
    with pytest.raises(ValueError, match="key 1") as caught:
        parse_producers(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "producer"),
    [
        ([f"Bearer bot.{SECRET}"], "bot"),
        ([f"bearer bot.{OTHER}"], "bot"),
        ([f"Bearer new.{SECRET}"], None),
        ([f"Bearer bot.{SECRET}x"], None),
        ([f"Basic bot.{SECRET}"], None),
        ([f"Bearer bot.{SECRET}"] * 2, None),
        ([f"Bearer bot.{SECRET}, Bearer bot.{SECRET}"], None),
        (["Bearer bot.\xe4\xf6\xfc"], None),
        (["Bearer"], None),
        ([""], None),
        ([], None),
    ],
)
def test_only_one_whole_key_proves_a_producer(headers: list[str], producer: str | None) -> None:
    keys = parse_producers(f"bot.{SECRET},bot.{OTHER},old.{OTHER}")

    proven = authenticate([h.encode("latin-1") for h in headers], keys)

    assert (proven and proven.id) == producer


HOST = (b"host", b"localhost:8000")


@pytest.mark.parametrize(
    ("peer", "headers", "local"),
    [
        ("127.0.0.1", [HOST, (b"user-agent", b"curl")], True),
        ("::1", [(b"host", b"[::1]:8000")], True),
        ("127.0.0.1", [(b"host", b"127.0.0.1")], True),
        ("127.0.0.1", [(b"host", b"api.localhost.")], True),
        ("192.0.2.1", [HOST], False),
        (None, [HOST], False),
        ("unix", [HOST], False),
        ("127.0.0.1", [], False),
        ("127.0.0.1", [(b"host", b"dexwire.example.org")], False),  # a proxy's, or a rebound name
        ("127.0.0.1", [(b"host", b"localhost.example.org")], False),
        ("127.0.0.1", [HOST, (b"forwarded", b"for=192.0.2.1")], False),
        ("127.0.0.1", [HOST, (b"x-forwarded-proto", b"https")], False),
        ("127.0.0.1", [HOST, (b"via", b"1.1 varnish")], False),
        ("127.0.0.1", [HOST, (b"x-real-ip", b"192.0.2.1")], False),
        ("127.0.0.1", [HOST, (b"cf-connecting-ip", b"192.0.2.1")], False),
        ("127.0.0.1", [HOST, (b"true-client-ip", b"192.0.2.1")], False),
        ("127.0.0.1", [HOST, (b"x-amzn-trace-id", b"Root=1")], False),
    ],
)
def test_only_a_program_of_this_machine_is_local(
    peer: str | None,
    headers: list[tuple[bytes, bytes]],
    local: bool,  # noqa: FBT001 - a table
) -> None:
    assert is_local(peer, "1.1", headers) is local
    assert is_local(peer, "1.0", headers) is False  # as nginx speaks by default
