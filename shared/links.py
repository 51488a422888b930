"""Addresses of pages and images that a token's maker names: which are taken. Pure.

Anybody may write anything there, and people click on it. So an address is one of the web, of a host
with a name (no IP address, no name of one machine), without a user, and of plain ASCII characters.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

LINK_LONGEST: Final = 256  # characters
IMAGE_LONGEST: Final = 512
_HOST: Final = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.)+[A-Za-z][A-Za-z0-9-]{1,62}"
# (?![\s\S]) is the end of the text in Python and in JavaScript, where JSON Schema has it from.
_REST: Final = r"(?::[0-9]{1,5})?(?:[/?#][!#-;=?-\[\]_a-z~]*)?(?![\s\S])"
LINK_PATTERN: Final = f"^https?://{_HOST}{_REST}"
IMAGE_PATTERN: Final = f"^https://{_HOST}{_REST}"

_LINK: Final = re.compile(LINK_PATTERN)
_IMAGE: Final = re.compile(IMAGE_PATTERN)
_SCHEME: Final = re.compile(r"https?://", re.IGNORECASE)
_KEPT: Final = "!#$%&'()*+,-./:;=?@[]_~"  # of a path and what follows it; the rest is encoded


def link_url(text: str) -> str | None:
    """Return the address of a page as it is taken, None when it is not."""
    return _taken(text, _LINK, LINK_LONGEST)


def image_url(text: str) -> str | None:
    """Return the address of an image as it is taken, None when it is not: https only."""
    return _taken(text, _IMAGE, IMAGE_LONGEST)


def _taken(text: str, pattern: re.Pattern[str], longest: int) -> str | None:
    url = text.strip()
    if not 0 < len(url) <= longest:
        return None
    if not pattern.match(url):
        url = _in_ascii(url) or ""
    return url if len(url) <= longest and pattern.match(url) else None


def _in_ascii(url: str) -> str | None:
    """Return the address with a lower-case scheme, its host and its path as they are sent."""
    scheme = _SCHEME.match(url)
    if scheme is None or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.netloc.encode("idna").decode() if parts.netloc else ""
    except (ValueError, UnicodeError):
        return None
    rest = url[scheme.end() :].removeprefix(parts.netloc)
    return f"{scheme[0].lower()}{host}{quote(rest, safe=_KEPT)}"
