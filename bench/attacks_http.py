"""Attacks on the api, each from one address, and what they cost: see `bench/attacks.py`."""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final

from bench.attacks_table import Figure
from bench.loopback import HttpClient, connect, new_address
from bench.process import cpu_s, resident_mib
from bench.readings import PREFIX
from bench.running import Services, repeating

WALKED: Final = 3_000  # tokens of a walk whose rest leaves its filter
PER_S: Final = 50.0  # requests that API_RATE lets one address make
SECONDS: Final = 6.0  # for which a processor's use is measured
_CHUNKED: Final = (
    b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
)
_TRAILERS: Final = b"a1: b\r\n" * 8_192
_TRAILERS_MOST: Final = 60_000_000  # bytes
_ALONE_S: Final = 3.0
_TRAILERS_S: Final = 4.0  # for which refused connections are replaced by new ones
_REFUSED: Final = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
_PIPELINED: Final = 200
_MOST: Final = 3_000  # requests until an address has used up its share of a processor


def trailers(found: Services) -> Iterator[Figure]:
    """Send trailers without an end behind a chunked post, while another client looks at /livez."""
    api, port = found.processes["api"], found.ports["api"]
    honest = HttpClient(port)
    alone_until = time.monotonic() + _ALONE_S
    alone = _p99_ms(honest, lambda: time.monotonic() > alone_until)
    peak = before = resident_mib(api.pid)

    def sample() -> None:
        nonlocal peak
        with suppress(OSError, IndexError):  # it may have ended
            peak = max(peak, resident_mib(api.pid))

    with ThreadPoolExecutor(1) as pool, repeating(sample, 0.01):
        attack = pool.submit(_send_trailers, port)
        beside = _p99_ms(honest, attack.done)
    attack.result()
    yield Figure("memory of the api", "≤ 1 MiB", f"{peak - before:+.1f} MiB", peak - before)
    ended = "" if api.poll() is None else ", and the api ended"
    shown = f"{beside:.1f} ms (alone {alone:.1f}){ended}"
    yield Figure("p99 of another's /livez", "+20 ms at most", shown, beside - alone)


def _send_trailers(port: int) -> None:
    """Send them on one connection; once it was refused, on others, so that it can be felt."""
    address, until = new_address(), time.monotonic() + _TRAILERS_S
    while time.monotonic() < until:
        with suppress(OSError), connect(port, address) as attacker:
            attacker.sendall(_CHUNKED)
            for _ in range(_TRAILERS_MOST // len(_TRAILERS)):
                attacker.sendall(_TRAILERS)
            return  # all of it was taken


def _p99_ms(client: HttpClient, done: Callable[[], bool]) -> float:
    """Return the 99th percentile of probes until it is `done`.

    One without an answer counts with the time until that was clear.
    """
    took = list[float]()
    while not took or not done():
        began = time.perf_counter()
        with suppress(OSError, HTTPException):
            client.get("/livez")
        took.append(time.perf_counter() - began)
        time.sleep(0.003)
    return sorted(took)[len(took) * 99 // 100] * 1e3


def idempotency(found: Services) -> Iterator[Figure]:
    """Post batches with a new key each, of which nearly all tokens are bad."""
    client, batch = HttpClient(found.ports["api"]), itertools.count()

    def most_kept(bad: int, posts: int) -> float:
        """Return the bytes that the largest of these posts takes in the store."""
        most = 0
        for number in itertools.islice(batch, posts):
            answer = client.post("/ingest", _batch(bad), {"Idempotency-Key": f"attack-{number}"})
            if answer.status != 202:
                raise ConnectionRefusedError(f"a post got {answer.status}: {answer.body}")
            for key in found.client.scan_iter(
                f"{PREFIX}ingest:seen:*:attack-{number}", count=1_000
            ):
                most = max(most, found.client.memory_usage(key, samples=0))
        return most / 1e3

    whole = most_kept(499, 20)
    yield Figure("store a key, 499 bad tokens", "≤ 2 KB", f"{whole:.1f} KB", whole)
    fewer = max(most_kept(bad, 2) for bad in (0, 2, 5, 10, 20, 50, 100, 200))
    yield Figure("store a key, fewer, the most", "≤ 2 KB", f"{fewer:.1f} KB", fewer)


def _batch(bad: int) -> dict[str, Any]:
    """Return one good token and others whose answers cannot be compressed well."""
    tokens = [{"token_address": f"bad {random.getrandbits(200):050x}"} for _ in range(bad)]
    return {"source": "attack", "tokens": [{"token_address": "Good", "price": 1}, *tokens]}


def walks(found: Services) -> Iterator[Figure]:
    """Open all walks that one address can, then one from another."""
    attacker, other = HttpClient(found.ports["api"]), HttpClient(found.ports["api"])
    opened = 0
    for number in range(70):
        if _second_page(attacker, f"limit=1&min_liquidity={number}") != 200:
            break
        opened += 1
    status = _second_page(other, "limit=1&min_liquidity=1000")
    yield Figure("walks of one address", "a share of 64", f"{opened}", opened)
    yield Figure("a walk of another address", "200", f"{status}", status)


def _second_page(client: HttpClient, query: str) -> int:
    """Begin a walk; return the status of its second page, which pins its order."""
    first = client.get(f"/discover?{query}")
    if first.status != 200:
        return first.status
    return client.get(f"/discover?{query}&cursor={first.body['nextCursor']}").status


def filtered_walk(found: Services) -> Iterator[Figure]:
    """Walk a list by one token a page until all of its rest has left the filter; then repeat."""
    client, watcher = HttpClient(found.ports["api"]), HttpClient(found.ports["api"])
    query = "/discover?limit=1&max_price=0.001235"  # of step 0; step 1 is 1 % above
    first = client.get(query)
    second = client.get(f"{query}&cursor={first.body['nextCursor']}")
    found.publish(range(WALKED), 1)
    found.wait(lambda: watcher.get(query).body.get("total") == 0, "no token passes the filter")
    began = time.perf_counter()
    last = client.get(f"{query}&cursor={second.body['nextCursor']}")
    seconds = time.perf_counter() - began
    yield Figure(
        "its last page", "200 at once", f"{last.status} after {seconds * 1e3:.0f} ms", last.status
    )
    pid, again = found.processes["api"].pid, f"{query}&cursor={second.body['nextCursor']}"
    cached = _used_pct(pid, HttpClient(found.ports["api"]), "/discover")
    _use_up(client, again)
    more = _used_pct(pid, client, again) - cached
    shown = f"{more:.1f} % (a cached page {cached:.1f})"
    yield Figure("a core of the api, its last page again", "≤ 5 %", shown, more)


def searches(found: Services) -> Iterator[Figure]:
    """Request what is not cached at the rate that one address may, beside what is.

    `q=t` begins the ticker of every token here, as `q=a` does of many on a real list.
    """
    pid, attacker = found.processes["api"].pid, HttpClient(found.ports["api"])
    cached = _used_pct(pid, HttpClient(found.ports["api"]), "/discover")
    _use_up(attacker, "/search?q=t")
    paths = {
        "/search?q=t": "/search?q=t",
        "/discover?source=": "/discover?limit=100&source=jupiter&min_market_cap={}",
    }
    for name, path in paths.items():
        more = _used_pct(pid, attacker, path) - cached
        shown = f"{more:.1f} % (a cached page {cached:.1f})"
        yield Figure(f"a core of the api, {name}", "≤ 5 %", shown, more)


def _use_up(client: HttpClient, path: str) -> None:
    """Request a path at PER_S until the address has used up its share, a second of it at once."""
    began = time.monotonic()
    for number in range(_MOST):
        time.sleep(max(0.0, began + number / PER_S - time.monotonic()))
        if client.get(path).status == 429:
            return


def _used_pct(pid: int, client: HttpClient, path: str) -> float:
    """Return how much of a core a process uses while PER_S requests a second come.

    Each has the next number in the place of `{}`.
    """
    began, used = time.monotonic(), cpu_s(pid)
    for number in range(int(PER_S * SECONDS)):
        time.sleep(max(0.0, began + number / PER_S - time.monotonic()))
        client.get(path.format(number))
    return 100 * (cpu_s(pid) - used) / (time.monotonic() - began)


def refusals(found: Services) -> Iterator[Figure]:
    """Send requests that are refused, many in one write, on one connection after the other."""
    port, pid, address = found.ports["api"], found.processes["api"].pid, new_address()
    began, used, own, answers = time.monotonic(), cpu_s(pid), time.thread_time(), 0
    while time.monotonic() < began + SECONDS:
        with suppress(OSError), connect(port, address) as attacker:
            answers += _pipeline(attacker, began + SECONDS)
    seconds = time.monotonic() - began
    pct = 100 * (cpu_s(pid) - used) / seconds
    own_pct = 100 * (time.thread_time() - own) / seconds
    shown = f"{pct:.0f} % for {own_pct:.0f} % of the attacker's, {answers / seconds:,.0f}/s"
    yield Figure("a core of the api", "below before", shown, pct)


def _pipeline(attacker: socket.socket, until: float) -> int:
    """Send and read in turns until the connection is closed; return how many answers came."""
    answers = wanted = 0
    while time.monotonic() < until:
        attacker.sendall(_REFUSED * _PIPELINED)
        wanted += _PIPELINED
        while answers < wanted:
            data = attacker.recv(1 << 20)
            if not data:
                return answers
            answers += data.count(b"HTTP/1.1 ")
    return answers


def full_list(found: Services) -> Iterator[Figure]:
    """Post tokens with `ack=commit` until the list is full, then one more."""
    client = HttpClient(found.ports["api"])
    for start in (0, 100):
        client.post("/ingest?ack=commit", _tokens(f"Mine{start + n}" for n in range(100)), {})
    answer = client.post("/ingest?ack=commit", _tokens(["Late"]), {})
    listed = bool(found.client.exists(f"{PREFIX}token:solana:Late"))
    codes = [each["code"] for each in answer.body.get("rejected", ())]
    shown = " ".join((str(answer.status), *codes)) + ("" if listed else ", not listed")
    yield Figure("answer for one token more", "says it is refused", shown, answer.status)


def _tokens(addresses: Iterator[str] | list[str]) -> dict[str, Any]:
    tokens = [{"token_address": each, "price": 1, "liquidity": 50_000} for each in addresses]
    return {"source": "attack", "tokens": tokens}
