from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from tests.testkit.browser import Watched, chromium
from tests.testkit.stack import Demo, demo_stack
from tests.testkit.wait import until

ROWS_TO_SCROLL: Final = 150


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with demo_stack(folder) as demo:
        until(lambda: demo.get("/discover?limit=1")["total"] >= ROWS_TO_SCROLL, 40)
        yield demo


# No longer than a module: while playwright's loop runs, no asynchronous test can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def watched(stack: Demo, browser: Browser) -> Watched:
    return Watched(browser, stack.url)
