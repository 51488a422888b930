"""`/docs` in a real browser: drawn completely, under its strict policy, without a complaint."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from services.api.documents.routes import OPERATIONS
from tests.testkit.process import require


def test_the_page_shows_every_operation_and_the_console_stays_empty(
    stack_url: str, tmp_path: Path
) -> None:
    require("chromium")
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu"]
    command += [f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--log-level=0"]
    command += ["--virtual-time-budget=10000", "--dump-dom", f"{stack_url}/docs"]

    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=90, check=False)

    shown = re.findall(r'opblock-summary-path[^>]*data-path="([^"]*)"', done.stdout)
    assert shown == [operation.path for operation in OPERATIONS]
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
