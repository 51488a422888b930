"""Every list of the row's fields follows its one definition, `shared.model.ROW`."""

import subprocess
import sys
from typing import Any, get_args, get_type_hints

import pytest
from msgspec import UnsetType

from dexwire.stream import rows
from dexwire.stream.rows import Patch, Row
from services.aggregator.noise import NoiseFloors, _table
from services.api.documents import schemas
from services.api.ingest.body import SHORT_NAMES, IngestToken
from shared.merge.ages import PRICE_FIELDS
from shared.merge.rules import FIGURES, SHOWN_TEXTS
from shared.model import (
    METRICS,
    READING_FIELDS,
    ROW,
    ROW_FIELDS,
    SIGNAL_FIELDS,
    Figures,
    Kind,
    Links,
    MaybeAmount,
    MaybeBool,
    MaybeCount,
    MaybeImage,
    MaybeLinks,
    MaybeMillis,
    MaybeNet,
    MaybePercent,
    MaybeShare,
    MaybeStage,
    MaybeText,
    PoolReading,
    Stage,
    fields_of,
)

GIVEN: dict[Kind, Any] = {
    "text": MaybeText,
    "time": MaybeMillis,
    "price": MaybeAmount,
    "size": MaybeAmount,
    "sum": MaybeAmount,
    "change": MaybePercent,
    "trades": MaybeCount,
    "side": MaybeCount,
    "holders": MaybeCount,
    "assurance": MaybeBool,
    "share": MaybeShare,
    "mints": MaybeCount,
    "score": MaybeShare,
    "traders": MaybeCount,
    "net": MaybeNet,
    "split": MaybeAmount,
    "boosts": MaybeCount,
    "stage": MaybeStage,
    "progress": MaybeShare,
    "links": MaybeLinks,
    "image": MaybeImage,
}
SHOWN: dict[Kind, Any] = {
    "text": str,
    "time": int,
    "price": float,
    "size": float,
    "sum": float,
    "change": float,
    "trades": int,
    "side": int,
    "holders": int,
    "assurance": bool,
    "share": float,
    "mints": int,
    "score": float,
    "traders": int,
    "net": int,
    "split": float,
    "boosts": int,
    "stage": rows.Stage,
    "progress": float,
    "links": rows.Links,
    "image": str,
}
DOCUMENTED: dict[Kind, Any] = {
    "time": schemas.Millis | UnsetType,
    "price": schemas.Usd,
    "size": schemas.Usd,
    "sum": schemas.Usd,
    "change": schemas.Percent,
    "trades": schemas.Count,
    "side": schemas.Count,
    "holders": schemas.Count,
    "assurance": schemas.Known,
    "share": schemas.Share,
    "mints": schemas.Count,
    "score": schemas.Score,
    "traders": schemas.Count,
    "net": schemas.Net,
    "split": schemas.Usd,
    "boosts": schemas.Count,
    "stage": Stage | UnsetType,
    "progress": schemas.Share,
    "links": Links | UnsetType,
}
# A pool of every source is a pool of one token: nobody counts its holders, or seven days. Of what
# is reported beside figures a pool knows who traded in it.
NOT_OF_POOLS = {
    "token_name", "token_ticker", "price_change_7d", "holders", "launchpad",
    *({*SIGNAL_FIELDS} - {*fields_of("traders")}),
}  # fmt: skip


def hints(of: type) -> dict[str, Any]:
    return get_type_hints(of, include_extras=True)


def test_readings_and_posts_carry_every_field_that_is_not_the_row_s_own() -> None:
    given = fields_of(*GIVEN)
    assert (*given, "suspicious") == READING_FIELDS
    assert set(given) | set(SHORT_NAMES) < set(IngestToken.__struct_fields__)
    assert {name: hints(Figures)[name] for name in given} == {n: GIVEN[ROW[n]] for n in given}


def test_pools_carry_the_same_figures_in_the_same_units() -> None:
    own = ["pool_address", "side", "against_unknown", "other_liquidity", "labels"]
    own += [name for name in PoolReading.__struct_fields__ if name.endswith(("_15m", "_30m"))]
    fields = [name for name in PoolReading.__struct_fields__ if name not in own]
    assert {*fields} == {*READING_FIELDS} - NOT_OF_POOLS
    for name in fields:
        members = set(get_args(hints(PoolReading)[name]))
        assert members == set(get_args(GIVEN[ROW[name]])) - {UnsetType}


def test_the_client_s_row_and_patch_have_every_field_and_its_type() -> None:
    assert tuple(Row.__annotations__) == tuple(Patch.__annotations__) == ROW_FIELDS
    for name in fields_of(*SHOWN):
        assert hints(Row)[name] is SHOWN[ROW[name]]
        assert hints(Patch)[name] == SHOWN[ROW[name]] | None


def test_the_documented_row_has_every_field_and_its_unit() -> None:
    assert schemas.Row.__struct_fields__ == ROW_FIELDS
    for name in fields_of(*DOCUMENTED):
        assert hints(schemas.Row)[name] == DOCUMENTED[ROW[name]]


def test_every_field_has_one_rule_and_every_figure_a_floor() -> None:
    ruled = [*SHOWN_TEXTS, "created_ms", *PRICE_FIELDS, *FIGURES, *SIGNAL_FIELDS]
    assert sorted(ruled) == sorted(READING_FIELDS)
    floors = {*_table(NoiseFloors())} - {"price_spread_pct"}
    exact = {*fields_of("text", "time", "stage", "assurance", "mints", "boosts", "links", "image")}
    assert floors == set(READING_FIELDS) - exact - {"suspicious"}
    assert set(METRICS.values()) < set(ROW_FIELDS)


@pytest.mark.parametrize(
    ("kind", "lists"),
    [
        ("sum", "rules.LARGEST rules.FIGURES pools.SUMMED drained.DISBELIEVED noise._SUMS"),
        ("change", "ages.PRICE_FIELDS candidates.CHANGES drained.DISBELIEVED"),
        ("text", "rules.SHOWN_TEXTS"),
    ],
)
def test_a_field_that_is_added_to_the_definition_is_in_every_list_of_its_kind(
    kind: str, lists: str
) -> None:
    program = f"""
import shared.model
shared.model.ROW["added"] = "{kind}"
shared.model.PoolReading.added = None
from services.aggregator import noise
from shared.merge import ages, drained, pools, price_candidates as candidates, rules
print(*["{kind}" for names in ({lists.replace(" ", ", ")},) if "added" not in names])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "\n"
