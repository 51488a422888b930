"""Damage to what others send: values and bytes as other people's systems have received them.

A parser is tried with inputs that begin valid and are changed, because what is random from its
first byte never comes further than the first check.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

Document: TypeAlias = Any
_SPOT: Final = "@the damaged value@"
# In place of any value of a document: surrogates, bad UTF-8, numbers of any size, deep nesting.
VALUES: Final = (
    *(rb'"\ud83d"', rb'"Moon \ud83d"', rb'"\udc00\ud800x"', rb'"\ud83d\ude80"', b'"\xff\xfe"'),
    *(b'"B\xe9e"', b'"\xf0\x9f\x9a"', b'"\xed\xa0\xbd"', b'"\x00\x01\n\t"', rb'"\x41"', rb'"\u12"'),
    *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"9e9999", b"-1e400", b"1e-400", b"9" * 5_000),
    *(b"01", b"+1", b".5", b"1.", b"0x10", b"1_000", b"--1", b"1e", b"undefined", b"None", b"True"),
    *(b"null", b"true", b"0", b"-0.0", b"1000", b"1.5", b"18446744073709551616", b'"NaN"', b'""'),
    *(b"{}", b"[]", b"[[]]", b'[{"id":1},{"id":2}]', b'{"usd":[]}', b"[null]", b'{"h24":{}}'),
    *(b"", b"'x'", b"x y", b"// x", b'"a"b', b'"a":1', b"[" * 2_000, b"[" * 200 + b"]" * 200),
    *(b'{"a":' * 200 + b"1" + b"}" * 200, b'"' + b"x" * 50_000 + b'"', b'"},{\\"chainId\\":1"'),
    *(b"-1", b"1e308", b"9007199254740993", b"9" * 400, b'"' + b"9" * 5_000 + b'"'),
    *(b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
)
# Put into JSON anywhere.
JSON_BYTES: Final = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\x00", b"\xff", b"\n", rb"\ud83d"),
    *(
        b"}]",
        b"]}",
        b'"}',
        b'{"',
        b',{"',
        b",{",
        b"},{",
        b"],",
        b'":',
        b"//",
        b"\xef\xbb\xbf",
        b" ",
    ),
)
_KINDS: Final = ("put", "cut", "tear", "repeat", "change", "flip", "multiply", "splice")


def another_value(random: Random, document: bytes) -> bytes:
    """Return a JSON document with another value in place of any of its own."""
    top: Document = [json.loads(document)]
    spot, where = top, 0
    while isinstance(spot[where], dict | list) and spot[where] and random.randrange(10):
        spot = spot[where]
        where = random.choice(sorted(spot) if isinstance(spot, dict) else range(len(spot)))
    spot[where] = _SPOT
    text = json.dumps(top[0], ensure_ascii=False).encode()
    return text.replace(b'"%s"' % _SPOT.encode(), random.choice(VALUES))


def other_bytes(
    random: Random,
    whole: bytes,
    pieces: Sequence[bytes] = JSON_BYTES,
    others: Sequence[bytes] = (),
) -> bytes:
    """Put in, cut out, tear off, repeat, change or flip bytes anywhere.

    `pieces` are put in; the end of one of `others` may take the place of the end.
    """
    at = random.randint(0, len(whole))
    end = at + random.randint(1, 12)
    head, middle, tail = whole[:at], whole[at:end], whole[end:]
    match random.choice(_KINDS if others else _KINDS[:-1]):
        case "put":
            return head + random.choice(pieces) + middle + tail
        case "cut":
            return head + tail
        case "tear":
            return head
        case "repeat":
            return head + middle + middle + tail
        case "multiply":
            return head + middle * random.choice((10, 300)) + tail
        case "flip":
            return (
                head + bytes(b ^ 1 << random.randrange(8) for b in middle[:1]) + middle[1:] + tail
            )
        case "splice":
            other = random.choice(others)
            return head + other[random.randint(0, len(other)) :]
    return head + random.choice(pieces) + tail


# One number says where all changes are: drawing each by itself takes ten times as long.
seeds_of_change: Final = st.integers(0, 2**64 - 1).map(Random)


@st.composite
def mutated(
    draw: st.DrawFn, seeds: Sequence[bytes], pieces: Sequence[bytes] = JSON_BYTES, most: int = 4
) -> bytes:
    """Draw one of some valid inputs after none to `most` changes of its bytes."""
    whole = draw(st.sampled_from(seeds))
    changes = draw(st.integers(0, most))
    random = draw(seeds_of_change)
    for _ in range(changes):
        whole = other_bytes(random, whole, pieces, seeds)
    return whole


@st.composite
def recombined(
    draw: st.DrawFn, seeds: Sequence[bytes], pieces: Sequence[bytes], joint: bytes = b"&"
) -> bytes:
    """Draw a few parts of some valid inputs, some of them with other values after their `=`."""
    parts = sorted({part for seed in seeds for part in seed.split(joint) if part})
    by_name = st.lists(st.sampled_from(parts), max_size=5, unique_by=lambda p: p.partition(b"=")[0])
    chosen = draw(by_name if draw(st.integers(0, 9)) else st.lists(st.sampled_from(parts)))
    random = draw(seeds_of_change)
    for index in range(draw(st.integers(0, len(chosen)))):
        name, sign, value = chosen[index].rpartition(b"=")
        chosen[index] = name + sign + other_bytes(random, value, pieces, parts)
    return joint.join(chosen)


@st.composite
def mutated_json(draw: st.DrawFn, documents: Sequence[bytes]) -> bytes:
    """Draw one of some JSON documents with another value, or with other bytes."""
    if draw(st.booleans()):
        return draw(mutated(documents))
    document = draw(st.sampled_from(documents))
    return another_value(draw(seeds_of_change), document)
