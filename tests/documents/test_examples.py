"""Each example does what it says, against a real stack."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Final

import pytest

from tests.documents.conftest import TOKENS
from tests.testkit.process import ROOT, require

EXAMPLES: Final = ROOT / "examples"


def run(url: str, *command: str) -> str:
    env = {**os.environ, "DEXWIRE_URL": url}
    done = subprocess.run(
        command, env=env, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def command_for(name: str) -> list[str]:
    program = {".sh": "sh", ".py": sys.executable, ".mjs": "node"}[name[name.rindex(".") :]]
    return [program, str(EXAMPLES / name)]


def test_the_curl_examples(stack_url: str) -> None:
    require("curl")
    wanted = {f"{t['chain']}:{t['token_address']}" for t in TOKENS if t["chain"] == "solana"}

    walked = run(stack_url, *command_for("curl/walk.sh")).split()
    posted = run(stack_url, *command_for("curl/ingest.sh"))
    found = run(stack_url, *command_for("curl/search.sh"), "EX7")

    assert len(walked) == len(set(walked))
    assert set(walked) == wanted
    assert '"version":' in posted.splitlines()[0]
    assert '"price":1.25' in posted.splitlines()[1]
    assert re.findall(r'"token_ticker":"(\w+)"', found)[0] == "EX7"


def test_the_python_examples(stack_url: str) -> None:
    walked = run(stack_url, *command_for("python/walk.py"))
    posted = run(stack_url, *command_for("python/ingest.py"))

    assert walked.startswith("0 tokens at version ")  # these are not younger than a day
    assert posted.startswith("committed in version ")
    assert '"token_ticker": "PYEX"' in posted
    assert '"match": "ticker"' in posted


def test_the_javascript_examples(stack_url: str) -> None:
    require("node")

    walked = run(stack_url, *command_for("javascript/walk.mjs")).splitlines()
    posted = run(stack_url, *command_for("javascript/ingest.mjs"))

    assert walked[0].startswith(f"{len(TOKENS)} tokens at version ")
    ids = [line.partition("\t")[0] for line in walked[1:]]
    assert sorted(ids) == sorted(f"{t['chain']}:{t['token_address']}" for t in TOKENS)
    assert posted.startswith("committed in version ")
    assert "price: 3.5" in posted


@pytest.mark.parametrize("folder", ["curl", "python", "javascript"])
def test_no_example_is_left_out(folder: str) -> None:
    names = {path.name for path in (EXAMPLES / folder).iterdir() if path.suffix != ".pyc"}

    expected = {"curl": ("walk.sh", "ingest.sh", "search.sh"), "python": ("walk.py", "ingest.py")}
    assert names - {"__pycache__"} == set(expected.get(folder, ("walk.mjs", "ingest.mjs")))
