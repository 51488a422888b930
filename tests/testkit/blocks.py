"""The commands and programs that README and docs/ show, as a reader would copy them."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.keys import Keys
from tests.testkit.process import ROOT

PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "examples" / "README.md",
        *(ROOT / "docs").glob("*.md"),
    )
)
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_COMMAND: Final = re.compile(
    r"^(?:[A-Z_]+=\S+ )*"
    r"(?:make|dexwire|\.venv/bin/dexwire|docker|docker-compose|pip|kubectl|redis-cli|curl) [^=]"
)


@dataclass(frozen=True)
class Block:
    """A fenced block: page, line of its fence, language, text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return the fenced blocks of these languages, in the order of the pages."""
    return [
        Block(page, text[: found.start()].count("\n") + 1, found[1], found[2])
        for page in PAGES
        for text in [_read(page)]
        for found in _FENCE.finditer(text)
        if found[1] in languages
    ]


def inline_commands() -> list[Block]:
    """Return each command that stands in backticks inside a sentence or a table, once a page."""
    found: dict[tuple[str, str], Block] = {}
    for page in PAGES:
        text = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), _read(page))
        for match in _INLINE.finditer(text):
            if _COMMAND.match(match[1]):
                line = text[: match.start()].count("\n") + 1
                found.setdefault((page, match[1]), Block(page, line, "sh", match[1]))
    return list(found.values())


def _read(page: str) -> str:
    return Path(ROOT / page).read_text(encoding="utf-8")


def built_names() -> set[str]:
    """Every name that Keys builds, with `<…>` in the place of its arguments."""
    found = set()
    for name, member in inspect.getmembers(Keys):
        if isinstance(member, property):
            found.add(getattr(Keys(), name))
        elif inspect.isfunction(member) and not name.startswith("_"):
            arguments = list(inspect.signature(member).parameters)[1:]
            found.add(member(Keys(), *["<>" for _ in arguments]))
    return found
