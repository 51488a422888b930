"""Reads what a process exports, with the library's own parser."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared.metrics import Metrics


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

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels; fails when there is none."""
        found = [v for has, v in self.samples.get(name, []) if labels.items() <= has.items()]
        assert found, f"no {name} {labels} among {sorted(self.samples)}"
        return sum(found)


def scrape(port: int) -> Scrape:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return Scrape.parse(answer.read().decode())
