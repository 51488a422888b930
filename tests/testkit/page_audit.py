"""What an opened page must not have: faults of accessibility, and things cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

AXE: Final = Path(__file__).parents[1] / "page" / "axe.min.js"
# What stands out of the window, unless it is in something that scrolls there.
_OUT: Final = """within => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (node, root) => {
    for (let at = node.parentElement; at !== null; at = at.parentElement) {
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(at).overflowX)) return true;
      if (at === root) return false;
    }
    return false;
  };
  return within.flatMap((selector) => [...document.querySelectorAll(selector)])
    .flatMap((root) => [root, ...root.querySelectorAll("*")].filter((each) => {
      const box = each.getBoundingClientRect();
      const out = box.width > 1 && (box.right > wide + 0.5 || box.left < -0.5);
      return out && (each === root || !scrolls(each, root));
    }))
    .map((each) => each.outerHTML.slice(0, 120));
}"""


def serious(page: Page) -> list[str]:
    """Return what axe holds against the page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


def cut_off(page: Page, *selectors: str) -> list[str]:
    """Return what stands out of the window within these elements and does not scroll into it."""
    found: list[str] = page.evaluate(_OUT, list(selectors))
    return found
