"""What the image service has done since it began, as plain numbers. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from shared.edge.http.counts import HttpCounts
from shared.process.measure import Histogram

# Upper bounds in seconds: from a picture that is drawn to a host that hardly answers.
FETCH_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class ImageCounts(HttpCounts):
    """Histograms are in seconds."""

    served: Counter[str] = field(default_factory=Counter)  # cached, made, none, pending
    fetches: Counter[str] = field(default_factory=Counter)  # ok, or why not (errors.py)
    fetch_s: Histogram = field(default_factory=lambda: Histogram(FETCH_S))
