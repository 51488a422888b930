from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page.browser import Stack, Watched, chromium, demo_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with demo_stack(folder) as running:
        yield running


@pytest.fixture(scope="package")  # and no longer: its loop keeps asyncio's from running
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def watched(stack: Stack, browser: Browser) -> Watched:
    return Watched(browser, stack.url)
