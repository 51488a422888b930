"""Attacks on the gateway and the fetcher behind it, and what they cost: see `bench/attacks.py`."""

from __future__ import annotations

import itertools
import random
import selectors
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from bench.attacks_table import Figure
from bench.loopback import HALF_HANDSHAKE, StreamClient, connect, new_address
from bench.process import cpu_s
from bench.readings import PREFIX, token_id
from bench.running import Services
from bench.upstream import Upstream, upstream

SOCKETS: Final = 18  # of the 20 that one address may have
TOKENS: Final = 2_000  # that the fetcher knows: enough to use the calls that it is allowed
_WATCHERS: Final = 3  # addresses that share the sockets where they watch
_IDS: Final = 250  # that fit into one message; a watchlist may have twice as many
# What was watched at the same time is read in reverse order: these ids come before all tokens.
_JUNK: Final = "solana:zz"
_SETTLING_S: Final = 12.0  # the gateway publishes what is watched every ten seconds
_QUIET_S: Final = 15.0
_PART_S: Final = 15.0  # a third of the attack
_AGAIN_S: Final = 5.0
_HALVES: Final = 300
_BURST_S: Final = 4.0
_STEADY_S: Final = 6.0
_SUB_S: Final = 0.1  # a connection may send ten messages a second


# -- watchlists -----------------------------------------------------------------------------------
def watchlists(found: Services) -> Iterator[Figure]:
    """Watch made-up ids, new ones every five seconds, beside one who watches a hundred tokens."""
    with upstream(TOKENS) as source, ExitStack() as held:
        others = {"JUPITER_ENABLED": "false", "GECKOTERMINAL_ENABLED": "false"}
        found.start("fetcher", {"DEXSCREENER_URL": source.url, **others})
        honest = held.enter_context(StreamClient(found.ports["ws"], new_address()))
        mine = _tokens()
        honest.send({"op": "watch", "mode": "set", "ids": mine})
        found.wait(lambda: bool(source.calls), "the fetcher calls for tokens")
        _watch([honest], [], _SETTLING_S)
        since = len(source.calls)
        _watch([honest], [], _QUIET_S)
        quiet = _Calls(source, since, mine, _QUIET_S)
        addresses = [new_address() for _ in range(_WATCHERS)]
        attackers = [
            held.enter_context(StreamClient(found.ports["ws"], addresses[n % _WATCHERS]))
            for n in range(SOCKETS)
        ]
        _watch([honest], attackers, _PART_S)  # until it is felt
        since = len(source.calls)
        _watch([honest], attackers, _PART_S)
        queued = _junk_queued(found)
        _watch([honest], attackers, _PART_S)
        attacked = _Calls(source, since, mine, 2 * _PART_S)
    yield Figure("junk ids in the queues, after 30 s", "bounded", f"{queued:,}", queued)
    yield from _compared(quiet, attacked)
    key = f"{PREFIX}watched"
    ids, size = found.client.zcard(key), found.client.memory_usage(key, samples=0) or 0
    yield Figure("ids in `watched`, after 45 s", "≤ 10,000", f"{ids:,}", ids)
    yield Figure("bytes of it", "", f"{size / 1e6:.2f} MB", size)


class _Calls:
    """What an upstream was called for in so many seconds, a minute."""

    def __init__(self, source: Upstream, since: int, mine: Sequence[str], seconds: float) -> None:
        calls, known = source.calls[since:], set(mine)
        minutes = seconds / 60
        self.all = len(calls) / minutes
        self.junk = sum(any(one.startswith(_JUNK) for one in ids) for ids in calls) / minutes
        self.mine = sum(one in known for ids in calls for one in ids) / len(mine) / minutes


def _compared(quiet: _Calls, attacked: _Calls) -> Iterator[Figure]:
    shown = (
        f"{attacked.junk:.0f} of {attacked.all:.0f} (without {quiet.junk:.0f} of {quiet.all:.0f})"
    )
    yield Figure("DexScreener calls/min for junk", "≤ 12", shown, attacked.junk)
    shown = f"{attacked.mine:.1f} (without {quiet.mine:.1f})"
    yield Figure("requests/min of another's token", "as without", shown, attacked.mine)


def _tokens() -> list[str]:
    """Return tokens that are not among those with the greatest volume."""
    return [token_id(number) for number in range(TOKENS) if number % 97 < 40][:100]


def _watch(
    honest: Sequence[StreamClient], attackers: Sequence[StreamClient], seconds: float
) -> None:
    """Read what comes for so long; `attackers` exchange their watchlists now and then."""
    until, due = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < until:
        if now >= due:
            due = now + _AGAIN_S
            for attacker in attackers:
                for mode in ("set", "add"):
                    attacker.send({"op": "watch", "mode": mode, "ids": _made_up()})
        for client in (*honest, *attackers):
            client.read()
        time.sleep(0.05)


def _made_up() -> list[str]:
    return [f"{_JUNK}{random.getrandbits(160):042x}" for _ in range(_IDS)]


def _junk_queued(found: Services) -> int:
    """Return how many made-up ids wait for their next request, each counted once."""
    junk = set[bytes]()
    for key in found.client.scan_iter(f"{PREFIX}fetch:due:*"):
        junk.update(
            one for one in found.client.zrange(key, 0, -1) if one.startswith(_JUNK.encode())
        )
    return len(junk)


# -- subscriptions --------------------------------------------------------------------------------
def lists(found: Services) -> Iterator[Figure]:
    """Subscribe to as many different lists as one address can, then to one from another."""
    topics = _lists()
    with ExitStack() as held:
        address, kept = new_address(), 0
        for ident in range(8):
            client = held.enter_context(StreamClient(found.ports["ws"], address))
            wanted = list(itertools.islice(topics, 64))
            client.send({"id": ident, "op": "sub", "topics": wanted})
            kept += len(wanted) if client.answer(ident) == "ok" else 0
        other = held.enter_context(StreamClient(found.ports["ws"], new_address()))
        other.send({"id": 9, "op": "sub", "topics": [next(topics)]})
        answer = other.answer(9)
    yield Figure("lists of one address", "a share of 512", f"{kept}", kept)
    shown = "served" if answer == "ok" else answer
    yield Figure("a list of another address", "served", shown, float(answer == "ok"))


def _lists() -> Iterator[str]:
    windowed = itertools.product(
        ("volume", "price_change", "transactions"), ("5m", "1h", "6h", "24h")
    )
    whole = itertools.product(("liquidity", "market_cap", "newest"), ("-",))
    sorts = [*windowed, *whole]
    for chain, most, order in itertools.product(
        ("*", "solana", "base", "ethereum", "bsc"), (10, 25, 50, 100, 200), ("desc", "asc")
    ):
        for sort, window in sorts:
            yield f"list:{sort}:{window}:{order}:{chain}:{most}"


def snapshots(found: Services) -> Iterator[Figure]:
    """Subscribe to `all` again and again, as fast as a connection may send."""
    found.fill(10_000)
    pid, address = found.processes["ws"].pid, new_address()
    with ExitStack() as held, selectors.DefaultSelector() as selector:
        for _ in range(SOCKETS):
            client = held.enter_context(StreamClient(found.ports["ws"], address))
            selector.register(client.socket, selectors.EVENT_READ, client)
        first = _subscribe_again(selector, _BURST_S)
        used = cpu_s(pid)
        steady = _subscribe_again(selector, _STEADY_S)
        pct = 100 * (cpu_s(pid) - used) / _STEADY_S
        still = len(selector.get_map())
    shown = f"{steady:.0f} MB/s (first {_BURST_S:.0f} s {first:.0f})"
    yield Figure("sent", "far below before", shown, steady)
    yield Figure("a core of the gateway", "", f"{pct:.0f} %, {still} sockets open", pct)


def _subscribe_again(selector: selectors.BaseSelector, seconds: float) -> float:
    """Return the MB/s that came."""
    began, due, size = time.monotonic(), 0.0, 0
    while (now := time.monotonic()) < began + seconds:
        clients: list[StreamClient] = [key.data for key in selector.get_map().values()]
        if now >= due:
            due = now + _SUB_S
            for client in clients:
                client.send({"op": "sub", "topics": ["all"]})
        for key, _ in selector.select(max(0.0, due - time.monotonic())):
            try:
                size += len(key.data.read())
            except ConnectionError:
                selector.unregister(key.fileobj)
    return size / (time.monotonic() - began) / 1e6


def handshakes(found: Services) -> Iterator[Figure]:
    """Begin handshakes of one address and end none of them."""
    address = new_address()
    with ExitStack() as held:
        halves = [held.enter_context(connect(found.ports["ws"], address)) for _ in range(_HALVES)]
        for half in halves:
            half.sendall(HALF_HANDSHAKE)
        time.sleep(1.0)
        with selectors.DefaultSelector() as selector:
            for half in halves:
                selector.register(half, selectors.EVENT_READ)
            answered = len(selector.select(0))
    waiting = _HALVES - answered
    yield Figure("connections that wait", "≤ 20", f"{waiting} of {_HALVES}", waiting)
