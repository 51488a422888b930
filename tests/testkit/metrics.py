"""What a process exports, read with the library's own parser.

The metrics of a PromQL expression are found without one: what is in quotes, braces, brackets or a
grouping clause is no metric; of the words that are left, neither is a function (a parenthesis
follows) nor a keyword.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared.process.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Scrape:
    """One scrape: samples by name and labels, types by the name that a family is documented by."""

    samples: dict[str, list[tuple[dict[str, str], float]]]
    types: dict[str, str]
    helps: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Scrape:
        samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        types: dict[str, str] = {}
        helps: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            name = family.name + ("_total" if family.type == "counter" else "")
            types[name], helps[name] = family.type, family.documentation
            for sample in family.samples:
                samples.setdefault(sample.name, []).append((sample.labels, sample.value))
        return cls(samples, types, helps)

    @classmethod
    def of(cls, metrics: Metrics) -> Scrape:
        return cls.parse(generate_latest(metrics.registry).decode())

    def __contains__(self, name: str) -> bool:
        return name in self.samples

    def or_0(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels, 0 when there is none."""
        found = self.samples.get(name, [])
        return sum(value for has, value in found if labels.items() <= has.items())

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels; fails when there is none."""
        found = [v for has, v in self.samples.get(name, []) if labels.items() <= has.items()]
        assert found, f"no {name} {labels} among {sorted(self.samples)}"
        return sum(found)


def read(port: int) -> str:
    with httpx.Client(timeout=10) as client:
        return client.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text


def scrape(port: int) -> Scrape:
    return Scrape.parse(read(port))


_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


_INSIDE: Final = re.compile(r"\{[^}]*\}|\[[^]]*\]")


_GROUPING: Final = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE
)


_OFFSET: Final = re.compile(r"\boffset\s+-?\w+", re.IGNORECASE)


_WORD: Final = re.compile(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")


_KEYWORDS: Final = {"and", "or", "unless", "bool", "inf", "nan", "sum", "max", "min", "avg"}


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics; aggregations with a clause in front are no metrics."""
    for pattern in (_QUOTED, _INSIDE, _GROUPING, _OFFSET):
        expression = pattern.sub(" ", expression)
    words: list[str] = _WORD.findall(expression)
    return {word for word in words if word.lower() not in _KEYWORDS}
