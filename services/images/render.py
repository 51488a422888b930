"""A file of somebody else's into a small picture of our own. Runs in a process that may do nothing
else (decoder.py).
"""  # noqa: D205

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps, WebPImagePlugin

SIDE: Final = 64  # pixels
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")  # of no others is a byte looked at
PIXELS_MAX: Final = 4_096 * 4_096  # 64 MiB once decoded
_QUALITY: Final = 80
_ORIENTATION: Final = 0x0112  # EXIF
_DRAFT: Final = 2 * SIDE  # a JPEG is decoded no finer than needed
_WITH_ALPHA: Final = ("RGBA", "LA", "PA", "P", "La", "RGBa")
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = PIXELS_MAX
# Pillow loads its formats at their first use: 0.2 s, which each forked child would pay again.
Image.preinit()
assert WebPImagePlugin.SUPPORTED  # noqa: S101 - each wheel has it; preinit() leaves it out


class TooManyPixels(Exception):
    """A header announces more pixels than are decoded."""


def small(data: bytes) -> bytes:
    """Return the first picture of a file as WebP of SIDE x SIDE pixels, cut to a square.

    Nothing else of the file is left in it. Raises TooManyPixels, MemoryError, and whatever Pillow
    raises for a damaged file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            found = Image.open(BytesIO(data), formats=FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise TooManyPixels(str(error)) from None
    with found:
        width, height = found.size
        if width * height > PIXELS_MAX:
            raise TooManyPixels(f"{width} x {height}")
        found.draft("RGB", (_DRAFT, _DRAFT))
        turn = _TURNS.get(found.getexif().get(_ORIENTATION, 1))
        picture = found.convert("RGBA" if found.mode in _WITH_ALPHA else "RGB")
    picture = ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)
    return as_webp(picture if turn is None else picture.transpose(turn))


def as_webp(picture: Image.Image) -> bytes:
    """Return a picture as WebP without anything beside its pixels."""
    picture.info = {}
    out = BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()
