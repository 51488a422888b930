"""Run the auditor on each deliberate fault and print what caught it.

Exit code 1 when one was not caught. Names of faults (all); `--seconds` for each at the most.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from typing import Final

from tests.chaos.faults.catalogue import MISTAKES

SECONDS: Final = 120.0
_LAW: Final = re.compile(r"^  (.+): (\d+)$", re.MULTILINE)
_AT: Final = re.compile(r"# at (\d+\.\d) s")


def main() -> int:
    """Run those that were named."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("names", nargs="*", choices=[*MISTAKES, []])  # []: none was named
    given.add_argument("--seconds", type=float, default=SECONDS)
    given.add_argument("--seed", type=int, default=1)
    chosen = given.parse_args()
    missed = [name for name in chosen.names or MISTAKES if not _caught(name, chosen)]
    total = len(chosen.names or MISTAKES)
    print(f"{total - len(missed)} of {total} caught" + (f"; missed: {missed}" if missed else ""))
    return 1 if missed else 0


def _caught(name: str, chosen: argparse.Namespace) -> bool:
    auditor = [sys.executable, "-m", "tests.chaos.auditor", "--fault", name]
    limits = ["--seconds", str(chosen.seconds), "--seed", str(chosen.seed)]
    done = subprocess.run([*auditor, *limits], capture_output=True, encoding="utf-8", check=False)
    laws = [f"{law} ({count})" for law, count in _LAW.findall(done.stdout)]
    at = _AT.search(done.stdout)
    if done.returncode not in {0, 1} or (done.returncode and not laws):
        print(done.stdout[-1000:], done.stderr[-2000:])
    verdict = f"caught at {at[1]} s by: {'; '.join(laws)}" if at else "NOT CAUGHT"
    print(f"{name:<18} {MISTAKES[name].does}\n{'':<18} {verdict}", flush=True)
    return at is not None


if __name__ == "__main__":
    sys.exit(main())
