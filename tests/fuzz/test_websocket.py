"""Handshakes and frames as the gateway's real transport reads them, damaged anywhere."""

from __future__ import annotations

import re
import time
import zlib

from hypothesis import strategies as st

from dexwire.client.frames import decode
from dexwire.stream.closing import BAD_UTF8, PRIVATE, TOO_BIG, UNSUPPORTED_DATA
from tests.testkit.entries import get, handshake
from tests.testkit.fuzzed_server import FuzzedServer
from tests.testkit.fuzzing import try_all
from tests.testkit.mutations import mutated

GROWTH_MB = 24
STATUSES = frozenset({101, 200, 400, 403, 404, 405, 414, 426, 429, 431, 503, 505})
CODES = frozenset(
    {
        *range(1000, 1004),
        *range(1007, 1015),
        *(each.code for each in (UNSUPPORTED_DATA, BAD_UTF8, TOO_BIG, *PRIVATE)),
    }
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
HANDSHAKES = (
    handshake(),
    handshake("Sec-WebSocket-Protocol: discover.v1.json", "Origin: http://localhost:8000"),
    handshake(DEFLATE, "Sec-WebSocket-Protocol: other, discover.v1.json"),
    handshake("X-Forwarded-For: 1.2.3.4, 5.6.7.8", "Cookie: a=b").replace(
        b"/ws ", b"/ws?topics=all,list:volume:24h:desc:*:50&watch=solana:A "
    ),
    handshake().replace(b"/ws ", b"http://x/ws?topics=chain:eth&topics=alerts "),
    get("/livez"),
    get("/health"),
)
PIECES = (
    *(b"\r\n", b"\n", b"\r\n\r\n", b":", b" ", b"\t", b"\x00", b"\xff", b"//[", b"//", b"/../"),
    *(b"?topics=", b"&watch=", b"topics=%ff", b"%00", b"#", b"http://[x]/ws", b"a" * 9_000),
    *(b"Upgrade: h2c\r\n", b"Connection: close\r\n", b"Sec-WebSocket-Version: 99\r\n"),
    *(b"Sec-WebSocket-Key: \xc3\xa9\r\n", b"Sec-WebSocket-Key: AA==\r\n", b" folded\r\n"),
    *(DEFLATE.encode() + b"; server_max_window_bits=8\r\n", b"Sec-WebSocket-Extensions: ;,=\"\r\n"),
    *(b"Origin: null\r\n", b"Content-Length: 5\r\n", b"X: y\r\n" * 120, b"HTTP/1.0"),
)  # fmt: skip


def frame(opcode: int, data: bytes = b"", *, first: int = 0x80) -> bytes:
    """Return a masked frame; `first` holds FIN and the reserved bits."""
    size, mask = len(data), b"\x01\x02\x03\x04"
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes([first | opcode]) + length + mask + masked


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


SUB = b'{"op":"sub","id":1,"topics":["all","list:volume:24h:desc:*:50"]}'
END = frame(8, b"\x03\xe8")
FRAMES = (
    frame(1, SUB) + frame(1, b'{"op":"unsub","topics":["all"]}') + END,
    frame(1, SUB[:20], first=0) + frame(9, b"x") + frame(0, SUB[20:]) + END,
    frame(1, b'{"op":"watch","ids":["solana:A"],"mode":"add"}') + frame(10, b"") + END,
    frame(1, b'{"op":"ping","id":"\xc3\xa9"}') * 3 + frame(2, b"\x00\x01") + END,
    frame(1, deflated(SUB), first=0xC0) + END,
    frame(1, deflated(b" " * 60_000), first=0xC0) + END,
    frame(1, b'{"op":"resume","e":"e1","topics":{"all":1}}' + b" " * 200) + frame(8),
)
FRAME_PIECES = (
    *(b"\x81\x80\x00\x00\x00\x00", b"\x00\x00", b"\x81\xff" + b"\x7f" * 8, b"\xc1", b"\x88\x82"),
    *(b"\x81\xfe\xff\xff", b"\x80", b"\x0b", b"\xff", b"\x01\x80\0\0\0\0" * 70),
    *(frame(1, b"\xed\xa0\xbd"), frame(8, b"\x03"), frame(8, b"\x03\xed"), frame(9, b"x" * 125)),
    *(frame(1, b"[" * 10_000), frame(1, b"not JSON") * 6, frame(1, SUB) * 30, frame(3)),
)  # fmt: skip


def head(raw: bytes) -> tuple[int, bytes]:
    """Read the response to a handshake; return its status and what follows its head."""
    first, ended, rest = raw.partition(b"\r\n\r\n")
    status_line = re.match(rb"HTTP/1\.1 (\d\d\d) [ -~]+\r\n", first + b"\r\n")
    assert status_line, first[:100]
    assert ended
    return int(status_line[1]), rest


def ended_by(raw: bytes) -> str:
    """Read frames of the gateway strictly; return what ended them."""
    end, kinds = "no close frame", 0
    while len(raw) >= 2:
        opcode, size, start = raw[0], raw[1], 2
        assert size < 128  # unmasked
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(raw[2:start], "big")
        data, raw = raw[start : start + size], raw[start + size :]
        if len(data) < size:
            break
        if opcode == 0x88:
            code = int.from_bytes(data[:2], "big") if data else 1000
            assert code in CODES or 3000 <= code < 5000, code  # the client's own is echoed
            return f"{code}"
        if opcode == 0xC1:
            data = zlib.decompressobj(-15).decompress(data + b"\x00\x00\xff\xff")
        if opcode in {0x81, 0xC1}:
            assert decode(data) is not None
            kinds += 1
        else:
            assert opcode in {0x89, 0x8A}
    return end


def test_a_damaged_handshake_is_answered(gateway: FuzzedServer) -> None:
    def outcome(given: tuple[bytes, int]) -> str:
        request, at = given
        raw = gateway.send(request[:at], request[at:])
        if not raw:
            return "closed"
        status, rest = head(raw)
        assert status in STATUSES
        if status != 101:
            return str(status)
        return f"101, {ended_by(rest)}"

    inputs = st.tuples(mutated(HANDSHAKES, PIECES, most=3), st.integers(0, 200))
    tried = try_all("handshake", inputs, outcome, examples=250, most_s=10, clock=time.monotonic)
    print(f"  {tried.name}{gateway.check(GROWTH_MB)}")


def test_damaged_frames_are_answered_or_closed_with_a_code(gateway: FuzzedServer) -> None:
    def outcome(given: tuple[bytes, bytes, int]) -> str:
        request, frames, at = given
        raw = gateway.send(request, frames[:at], frames[at:], END)
        if not raw:
            return "reset"  # a close with bytes unread takes what was sent with it
        status, rest = head(raw)
        assert status == 101
        return ended_by(rest)

    hands = st.sampled_from(HANDSHAKES[:4])
    inputs = st.tuples(hands, mutated(FRAMES, FRAME_PIECES, most=3), st.integers(0, 100))
    tried = try_all("frames", inputs, outcome, examples=200, most_s=10, clock=time.monotonic)
    print(f"  {tried.name}{gateway.check(GROWTH_MB)}")
