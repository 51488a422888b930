"""Addresses: one spelling for each, by the family of their chain. Pure.

A chain's addresses have several spellings (mixed case, leading zeros, another encoding), and every
source, producer and reader writes the one that it likes. Each family here brings them to the one
that DexScreener and GeckoTerminal take in their paths. What a family does not recognize stays as
it is, byte for byte: sources send what no rule foresaw, and nothing of it may be lost.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from binascii import Error, crc_hqx
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from shared.chain_table import CHAINS

LONGEST: Final = 256  # Aptos pools are three padded addresses on DexScreener
# TON ends in "-" and "_", Stacks and Move have colons; Cosmos denominations have slashes too.
_ADDRESS: Final = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9_.:-]*(?<![.:])\Z")
_DENOMINATION: Final = re.compile(
    r"\A[A-Za-z0-9][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.:-]*)*(?<![.:])\Z"
)
_HEX: Final = re.compile(r"\A0[xX][0-9a-fA-F]+(?:-(?:0[xX][0-9a-fA-F]+|[0-9]+))*\Z")
_BARE_HEX: Final = re.compile(r"\A[0-9a-fA-F]{63,64}\Z")  # 63: Starknet's often begin with a 0
_IBC: Final = re.compile(r"\Aibc/([0-9a-f]{64})\Z", re.IGNORECASE)
_MOVE: Final = re.compile(r"\A(?:0[xX])?[0-9a-fA-F]{1,64}::\w+::\w+(?:<[\w:<>, ]+>)?\Z", re.ASCII)
_MOVE_PART: Final = re.compile(r"(?<![A-Za-z0-9_])(?:0[xX]([0-9a-fA-F]{1,64})|([0-9a-fA-F]{64}))\b")
_TON_RAW: Final = re.compile(r"\A(-1|0):([0-9a-fA-F]{64})\Z")
_TON_FRIENDLY: Final = re.compile(r"\A[A-Za-z0-9_+/-]{48}\Z")
_TRON_HEX: Final = re.compile(r"\A(?:0[xX]41|41|0[xX])([0-9a-fA-F]{40})\Z")
_HEDERA: Final = re.compile(r"\A0\.0\.([0-9]{1,18})\Z")
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SPECIAL: Final = 16  # Move addresses below are written short, as in 0x2::sui::SUI (Aptos AIP-40)


def canonical_address(chain: str, address: str) -> str | None:
    """Return the address as dexwire keys it on a canonical chain; None when it cannot be one.

    Neither spelling may be longer than LONGEST: what is kept can be posted and requested again.
    """
    if len(address) > LONGEST:
        return None
    facts = CHAINS.get(chain)
    # A chain that the table does not know may be one of Cosmos.
    family = _denomination if facts is None else _FAMILIES.get(facts.family, _plain)
    canonical = family(address)
    return canonical if canonical is None or len(canonical) <= LONGEST else None


def spellings(address: str) -> frozenset[str]:
    """Return what an address may be keyed as when nobody says of which chain it is."""
    if len(address) > LONGEST:
        return frozenset()
    found = (family(address) for family in (_plain, *_FAMILIES.values()))
    return frozenset(each for each in found if each is not None)


def _plain(address: str) -> str | None:
    if _HEX.match(address):
        return address.lower()
    if _MOVE.match(address):
        return _move(address)
    return address if _ADDRESS.match(address) else None


def _denomination(address: str) -> str | None:
    """Cosmos: bank denominations, such as ibc/<hash in upper case> and factory/<who>/<name>."""
    if found := _IBC.match(address):
        return f"ibc/{found[1].upper()}"
    return _plain(address) or (address if _DENOMINATION.match(address) else None)


def _move(address: str) -> str | None:
    """Sui and Aptos: leading zeros, in generics too; an address may lack its 0x."""
    if _MOVE.match(address) or _HEX.match(address) or _BARE_HEX.match(address):
        address = address if address[:2] in {"0x", "0X"} else f"0x{address}"
        return _MOVE_PART.sub(_move_part, address.replace(" ", ""))
    return _plain(address)


def _move_part(found: re.Match[str]) -> str:
    value = int(found[1] or found[2], 16)
    return f"0x{value:x}" if value < _SPECIAL else f"0x{value:064x}"


def _starknet(address: str) -> str | None:
    plain = _plain(f"0x{address}" if _BARE_HEX.match(address) else address)
    if plain is None or not plain.startswith("0x") or "-" in plain:
        return plain
    return f"0x{plain[2:].zfill(64)}"


def _ton(address: str) -> str | None:
    """TON: an account has a raw form and four friendly ones; canonical is the bounceable."""
    if raw := _TON_RAW.match(address):
        return _ton_friendly(int(raw[1]), bytes.fromhex(raw[2]))
    if _TON_FRIENDLY.match(address) and (account := _ton_account(address)):
        return _ton_friendly(*account)
    return _plain(address)


def _ton_account(friendly: str) -> tuple[int, bytes] | None:
    """Return workchain and hash of a friendly address on the main network, if it is one."""
    try:
        packed = b64decode(friendly.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except Error:
        return None
    sound = crc_hqx(packed[:34], 0) == int.from_bytes(packed[34:])
    if packed[0] not in {0x11, 0x51} or not sound:
        return None
    return int.from_bytes(packed[1:2], signed=True), packed[2:34]


def _ton_friendly(workchain: int, account: bytes) -> str:
    packed = b"\x11" + workchain.to_bytes(1, signed=True) + account
    return urlsafe_b64encode(packed + crc_hqx(packed, 0).to_bytes(2)).decode()


def _tron(address: str) -> str | None:
    """Tron: base58check; the same 20 bytes come in hex, with Tron's prefix 41 or as on EVM."""
    found = _TRON_HEX.match(address)
    if not found:
        return _plain(address)
    packed = b"\x41" + bytes.fromhex(found[1])
    number = int.from_bytes(packed + sha256(sha256(packed).digest()).digest()[:4])
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return digits


def _hedera(address: str) -> str | None:
    found = _HEDERA.match(address)
    return f"0x{int(found[1]):040x}" if found else _plain(address)


_FAMILIES: Final[dict[str | None, Callable[[str], str | None]]] = {
    "cosmos": _denomination,
    "move": _move,
    "starknet": _starknet,
    "ton": _ton,
    "tron": _tron,
    "hedera": _hedera,
}
