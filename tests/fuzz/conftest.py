"""The long form (`make fuzz`) has no time-out of pytest's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testkit.fuzzing import TIMEOUT_S

HERE = Path(__file__).parent
# Of an input of 30,000 bytes that fails.
LARGE = "ignore:Generating overly large repr"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
            item.add_marker(pytest.mark.filterwarnings(LARGE))
