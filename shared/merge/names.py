"""Names and tickers as they are shown: hostile text made harmless.

Anybody may call a token anything. What cannot be seen, or makes a line read backwards, is taken
out; the text as it was written stays in the readings.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from shared.merge.joiners import EMOJI_STYLE, JOINERS, is_tag, keep_joiners

LONGEST: Final = {
    "token_name": 64,
    "token_ticker": 24,
    "protocol": 64,
    "launchpad": 64,
}  # characters
_MARKS: Final = 3  # on one letter; no language needs more, and towers of them hide other rows

# Not of the classes below and yet nothing to see: fillers, a blank Braille cell, selectors that
# are marks. What joins, and U+FE0F, is judged by its neighbours (shared/merge/joiners.py).
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0"
    "\U000e0000-\U000e001f\U000e0080-\U000e0fff]"
)
# Control, format (zero width, bidi), surrogates, private use.
_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Co"))
_UNCOMPARED: Final = re.compile(f"{_UNSEEN.pattern}|[{JOINERS}{EMOJI_STYLE}]")


def shown(field: str, text: str) -> str | None:
    """Return a name, ticker or protocol as it is shown; None when nothing of it can be seen."""
    return _shown(text, LONGEST[field])


@lru_cache(maxsize=65_536)
def _shown(text: str, longest: int) -> str | None:
    if text.isascii() and text.isprintable():
        clean = text
    else:
        spaced = " ".join(text.split())  # first: a line break parts two words
        seen = "".join(c for c in _UNSEEN.sub("", spaced) if _is_seen(c) or _may_join(c))
        clean = _without_towers(keep_joiners(seen))
    clean = " ".join(clean.split())
    if len(clean) > longest:
        clean = clean[: longest - 1].rstrip(JOINERS).rstrip() + "…"
    return clean if any(unicodedata.category(c)[0] not in "MC" for c in clean) else None


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in _HIDDEN


def _may_join(character: str) -> bool:
    return character in JOINERS or is_tag(character)


def _without_towers(text: str) -> str:
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks <= _MARKS:
            kept.append(character)
    return "".join(kept)


def fold(text: str) -> str:
    """Return the form in which names are compared; empty when nothing of it can be seen.

    Compatibility forms and cases are one, spaces are collapsed. Joiners and emoji styles are left
    out, also where they stay in the name: they are too easily overlooked.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.casefold().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    spaced = " ".join(folded.split())
    seen = "".join(c for c in _UNCOMPARED.sub("", spaced) if unicodedata.category(c)[0] != "C")
    return " ".join(seen.split())


def fold_ticker(text: str) -> str:
    """Return a ticker's form for comparing: people write `$WIF` for WIF.

    The one form of a ticker: what rows call `same_ticker` and what a search finds by it agree.
    """
    return drop_dollar(fold(text))


def drop_dollar(folded: str) -> str:
    """Return a folded text without the signs of a ticker before it; alone they stay."""
    return folded.lstrip("$").lstrip() or folded
