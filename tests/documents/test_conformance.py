"""The running api is what its document says: tested by schemathesis and by newman."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.testkit.node import FOLDER, need_package
from tests.testkit.process import ROOT


def test_schemathesis_finds_no_5xx_no_undocumented_status_and_no_other_shape(
    stack_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{stack_url}/openapi.json"]
    command += ["--max-examples", "20", "--seed", "1", "--generation-deterministic"]
    command += ["--phases", "examples,coverage,fuzzing", "--no-color", "--workers", "1"]
    command += ["--exclude-checks", "positive_data_acceptance"]

    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=100, check=False
    )

    print(done.stdout[-1500:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    cases = re.search(r"([\d,]+) generated", done.stdout)
    assert cases is not None
    assert int(cases[1].replace(",", "")) > 500


def test_newman_runs_the_committed_collection(stack_url: str) -> None:
    need_package("newman")
    collection = ROOT / "docs" / "dexwire.postman_collection.json"
    command = [
        "node",
        "node_modules/newman/bin/newman.js",
        "run",
        str(collection),
        "--color",
        "off",
    ]
    command += ["--env-var", f"baseUrl={stack_url}"]

    done = subprocess.run(
        command,
        cwd=FOLDER,
        env=os.environ,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:]
    assert "discover: refused" in done.stdout
