"""What is printed, in whatever encoding the terminal or the pipe has.

Signs that the encoding lacks are replaced: `▲` by `^`, the count of zeros in `0.0₅123` by `{5}`,
others by `?`. JSON loses nothing: its strings have escapes.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
from typing import Final

ERRORS: Final = "dexwire.stand_in"
_STAND_INS: Final = {
    "\N{BLACK UP-POINTING TRIANGLE}": "^",
    "\N{BLACK UP-POINTING SMALL TRIANGLE}": "^",
    "\N{BLACK DOWN-POINTING TRIANGLE}": "v",
    "\N{BLACK DOWN-POINTING SMALL TRIANGLE}": "v",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{RIGHTWARDS ARROW}": ">",
    "\N{HORIZONTAL ELLIPSIS}": ".",
}
_SUBSCRIPTS: Final = re.compile("[₀-₉]+")
_DIGITS: Final = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


def prepare() -> None:
    """Let standard output and error replace what their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def encodable(text: str, encoding: str) -> str:
    """Return the text as it will look in an encoding."""
    return text.encode(encoding, ERRORS).decode(encoding)


def print_json(data: bytes) -> None:
    """Print JSON (UTF-8); where the output has another encoding, with escapes for what it lacks."""
    text = data.decode()
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(_escaped, text)
    print(text, flush=True)


def _escaped(found: re.Match[str]) -> str:
    """Return a character as JSON escapes: one, or two for what UTF-16 needs a pair for."""
    units = found[0].encode("utf-16-be").hex()
    return "".join(rf"\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    counted = _SUBSCRIPTS.sub(lambda found: f"{{{found[0].translate(_DIGITS)}}}", text)
    return "".join(c if c.isascii() else _STAND_INS.get(c, "?") for c in counted), error.end


codecs.register_error(ERRORS, _stand_in)
