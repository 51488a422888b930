"""`make test-containers` where no Docker engine is."""

import subprocess
import sys
from pathlib import Path

from tests.testkit.process import ROOT


def test_without_an_engine_nothing_is_run_and_nothing_passes(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = [sys.executable, "-m", "tests.testkit.containers", "redis:8", "--", "touch", str(ran)]

    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"DOCKER_HOST": f"unix://{tmp_path}/no-engine", "HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 3
    assert done.stderr.startswith("no Docker engine answers, so nothing was tested: ")
    assert "passed" not in done.stdout + done.stderr
    assert not ran.exists()
