"""HTTP as the api's real server reads it: requests on a socket, damaged anywhere."""

from __future__ import annotations

import json
import re
import time

from hypothesis import strategies as st

from services.api.ingest.body import parse
from tests.testkit.entries import get, post
from tests.testkit.fuzzed_server import FuzzedServer
from tests.testkit.fuzzing import Tried, try_all
from tests.testkit.mutations import mutated, mutated_json
from tests.testkit.process import ROOT

GROWTH_MB = 24
TOKEN = {"token_address": "Abc", "price": 1.5, "volume_24h": 1e6, "token_name": "Cat \N{CAT FACE}"}
BODIES = tuple(
    json.dumps({"source": "mybot", "tokens": tokens}, ensure_ascii=False).encode()
    for tokens in (
        [TOKEN],
        [TOKEN, {**TOKEN, "chain": "eth", "token_address": "0x" + "ab" * 20, "observed_ms": 1}],
        [{"token_address": "x/y", "price": 1}, {"token_address": "Z", "price": None}, {}],
        [{"token_address": "T", "price_change": -0.0, "sources_used": ["jupiter"], "holders": 3}],
    )
)
PAGE = get("/tokens/solana/Token00001").replace(b"Connection: close\r\n", b"")
CHUNKED = post("Transfer-Encoding: chunked", "Connection: close")
REQUESTS = (
    get("/discover?sort=volume&limit=2"),
    get("/discover?min_price=1&q=cat", "If-None-Match: W/\"x\"", "Accept-Encoding: gzip"),
    get("/search?q=%24cat&limit=1", "Origin: http://evil.example"),
    get("/tokens/eth/0x0000000000000000000000000000000000000001", "X-Forwarded-For: 1.2.3.4"),
    get("http://api/livez"),
    post(f"Content-Length: {len(BODIES[0])}", "Connection: close") + BODIES[0],
    post("Expect: 100-continue", "Content-Length: 2", "Idempotency-Key: k1", "Connection: close"),
    CHUNKED + b"5;a=b\r\n" + BODIES[0][:5] + b"\r\n%x\r\n" % len(BODIES[0][5:]) + BODIES[0][5:]
    + b"\r\n0\r\nX-Trailer: y\r\n\r\n",
    PAGE + PAGE + get("/livez"),
    PAGE * 20 + get(),
    PAGE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\na: b\r\n\r\n" + get("/readyz"),
    b"OPTIONS /ingest HTTP/1.1\r\nHost: api\r\nOrigin: http://x\r\nConnection: close\r\n\r\n",
    b"GET /health HTTP/1.0\r\n\r\n",
)  # fmt: skip
PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b"\x00", b"\xff", b"\x80", b"\x0b"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Length: 9" + b"9" * 30 + b"\r\n"),
    *(b"Host: other\r\n", b"Host:\r\n", b" folded: line\r\n", b"Connection: upgrade\r\n"),
    *(b"Upgrade: h2c\r\n", b"Expect: 200-ok\r\n", b"Content-Encoding: gzip\r\n", b"HTTP/2.0"),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    *(b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\n", b"0x5\r\n", b";"),
    *(b"%", b"%2F", b"%00", b"//", b"/../", b"?", b"#", b"*", b"a" * 9_000, b"X: y\r\n" * 120),
)  # fmt: skip
ROWS = [
    line.split("|")[1:3]
    for line in (ROOT / "docs" / "HTTP.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| [45]\d\d", line)
]
DOCUMENTED = {
    (int(status), code)
    for statuses, codes in ROWS
    for status in re.findall(r"\d{3}", statuses)
    for code in re.findall(r"`([a-z_]+)`", codes)
} | {(400, "bad_quote")}
WELL = frozenset({100, 200, 202, 204, 304})


def answers(raw: bytes) -> list[tuple[int, bytes]]:
    """Read answers strictly; return status and body of each. The last may be torn off."""
    found = []
    while raw:
        head, ended, raw = raw.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        status_line = re.fullmatch(rb"HTTP/1\.1 (\d\d\d) [ -~]+", first)
        assert status_line, first
        fields = {
            name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)
        }
        status, size = int(status_line[1]), int(fields.get(b"content-length", b"0"))
        body, raw = (b"", raw) if status in {100, 204, 304} else (raw[:size], raw[size:])
        if not ended or (len(body) < size and status not in {100, 204, 304}):
            break
        if status >= 400:
            assert fields[b"content-type"] == b"application/problem+json"
        found.append((status, body))
    return found


def judged(status: int, body: bytes) -> str:
    """Check one answer; return its status and code."""
    if status in WELL:
        return str(status)
    code = json.loads(body)["code"]
    assert (status, code) in DOCUMENTED
    return f"{status} {code}"


def shown(tried: Tried, server: FuzzedServer) -> None:
    print(f"  {tried.name}{server.check(GROWTH_MB)}")


def test_a_damaged_request_has_a_documented_answer(api: FuzzedServer) -> None:
    page = answers(api.send(REQUESTS[0], whole=True))

    def outcome(given: tuple[bytes, int]) -> str:
        request, at = given
        found = [judged(*one) for one in answers(api.send(request[:at], request[at:]))]
        return found[-1] if found else "closed"

    inputs = st.tuples(mutated(REQUESTS, PIECES, most=3), st.integers(0, 200))
    tried = try_all("http", inputs, outcome, examples=250, most_s=10, clock=time.monotonic)

    assert answers(api.send(REQUESTS[0], whole=True)) == page
    shown(tried, api)


def framed(body: bytes, sizes: list[int]) -> bytes:
    """Return a post of a body: whole, or in chunks of these sizes."""
    if not sizes:
        return post(f"Content-Length: {len(body)}", "Connection: close") + body
    chunks: list[bytes] = []
    rest = body
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    given = [chunk for chunk in (*chunks, rest) if chunk]
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in given) + b"0\r\n\r\n"


def test_a_damaged_body_is_judged(api: FuzzedServer) -> None:
    def outcome(given: tuple[bytes, list[int]]) -> str:
        body, sizes = given
        ((status, answer),) = answers(api.send(framed(body, sizes), whole=True))
        verdict = json.loads(answer)
        if status == 202:
            tokens = len(parse(body).tokens)
            assert verdict["accepted"] + len(verdict["rejected"]) == tokens
        return judged(status, answer)

    whole: list[int] = []
    sizes = st.just(whole) | st.lists(st.integers(1, 400), min_size=1, max_size=4)
    inputs = st.tuples(mutated_json(BODIES), sizes)
    tried = try_all("ingest", inputs, outcome, examples=400, most_s=10, clock=time.monotonic)
    shown(tried, api)
