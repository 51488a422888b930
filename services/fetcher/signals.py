"""Safety, people, launches and links as sources write them, into what readings hold. Pure.

What cannot be believed is unknown, and unknown is never safe: a share above 100 % is not cut to
100, an address that is none of the web is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import UNSET, Raw, Struct, UnsetType

from services.fetcher.values import FreeText, MaybeNumber, Number, decimal, iso_ms, maybe, text
from shared.launchpads import canonical_launchpad
from shared.links import image_url, link_url
from shared.model import LIMIT, Links

_NOTHING: Final = (b"", b"null")
_HANDLE: Final = re.compile(r"@?([A-Za-z0-9_.]{1,64})\Z")
_PAGES: Final = {
    "x": "https://x.com/{}",
    "telegram": "https://t.me/{}",
    "discord": "https://discord.gg/{}",
    "instagram": "https://www.instagram.com/{}",
    "tiktok": "https://www.tiktok.com/@{}",
}  # kind of link → the page of a handle
_KINDS: Final = {"twitter": "x", "site": "website", "web": "website", "homepage": "website"}
_HOSTS: Final = {
    "x.com": "x",
    "twitter.com": "x",
    "t.me": "telegram",
    "telegram.me": "telegram",
    "discord.gg": "discord",
    "discord.com": "discord",
    "instagram.com": "instagram",
    "tiktok.com": "tiktok",
}
Named: TypeAlias = tuple[FreeText, FreeText]  # what a source calls a link, and where it goes


def is_present(value: Raw) -> bool:
    """Return whether a member was there, with anything but null."""
    return bytes(value) not in _NOTHING


def share(value: Number) -> float | None:
    """Return a percentage of a whole, 0 to 100."""
    number = decimal(value)
    return number + 0.0 if number is not None and 0 <= number <= 100 else None


def net(value: Number) -> int | None:
    """Return a whole number that may be below 0."""
    number = decimal(value)
    whole = number is not None and number.is_integer() and abs(number) < LIMIT
    return int(number) if number is not None and whole else None


def revoked(disabled: bool | None, authority: FreeText) -> bool | UnsetType:  # noqa: FBT001
    """Return whether nobody can mint (or freeze) any more; an address says that somebody can."""
    if text(authority) is not None:
        return False
    return UNSET if disabled is None else disabled


def or_none(value: MaybeNumber) -> Number:
    """Return a statistic that is left out as unknown: it may be 0, or not."""
    return None if isinstance(value, UnsetType) else value


def launchpad(name: FreeText) -> str | UnsetType:
    """Return a launchpad under its one name; without one nothing is reported."""
    named = text(name)
    return UNSET if named is None else canonical_launchpad(named)


class Launch(Struct, frozen=True):
    """How far a token's launch is: of a curve, and of the move to the pool that comes after it."""

    graduation_percentage: MaybeNumber = UNSET
    completed: bool | None = None
    completed_at: str | None = None
    migrated_destination_pool_address: FreeText = None


def launch(details: Launch | None) -> dict[str, Any]:
    """Return how far a launch is: moved to another pool, sold out, or on its curve."""
    if details is None:
        return {}
    progress = maybe(details.graduation_percentage, share)
    reported: dict[str, Any] = {} if progress is UNSET else {"graduation_pct": progress}
    sold_out = details.completed or progress == 100
    if text(details.migrated_destination_pool_address) is not None:
        completed_ms = iso_ms(details.completed_at)
        reported |= {"stage": "graduated"} | (
            {"graduated_ms": completed_ms} if completed_ms else {}
        )
    elif sold_out or details.completed is False or isinstance(progress, float):
        reported["stage"] = "completed" if sold_out else "curve"
    return reported


# -- addresses ------------------------------------------------------------------------------------
def image(url: FreeText) -> str | UnsetType:
    """Return the address of an image; without one that is taken nothing is reported."""
    return (image_url(url) if isinstance(url, str) else None) or UNSET


def links(named: Iterable[Named]) -> Links | UnsetType:
    """Return a token's links by kind, the first of each; without any nothing is reported."""
    found: dict[str, str] = {}
    for name, value in named:
        kind, url = _link(name, value)
        if url is not None and kind not in found:
            found[kind] = url
    return Links(**found) if found else UNSET


def _link(name: FreeText, value: FreeText) -> tuple[str, str | None]:
    written = value.strip() if isinstance(value, str) else ""
    kind = name.strip().casefold() if isinstance(name, str) else ""
    kind = _KINDS.get(kind, kind)
    handle = _HANDLE.match(written)
    if kind in _PAGES and handle and link_url(f"https://{written}/") is None:
        return kind, _PAGES[kind].format(handle[1])
    url = link_url(written)
    if url is None:
        return "other", None
    if kind in _PAGES or kind == "website":
        return kind, url
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return _HOSTS.get(host, "other"), url


def by_kind(links_by_name: Mapping[str, FreeText]) -> Links | UnsetType:
    """Return the links of a record that has one member for each kind."""
    return links(links_by_name.items())
