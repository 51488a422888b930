"""The page in Chromium on a replayed market: first rows, frames a second, script time.

Run: `python -m bench.browser [--tree FOLDER ...] [--tokens N] [--seconds S] [--passes P]`. Each
folder is a checkout of dexwire (the default: this one), which runs as `dexwire up --demo`. Chromium
is headless and paints without a GPU; each pass is a fresh profile. A pass opens the default list,
then all rows, and scrolls there while the market moves: a frame that is late is
one that the page, or Chromium's painting, did not finish within 16.7 ms. "page ms" is what the
page's own code takes of a frame (the stream's frames taken in, and drawing), "script %" the share
of time that Chromium spends in JavaScript. Printed is the median of the passes, and the best for
the frames, since the services and Chromium share the cores.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, CDPSession, sync_playwright

from bench.figures import note
from bench.running import tree_parser, trees_of
from dexwire.runfile import DEFAULT_FOLDER, find_running
from dexwire.server.up.children import start_child

FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ROWS: Final = ".rows .row"
_READY_S: Final = 90.0
# Scrolls the list. Returns frames a second, the longest task in ms, updates of rows a second, and
# the ms of a frame that the page itself takes: the stream's frames taken in, and drawing.
MEASURE: Final = """async (seconds) => {
  const scroller = document.querySelector(".scroller");
  const { market, table } = window.dexwire;
  let frames = 0, longest = 0, busy = 0;
  const timed = (thing, name) => {
    const real = thing[name];
    thing[name] = (...given) => {
      const before = performance.now();
      real.apply(thing, given);
      busy += performance.now() - before;
    };
    return () => (thing[name] = real);
  };
  const undo = [timed(table, "draw"), timed(market.stream, "onMessage")];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
  });
  observer.observe({ entryTypes: ["longtask"] });
  const updates = market.updates, began = performance.now();
  await new Promise((done) => {
    const frame = (now) => {
      frames += 1;
      scroller.scrollTop = ((now - began) * 0.6) % Math.max(1, scroller.scrollHeight - 900);
      if (now - began < seconds * 1000) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  const took = (performance.now() - began) / 1000;
  observer.disconnect();
  for (const each of undo) each();
  return [frames / took, longest, (market.updates - updates) / took, busy / frames];
}"""


class Pass(NamedTuple):
    """What one fresh profile saw."""

    rows_s: float  # from the request for the page to its first rows
    rows: int  # of the whole list
    frames: float  # a second
    longest_ms: float  # task
    updates: float  # of rows, a second
    page_ms: float  # of the page's own code, a frame
    script_pct: float


@contextmanager
def demo(tree: Path, tokens: int) -> Iterator[str]:
    """Run a checkout's demo until the block ends; yield the page's address."""
    ports = [word for name in ("api", "ws", "replay") for word in (f"--{name}-port", "0")]
    command = [sys.executable, "-P", "-m", "dexwire", "up", "--demo", "--tokens", str(tokens)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree), "METRICS_PORT": "0",
               "HOME": name}  # fmt: skip
        log = folder / "log"
        with log.open("wb") as output:
            process = start_child(
                [*command, *ports], env=env, cwd=folder, stdout=output, stderr=output
            )
        try:
            deadline = time.monotonic() + _READY_S
            while "ready after" not in log.read_text(encoding="utf-8"):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(log.read_text(encoding="utf-8")[-2000:])
                time.sleep(0.1)
            running = find_running(folder / DEFAULT_FOLDER)
            if running is None:
                raise SystemExit("the demo does not run any more")
            yield running.api
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def one_pass(browser: Browser, url: str, seconds: float) -> Pass:
    """Open the page in a fresh profile, then measure the list of all rows."""
    context = browser.new_context(viewport={"width": 1920, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(_READY_S * 1000)
        began = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_selector(ROWS)
        rows_s = time.perf_counter() - began
        page.goto(f"{url}/?show=all", wait_until="commit")
        page.wait_for_selector(ROWS)
        page.wait_for_timeout(1_000)
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        before = _script_s(session)
        frames, longest_ms, updates, page_ms = page.evaluate(MEASURE, seconds)
        script_pct = 100 * (_script_s(session) - before) / seconds
        rows: int = page.evaluate("window.dexwire.market.shown().length")
        return Pass(rows_s, rows, frames, longest_ms, updates, page_ms, script_pct)
    finally:
        context.close()


def _script_s(session: CDPSession) -> float:
    found: dict[str, Any] = session.send("Performance.getMetrics")
    figures = {each["name"]: each["value"] for each in found["metrics"]}
    return float(figures["ScriptDuration"])


def measure(browser: Browser, url: str, seconds: float, passes: int) -> list[Pass]:
    """Return the passes on a demo, the first of which warms the server's caches."""
    one_pass(browser, url, 0.5)
    return [one_pass(browser, url, seconds) for _ in range(passes)]


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--tokens", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--passes", type=int, default=3)
    chosen = parser.parse_args()
    path = shutil.which("chromium") or sys.exit("needs chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Chromium"
              f" {browser.version}, {chosen.passes} passes of {chosen.seconds:g} s")  # fmt: skip
        print(f"{'':<12}{'tokens':>8}{'first rows s':>14}{'fps':>7}{'best':>7}{'longest ms':>12}"
              f"{'updates/s':>11}{'page ms':>9}{'script %':>10}")  # fmt: skip
        for name, tree in trees_of(chosen).items():
            with demo(tree, chosen.tokens) as url:
                passes = measure(browser, url, chosen.seconds, chosen.passes)
            middle = Pass(*(median(figures) for figures in zip(*passes, strict=True)))
            best = max(each.frames for each in passes)
            note("rows", middle.rows_s)
            note("fps", best)
            print(f"{name:<12}{middle.rows:>8,.0f}{middle.rows_s:>14.2f}{middle.frames:>7.1f}"
                  f"{best:>7.1f}{middle.longest_ms:>12.0f}{middle.updates:>11.0f}"
                  f"{middle.page_ms:>9.1f}{middle.script_pct:>10.1f}")  # fmt: skip
        browser.close()


if __name__ == "__main__":
    main()
