"""`GET /images/{chain}/{address}`: the picture of a token, as its row names it."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from starlette.types import Receive, Scope, Send

from services.images.counts import ImageCounts
from services.images.errors import NoImage
from services.images.pictures import Picture, Pictures
from shared.chains import canonical_chain, token_id
from shared.edge.http.answer import Answer, Header, NotModified, matches
from shared.edge.http.problem import Problem, clip
from shared.edge.http.storage import storage
from shared.keys import Keys
from shared.redis.connect import Redis
from shared.spellings import canonical_address

# A token's image seldom changes; what changed is seen after an hour.
_CACHED: Final = b"public, max-age=3600, stale-while-revalidate=604800"
_NOT_YET_S: Final = 60  # for how long a browser need not request an image that is not there
_decode_text: Final = msgspec.json.Decoder(str)

Mode = Literal["fetch", "made", "off"]


class ImageEndpoint:
    """The endpoint."""

    def __init__(
        self, redis: Redis, keys: Keys, pictures: Pictures, mode: Mode, counts: ImageCounts
    ) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._pictures = pictures
        self._mode = mode
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem: 400 for what cannot be a token, 404 without an image."""
        if scope["query_string"]:
            raise Problem(400, "unknown_parameter", "an image has no parameters")
        params = scope["path_params"]
        wanted = _token(params["chain"], params["address"])
        try:
            content, body = await self._picture(wanted)
        except NoImage as error:
            self._counts.served["none"] += 1
            detail = f"no image of {clip(wanted)}: {error.reason}"
            raise _none(detail) from None
        tag = b'"%s"' % content.encode()
        await _answer(scope, body, tag)(scope, receive, send)

    async def _picture(self, wanted: str) -> Picture:
        if self._mode == "off":
            raise _none("images are off here")
        async with storage():
            known, image = await self._row(wanted)
        if not known:
            raise Problem(404, "unknown_token", f"{clip(wanted)} is not known here")
        if self._mode == "made":
            return await self._pictures.drawn(wanted)
        if image is None:
            self._counts.served["none"] += 1
            raise _none(f"no source names an image of {clip(wanted)}")
        return await self._pictures.fetched(image)

    async def _row(self, wanted: str) -> tuple[bool, str | None]:
        """Return whether a token is known, and the address of its image."""
        key = self._keys.token(wanted)
        raw = await self._redis.hget(key, "image")
        if raw is None:
            return bool(await self._redis.exists(key)), None
        try:
            return True, _decode_text.decode(raw)
        except msgspec.DecodeError:
            return True, None


def _token(chain: str, address: str) -> str:
    """Return the token id that a path names. Raises Problem 400."""
    canonical = canonical_chain(chain)
    if canonical is None:
        raise Problem(400, "bad_chain", f"{clip(chain)!r} cannot be a chain", param="chain")
    known_as = canonical_address(canonical, address)
    if known_as is None:
        detail = f"{clip(address)!r} cannot be an address"
        raise Problem(400, "bad_address", detail, param="address")
    return token_id(canonical, known_as)


def _none(detail: str) -> Problem:
    return Problem(404, "no_image", detail, headers={"cache-control": f"max-age={_NOT_YET_S}"})


def _answer(scope: Scope, body: bytes, tag: bytes) -> Answer:
    """Return the picture, or 304 for a browser that has it."""
    own = [(b"etag", tag), (b"cache-control", _CACHED)]
    headers: list[Header] = scope["headers"]
    known = b",".join(value for name, value in headers if name == b"if-none-match")
    return NotModified(own) if matches(known, tag) else Answer(200, body, b"image/webp", own)
