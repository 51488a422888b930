"""Figures as people read them, by the vectors that the web page shares."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexwire import format as fmt
from tests.testkit.process import ROOT

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (ROOT / "tests" / "vectors" / "format.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("kind", "given_", "text"),
    [(kind, v["in"], v["out"]) for kind, vectors in VECTORS.items() for v in vectors],
)
def test_the_vectors(kind: str, given_: float | None, text: str) -> None:
    assert getattr(fmt, kind)(given_) == text


@pytest.mark.parametrize("kind", list(VECTORS))
def test_what_is_no_number_is_unknown(kind: str) -> None:
    write = getattr(fmt, kind)

    assert [write(x) for x in (None, math.nan, math.inf, -math.inf)] == ["–"] * 4  # noqa: RUF001


@given(st.floats(min_value=1e-300, max_value=1e15, allow_subnormal=False))
def test_no_figure_is_long(value: float) -> None:
    assert len(fmt.amount(value)) <= 10
    assert len(fmt.price(value)) <= 14
    assert len(fmt.percent(value)) <= 10
