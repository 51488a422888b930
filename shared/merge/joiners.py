"""Joiners: the invisible signs that some scripts and emoji need, and that disguise everywhere else.

U+200D makes one picture of a family or a flag, and one letter of two in Indic scripts; U+200C
keeps two letters of Persian apart. Between Latin letters neither can be seen. Pure.
"""

from __future__ import annotations

import unicodedata
from typing import Final

ZWNJ: Final = "\u200c"
ZWJ: Final = "\u200d"
EMOJI_STYLE: Final = "\ufe0f"  # makes an emoji of a sign
JOINERS: Final = ZWNJ + ZWJ
_KEYCAP: Final = "\u20e3"
_VIRAMA: Final = 9  # its combining class, in every Indic script
# The flags of England, Scotland and Wales are spelled in tags: the only use that is not hidden.
_FLAGS: Final = tuple(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)


def _joins_left_only() -> frozenset[str]:
    """Return the Arabic letters that never join the next one: they have no initial form."""
    initial: set[str] = set()
    final: set[str] = set()
    for point in (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)):
        form, *letters = unicodedata.decomposition(chr(point)).split() or [""]
        if len(letters) == 1 and form in {"<initial>", "<final>"}:
            (initial if form == "<initial>" else final).add(chr(int(letters[0], 16)))
    return frozenset(final - initial)


_LEFT_ONLY: Final = _joins_left_only()


def keep_joiners(text: str) -> str:
    """Return the text without those joiners, emoji selectors and tags that cannot be seen."""
    kept: list[str] = []
    for at, sign in enumerate(text):
        after = text[at + 1 : at + 2]
        if sign in JOINERS and not _joins(sign, kept, after):
            continue
        if sign == EMOJI_STYLE and not (kept and (_is_picture(kept[-1]) or after == _KEYCAP)):
            continue
        if is_tag(sign) and not _in_flag(text, at):
            continue
        kept.append(sign)
    return "".join(kept)


def is_tag(sign: str) -> bool:
    """Return whether this is one of the invisible letters that flags are spelled in."""
    return "\U000e0020" <= sign <= "\U000e007f"


def _joins(joiner: str, kept: list[str], after: str) -> bool:
    """Return whether a joiner does something between what is kept and the next sign."""
    before = kept[-1] if kept else ""
    if not before:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return joiner == ZWJ or _is_letter(after)
    if after and unicodedata.combining(after) == _VIRAMA:
        return _is_letter(before)
    if joiner == ZWJ and after and _is_picture(after):
        return _is_picture(before) or before == EMOJI_STYLE
    letter = next((sign for sign in reversed(kept) if not unicodedata.combining(sign)), "")
    return _is_joined(letter) and letter not in _LEFT_ONLY and bool(after) and _is_joined(after)


def _in_flag(text: str, at: int) -> bool:
    start = text.rfind(_FLAGS[0][0], 0, at)
    return start >= 0 and at - start < len(_FLAGS[0]) and text.startswith(_FLAGS, start)


def _is_letter(sign: str) -> bool:
    return bool(sign) and unicodedata.category(sign) == "Lo"


def _is_joined(letter: str) -> bool:
    """Return whether this is a letter of a script in which letters join: Arabic to Mongolian."""
    return _is_letter(letter) and ("\u0600" <= letter <= "\u08ff" or "\u1820" <= letter <= "\u18aa")


def _is_picture(sign: str) -> bool:
    """Return whether this sign is, or can be, an emoji (or its skin tone)."""
    return (
        "\U0001f000" <= sign <= "\U0001faff"
        or "\u2190" <= sign <= "\u2bff"
        or sign in "©®‼⁉™\u2139〰〽㊗㊙"
    )
