"""Text that a source escapes for HTML. Pure."""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5
from typing import Final

_ENTITY: Final = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")


def unescape_once(text: str) -> str:
    """Return the text with its entities replaced, once: `&amp;lt;` is `&lt;`."""
    return _ENTITY.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    # unescape() takes the `&not` of `&nothing;`.
    known = found[0][1] == "#" or found[0][1:] in html5
    return unescape(found[0]) if known else found[0]
