"""What a service has answered over HTTP since it began, as plain numbers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from shared.process.measure import REQUEST_S, Histogram

OTHER: Final = "other"


class Routes:
    """Names a path by its route, so that no label takes its value from a client."""

    def __init__(self, routes: Iterable[str] = ()) -> None:
        self._whole: set[str] = set()
        self._templates: dict[str, str] = {}  # what comes before the first parameter → route
        for route in routes:
            start, brace, _ = route.partition("{")
            if brace:
                self._templates[start] = route
            else:
                self._whole.add(route)

    def name(self, path: str) -> str:
        """Return the route that answers a path, or would."""
        if path in self._whole:
            return path
        found = [route for start, route in self._templates.items() if path.startswith(start)]
        return found[0] if found else OTHER


@dataclass(slots=True)
class HttpCounts:
    """Histograms are in seconds."""

    routes: Routes = field(default_factory=Routes)
    requests: dict[tuple[str, str], Histogram] = field(default_factory=dict)  # (route, 2xx)
    inflight: int = 0
    problems: Counter[str] = field(default_factory=Counter)  # by code

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Note a request and its answer."""
        key = (self.routes.name(path), _CLASSES[status // 100])
        found = self.requests.get(key)
        if found is None:
            found = self.requests[key] = Histogram(REQUEST_S)
        found.observe(seconds)


_CLASSES: Final = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")  # none: nobody waited for it
