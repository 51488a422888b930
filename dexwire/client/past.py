"""What was recorded: candles of a token, the list as it was, as structs and as data frames."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict

from msgspec import Struct, structs

from dexwire.client.errors import ClientError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Interval: TypeAlias = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
PastSort: TypeAlias = Literal["volume", "price_change", "liquidity", "market_cap", "newest"]


class Candle(Struct, frozen=True, kw_only=True):
    """What was seen of the committed price in one interval: samples, never trades.

    `t` is the interval's start (Unix ms), `n` the number of samples, `by` the source of the price
    (`mixed`: it changed inside), `cover` the share of the interval with a fresh price. `volume` is
    the source's own trailing window near the close, of a back-filled candle its own. `kind`:
    `seen`, `flat` (looked at, unchanged) or `filled` (nothing was seen; requested with `fill`).
    """

    t: int
    o: float
    h: float
    l: float  # noqa: E741 - the name on the wire
    c: float
    n: int
    by: str | None = None
    mixed: bool = False
    cover: float | None = None
    liquidity: float | None = None
    market_cap: float | None = None
    volume: float | None = None
    closed: bool = True
    kind: str = "seen"
    origin: str | None = None  # of a back-filled candle: whose it is


class CandleGap(Struct, frozen=True, kw_only=True):
    """A time without candles, and why.

    `kind`: `unseen` (no source was read), `outage`, or `not_recorded` (the token had no candles of
    this length then).
    """

    from_ms: int
    to_ms: int
    kind: str
    why: str | None = None


class Coverage(Struct, frozen=True, kw_only=True):
    """What is recorded at all of a requested time, from which tier, and its share (0 to 1)."""

    from_ms: int
    to_ms: int
    tier: str
    share: float


class Candles(Struct, frozen=True, kw_only=True):
    """Candles of one token, oldest first, and what is missing between them.

    `basis` is `sampled`: true highs are at least `h`. `volume_basis` names what `volume` is.
    """

    basis: str
    token: str
    interval: str
    from_ms: int
    to_ms: int
    volume_basis: str | None = None
    coverage: Coverage | None = None
    candles: list[Candle]
    gaps: list[CandleGap] = []

    def to_polars(self) -> pl.DataFrame:
        """Return a row for each candle; `t` in UTC. Raises ClientError without polars."""
        polars = _library("polars")
        frame: pl.DataFrame = polars.DataFrame(
            [structs.asdict(candle) for candle in self.candles],
            schema=_schema(polars, _CANDLE_COLUMNS),
        )
        return frame

    def to_pandas(self) -> pd.DataFrame:
        """Return a row for each candle, by time (`t`, in UTC). Raises ClientError without pandas.

        Columns with unknown values have NaN for them.
        """
        rows = [structs.asdict(candle) for candle in self.candles]
        return _pandas(rows, _CANDLE_COLUMNS).set_index("t")


class PastRow(TypedDict, total=False):
    """A token as it was; unknown is absent. `gone_ms`: it has left the list since."""

    id: str
    chain: str
    token_address: str
    token_name: str
    token_ticker: str
    price: float
    liquidity: float
    market_cap: float
    volume_24h: float
    volume_1h: float
    volume_5m: float
    price_change_1h: float
    price_change_24h: float
    created_ms: int
    sampled_ms: int
    gone_ms: int


class PastList(Struct, frozen=True, kw_only=True):
    """The list as it was at `at_ms`, dead tokens included; `recorded_ms` is what it is made of.

    `total` counts the tokens of the whole list.
    """

    at_ms: int
    basis: str
    recorded_ms: int
    total: int
    sort: str
    tokens: list[PastRow]

    def to_polars(self) -> pl.DataFrame:
        """Return a row for each token. Raises ClientError without polars."""
        polars = _library("polars")
        frame: pl.DataFrame = polars.DataFrame(self.tokens, schema=_schema(polars, _ROW_COLUMNS))
        return frame

    def to_pandas(self) -> pd.DataFrame:
        """Return a row for each token, by `id`. Raises ClientError without pandas."""
        return _pandas(self.tokens, _ROW_COLUMNS).set_index("id")


_Kind: TypeAlias = Literal["time", "number", "count", "text", "flag"]
_CANDLE_COLUMNS: Final[dict[str, _Kind]] = {
    "t": "time",
    **dict.fromkeys(("o", "h", "l", "c"), "number"),
    "n": "count",
    "by": "text",
    "mixed": "flag",
    **dict.fromkeys(("cover", "liquidity", "market_cap", "volume"), "number"),
    "closed": "flag",
    "kind": "text",
    "origin": "text",
}
_ROW_COLUMNS: Final[dict[str, _Kind]] = {
    **dict.fromkeys(("id", "chain", "token_address", "token_name", "token_ticker"), "text"),
    **dict.fromkeys(("price", "liquidity", "market_cap"), "number"),
    **dict.fromkeys(("volume_24h", "volume_1h", "volume_5m"), "number"),
    **dict.fromkeys(("price_change_1h", "price_change_24h"), "number"),
    **dict.fromkeys(("created_ms", "sampled_ms", "gone_ms"), "time"),
}
_PANDAS: Final[dict[_Kind, str]] = {
    "number": "float64",
    "count": "int64",
    "text": "object",
    "flag": "bool",
}


def _schema(polars: Any, columns: Mapping[str, _Kind]) -> dict[str, Any]:  # noqa: ANN401 - a module
    kinds = {
        "time": polars.Datetime("ms", "UTC"),
        "number": polars.Float64,
        "count": polars.Int64,
        "text": polars.String,
        "flag": polars.Boolean,
    }
    return {name: kinds[kind] for name, kind in columns.items()}


def _pandas(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, _Kind]) -> pd.DataFrame:
    pandas = _library("pandas")
    made = {}
    for name, kind in columns.items():
        values = [row.get(name) for row in rows]
        if kind == "time":
            made[name] = pandas.to_datetime(values, unit="ms", utc=True)
        else:
            made[name] = pandas.Series(values, dtype=_PANDAS[kind])
    frame: pd.DataFrame = pandas.DataFrame(made, columns=list(columns))
    return frame


def _library(name: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ClientError(f"needs {name}: pip install 'dexwire[{name}]'") from None
