"""Reads what a process exports, with the library's own parser."""

from __future__ import annotations

from dataclasses import dataclass

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
