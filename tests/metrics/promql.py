"""The metrics that a PromQL expression reads, found without a parser.

What is in quotes, braces, brackets or a grouping clause is no metric; of the words that are left,
neither is a function (a parenthesis follows) nor a keyword.
"""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_INSIDE: Final = re.compile(r"\{[^}]*\}|\[[^]]*\]")
_GROUPING: Final = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE
)
_OFFSET: Final = re.compile(r"\boffset\s+-?\w+", re.IGNORECASE)
_WORD: Final = re.compile(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_KEYWORDS: Final = {"and", "or", "unless", "bool", "inf", "nan", "sum", "max", "min", "avg"}


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics; aggregations with a clause in front are no metrics."""
    for pattern in (_QUOTED, _INSIDE, _GROUPING, _OFFSET):
        expression = pattern.sub(" ", expression)
    words: list[str] = _WORD.findall(expression)
    return {word for word in words if word.lower() not in _KEYWORDS}
