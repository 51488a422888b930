"""What the tests of the documents share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testkit.process import Process


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes that a test started; each is killed by its id afterwards."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()
