"""What the api has done since it began, as plain numbers. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from shared.edge.http.counts import HttpCounts
from shared.process.measure import STAGE_S, Histogram


@dataclass(slots=True)
class ApiCounts(HttpCounts):
    """Histograms are in seconds."""

    cache_hits: int = 0
    cache_misses: int = 0
    page_reads: int = 0
    ingested: Counter[str] = field(default_factory=Counter)  # tokens: accepted, or why not
    ack_wait_s: Histogram = field(default_factory=lambda: Histogram(STAGE_S))
