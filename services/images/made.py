"""Pictures for tokens that have none: drawn from the token id alone, the same one each time."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from services.images.render import SIDE, as_webp

_SCALE: Final = 4  # drawn larger, so that edges become smooth
_CELLS: Final = 5
_MARGIN: Final = 0.17  # of the side
_ROUND: Final = 0.28  # of a cell


def drawn(token_id: str) -> bytes:
    """Return a mirrored pattern on a two-coloured ground, as WebP of SIDE x SIDE pixels."""
    digest = blake2b(token_id.encode(), digest_size=16).digest()
    picture = _ground(digest)
    pen = ImageDraw.Draw(picture, "RGBA")
    cell = SIDE * _SCALE * (1 - 2 * _MARGIN) / _CELLS
    for column, row in _filled(digest):
        left, top = (SIDE * _SCALE * _MARGIN + cell * at for at in (column, row))
        box = (left, top, left + cell - 1, top + cell - 1)
        pen.rounded_rectangle(box, radius=cell * _ROUND, fill=(255, 255, 255, 232))
    return as_webp(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _ground(digest: bytes) -> Image.Image:
    """Return a gradient between two neighbouring hues."""
    hue = int.from_bytes(digest[:2]) / 65_536
    neighbour = (hue + 0.08 + digest[2] / 255 * 0.1) % 1
    slope = Image.linear_gradient("L").rotate((0, 90, 180, 270)[digest[3] % 4])
    slope = slope.resize((SIDE * _SCALE, SIDE * _SCALE))
    return ImageOps.colorize(slope, _colour(hue, 0.56), _colour(neighbour, 0.42))


def _colour(hue: float, lightness: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.62)
    return round(red * 255), round(green * 255), round(blue * 255)


def _filled(digest: bytes) -> Iterator[tuple[int, int]]:
    """Yield the cells of the pattern: the left half by the digest, the right half its mirror."""
    bits = int.from_bytes(digest[4:6])
    half = (_CELLS + 1) // 2
    for at in range(half * _CELLS):
        column, row = divmod(at, _CELLS)
        if bits >> at & 1:
            yield column, row
            if column != _CELLS - 1 - column:
                yield _CELLS - 1 - column, row
