"""`quote=`: prices of rows in their chain's own coin, beside those in USD. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

import msgspec
from msgspec import Struct

from shared.chain_table import CHAINS
from shared.edge.http.problem import Problem, clip
from shared.quotes import NATIVE
from shared.state.messages import NativePrice

ANY: Final = "native"  # each row in the coin of its own chain
_SYMBOLS: Final = frozenset(native.symbol.upper() for native in NATIVE.values())
# A wrapped coin is the coin; and Polygon's was called otherwise.
_ALIASES: Final = {
    "MATIC": "POL",
    **{
        chain.wrapped.upper(): chain.native.upper()
        for chain in CHAINS.values()
        if chain.native and chain.wrapped
    },
}
_DIGITS: Final = 10  # significant ones; a coin's price has some four


class _Priced(Struct, frozen=True):
    chain: str
    price: float | None = None
    market_cap: float | None = None


_priced: Final = msgspec.json.Decoder(_Priced)


def parse_quote(text: str | None) -> str | None:
    """Return `native` or a coin's symbol, None for USD alone. Raises Problem 400."""
    if text is None or text.upper() in {"USD", "USDC", "USDT"}:
        return None
    if text.lower() == ANY:
        return ANY
    symbol = _ALIASES.get(text.upper(), text.upper())
    if symbol in _SYMBOLS:
        return symbol
    close = get_close_matches(symbol, sorted(_SYMBOLS), n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    detail = f"quote must be native or a chain's own coin, as SOL, ETH or BNB: not {clip(text)!r}"
    raise Problem(400, "bad_quote", detail + meant, param="quote")


def quote_rows(
    rows: Iterable[bytes], quote: str | None, prices: Mapping[str, NativePrice]
) -> tuple[list[bytes], bytes | None]:
    """Return rows (JSON) as they are shown, and the JSON of an answer's `native_prices`.

    With a quote, rows carry `price_native` and `market_cap_native` as far as they are known;
    without one they stay as they are, and there are no prices (None).
    """
    if quote is None:
        return list(rows), None
    wanted = {
        chain: price
        for chain, price in prices.items()
        if chain in NATIVE and quote in {ANY, NATIVE[chain].symbol.upper()}
    }
    return [_quoted(row, wanted) for row in rows], _encode_prices(wanted)


def _quoted(row: bytes, prices: Mapping[str, NativePrice]) -> bytes:
    values = _priced.decode(row)
    coin = prices.get(values.chain)
    if coin is None:
        return row
    figures = {
        f"{name}_native": float(f"{value / coin.price:.{_DIGITS}g}")
        for name, value in (("price", values.price), ("market_cap", values.market_cap))
        if value is not None
    }
    return row[:-1] + b"," + msgspec.json.encode(figures)[1:] if figures else row


def _encode_prices(prices: Mapping[str, NativePrice]) -> bytes:
    """Return the prices as JSON: by chain symbol, price and time."""
    return msgspec.json.encode(
        {
            chain: {
                "symbol": NATIVE[chain].symbol,
                "price": coin.price,
                "observed_ms": coin.observed_ms,
            }
            for chain, coin in sorted(prices.items())
        }
    )
