"""One name, one thing: no two classes of the product that differ have the same name."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.testkit.process import ROOT

# The same thing on another side: what the api documents, what the client hands out, what a source's
# body is decoded into. Those with a reason of their own are below.
SIDES = ("services/api/documents/", "dexwire/client/", "services/fetcher/sources/")
ALIKE = {
    "Livez": "the same endpoint of two services",
    "Readyz": "the same question to two services",
    "Links": "the links of a reading, and of a row on the stream",
}


def test_no_two_classes_of_one_name_are_different_things() -> None:
    places = defaultdict(list)
    for folder in ("services", "shared", "dexwire"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            where = str(path.relative_to(ROOT))
            if where.startswith(SIDES):
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(where)

    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert set(twice) == set(ALIKE), twice
