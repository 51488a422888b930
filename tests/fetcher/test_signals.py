"""Safety, people, launches and links as sources send them: every recording, and what is hostile.

The values in tests/vectors/signals.json were taken from the recordings by other code than this.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec import UNSET

from services.fetcher.source import ParsedBody
from services.fetcher.sources.dexscreener import read_listed, read_pairs
from services.fetcher.sources.geckoterminal import read_page
from services.fetcher.sources.jupiter import read_tokens
from shared.model import LINK_KINDS, Links, PoolReading, Reading
from tests.testkit.recordings import recorded

AT = 1_800_000_000_000
MINT = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"
POOL = "BCDdHonby65iduz3Ev3c9v5XjNkzyu5e56KRFHpBM4T9"
SOL = "So11111111111111111111111111111111111111112"
FAR = "a" * 600
VECTORS = Path(__file__).parents[1] / "vectors" / "signals.json"
RECORDED: Final[dict[str, dict[str, Any]]] = json.loads(VECTORS.read_text(encoding="utf-8"))
FIELDS = ("image", "boosts", "launchpad", "stage", "graduation_pct")
WINDOWS = {"m5": "5m", "m15": "15m", "m30": "30m", "h1": "1h", "h6": "6h", "h24": "24h"}


def read(name: str) -> ParsedBody:
    source, _, body = name.partition("/")
    raw = recorded(source, body)
    if source == "geckoterminal":
        return read_page(raw, AT)
    return (read_listed if "-latest-" in body and "token-" in body else read_pairs)(raw, AT)


def of_token(reading: Reading) -> dict[str, Any]:
    found = {name: getattr(reading, name) for name in FIELDS}
    if isinstance(reading.links, Links):
        found["links"] = {kind: url for kind in LINK_KINDS if (url := getattr(reading.links, kind))}
    if reading.detail is not UNSET:
        found["takeover"] = reading.detail.takeover
    return {name: value for name, value in found.items() if value is not UNSET}


def of_pool(pool: PoolReading) -> dict[str, Any]:
    people = {wire: getattr(pool, f"traders_{window}") for wire, window in WINDOWS.items()}
    known = {wire: count for wire, count in people.items() if count is not None}
    return {"traders": known} if known else {}


@pytest.mark.parametrize("name", RECORDED)
def test_every_recording_decodes_to_the_values_that_are_in_it(name: str) -> None:
    page = read(name)
    whole = "{0.chain}:{0.token_address}" if name.startswith("dex") else "{0.token_address}"
    found = {whole.format(each): of_token(each) for each in page.readings}
    found |= {pool.pool_address: of_pool(pool) for each in page.readings for pool in each.pools}

    assert {key: reported for key, reported in found.items() if reported} == RECORDED[name]


def test_an_exchange_that_launches_move_to_shows_it_only_with_liquidity_and_trades() -> None:
    page = read("geckoterminal/pools_solana_rugged_first8_2026-10-08")
    moved = {each.token_address: each.moved_to for each in page.readings if each.moved_to}

    # Its other pools on such exchanges hold less than 5,000 USD.
    assert moved == {
        "Hyn3TNGqTyz936vJDHAEgRP9krcVKSahFtXXE6Jv4vKu": ("pumpswap",),
        SOL: ("meteora",),
    }


# -- what is hostile, or strange ------------------------------------------------------------------
AUDITS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "isSus false counts by being there": ({"audit": {"isSus": False}}, {"suspicious": True}),
    "isSus as text": ({"audit": {"isSus": "no"}}, {"suspicious": True}),
    "isSus null is not there": ({"audit": {"isSus": None}}, {"suspicious": None}),
    "no isSus clears it": ({"audit": {}}, {"suspicious": None}),
    "no audit says nothing": ({}, {"suspicious": UNSET, "mint_revoked": UNSET, "dev_pct": UNSET}),
    "an audit that is a list": ({"audit": []}, {"suspicious": UNSET, "mint_revoked": UNSET}),
    "an audit that is text": ({"audit": "fine"}, {"mint_revoked": UNSET}),
    "an authority beside what says that it is revoked": (
        {"audit": {"mintAuthorityDisabled": True}, "mintAuthority": MINT},
        {"mint_revoked": False},
    ),
    "an authority alone": ({"freezeAuthority": MINT}, {"freeze_revoked": False}),
    "no authority": (
        {"audit": {"mintAuthorityDisabled": True}, "mintAuthority": None},
        {"mint_revoked": True},
    ),
    "an authority that is disabled by null": (
        {"audit": {"mintAuthorityDisabled": None}},
        {"mint_revoked": UNSET},
    ),
    "an authority that is disabled by text": (
        {"audit": {"mintAuthorityDisabled": "true"}},
        {"mint_revoked": UNSET},
    ),
    "a share above 100 is refused, not cut": (
        {"audit": {"topHoldersPercentage": 100.01, "devBalancePercentage": 1e9}},
        {"top_holders_pct": None, "dev_pct": None},
    ),
    "a share below 0": ({"audit": {"topHoldersPercentage": -0.1}}, {"top_holders_pct": None}),
    "shares at the bounds": (
        {"audit": {"topHoldersPercentage": 0, "devBalancePercentage": 100}},
        {"top_holders_pct": 0.0, "dev_pct": 100.0},
    ),
    "a share that is no number": (
        {"audit": {"topHoldersPercentage": {}, "devMints": 1.5}},
        {"top_holders_pct": None, "dev_mints": None},
    ),
    "a score above 100": ({"organicScore": 101}, {"organic_score": None}),
    "verified by tag": ({"tags": ["x", "verified"], "isVerified": False}, {"verified": True}),
    "verified by null": ({"isVerified": None}, {"verified": None}),
    "verified by text": ({"isVerified": "yes", "tags": "verified"}, {"verified": None}),
    "statistics that are left out may be 0": (
        {"stats1h": {"numTraders": 3}},
        {"traders_1h": 3, "organic_volume_1h": None, "net_buyers_1h": None, "traders_6h": UNSET},
    ),
    "net buyers below 0": ({"stats5m": {"numNetBuyers": -7}}, {"net_buyers_5m": -7}),
    "net buyers that are not whole": ({"stats5m": {"numNetBuyers": 0.5}}, {"net_buyers_5m": None}),
    "traders below 0": ({"stats5m": {"numTraders": -1}}, {"traders_5m": None}),
    "a graduation by its pool alone": (
        {"launchpad": "pump.fun", "graduatedPool": {"id": POOL}},
        {"stage": "graduated", "graduated_ms": UNSET, "launchpad": "pump.fun"},
    ),
    "a graduation that is null": (
        {"graduatedPool": None, "graduatedAt": None},
        {"stage": UNSET, "graduated_ms": UNSET},
    ),
    "a graduation at no time": ({"graduatedAt": "soon"}, {"stage": UNSET, "graduated_ms": UNSET}),
    "a launchpad that is a number": ({"launchpad": 7}, {"launchpad": "7"}),
}


@pytest.mark.parametrize("case", AUDITS)
def test_of_a_hostile_record_only_what_can_be_believed_is_taken(case: str) -> None:
    given, expected = AUDITS[case]
    (reading,) = read_tokens(msgspec.json.encode([{"id": MINT, **given}]), AT).readings

    assert {name: getattr(reading, name) for name in expected} == expected


URLS: Final[dict[str, tuple[str, str | None]]] = {
    "a script": ("javascript:alert(1)", None),
    "a script in capitals behind a space": (" JaVaScRiPt:alert(1)", None),
    "data": ("data:text/html,<script>1</script>", None),
    "a file": ("file:///etc/passwd", None),
    "no scheme": ("//evil.example/x", None),
    "a user and a password": ("https://user:secret@evil.example/", None),
    "a host that looks like another": ("https://x.com@evil.example/", None),
    "an address in numbers": ("http://169.254.169.254/latest", None),
    "an address in six": ("http://[::1]/", None),
    "a host of one machine": ("http://localhost/", None),
    "a line break": ("https://a.example/\r\nSet-Cookie: a", None),
    "a byte of 0": ("https://a.example/\x00", None),
    "text that runs backwards": ("https://a.example/\u202egnp", None),
    "a quote": ('https://a.example/"onclick="x', "https://a.example/%22onclick=%22x"),
    "a backslash": ("https://a.example\\@evil.example/", None),
    "too long": (f"https://a.example/{FAR}", None),
    "a page in Arabic": ("https://a.example/\u0627", "https://a.example/%D8%A7"),
    "a host with an umlaut": ("https://münze.example/", "https://xn--mnze-0ra.example/"),
    "a scheme in capitals": ("HTTPS://a.example/A", "https://a.example/A"),
    "an honest one": ("http://a.example:8080/b?c=d#e", "http://a.example:8080/b?c=d#e"),
}


@pytest.mark.parametrize("case", URLS)
def test_only_addresses_of_the_web_are_links_and_only_https_is_an_image(case: str) -> None:
    given, taken = URLS[case]
    body = msgspec.json.encode([{"id": MINT, "website": given, "icon": given}])
    (reading,) = read_tokens(body, AT).readings

    assert reading.links == (UNSET if taken is None else Links(website=taken))
    secure = taken if taken and taken.startswith("https:") else UNSET
    assert reading.image == secure


def pair(**given: object) -> Reading:
    wire = {
        "chainId": "solana",
        "dexId": "raydium",
        "pairAddress": POOL,
        "baseToken": {"address": MINT},
        "quoteToken": {"address": SOL},
        "priceUsd": "1",
        **given,
    }
    (reading,) = read_pairs(msgspec.json.encode([wire]), AT).readings
    return reading


SOCIALS: Final[dict[str, tuple[object, Links | None]]] = {
    "type and address": (
        [{"type": "twitter", "url": "https://x.com/a"}],
        Links(x="https://x.com/a"),
    ),
    "platform and handle": (
        [{"platform": "twitter", "handle": "a_1"}],
        Links(x="https://x.com/a_1"),
    ),
    "a handle with its sign": (
        [{"platform": "tiktok", "handle": "@a"}],
        Links(tiktok="https://www.tiktok.com/@a"),
    ),
    "a handle that is an address": (
        [{"platform": "telegram", "handle": "https://t.me/a"}],
        Links(telegram="https://t.me/a"),
    ),
    "a handle that is a path": ([{"platform": "twitter", "handle": "../../a?b=c"}], None),
    "a platform that is not known": (
        [{"platform": "farcaster", "url": "https://farcaster.xyz/a"}],
        Links(other="https://farcaster.xyz/a"),
    ),
    "the first of a kind": (
        [{"type": "discord", "url": u} for u in ("https://discord.gg/a", "https://discord.gg/b")],
        Links(discord="https://discord.gg/a"),
    ),
    "none of a kind is bad": (
        [
            {"type": "telegram", "url": "javascript:1"},
            {"type": "telegram", "url": "https://t.me/b"},
        ],
        Links(telegram="https://t.me/b"),
    ),
    "neither shape": ([{"handle": 5}, {}], None),
    "no list": ({"twitter": "https://x.com/a"}, None),
    "null": (None, None),
}


@pytest.mark.parametrize("case", SOCIALS)
def test_socials_come_in_two_shapes(case: str) -> None:
    given, links = SOCIALS[case]

    assert pair(info={"socials": given}).links == (UNSET if links is None else links)


def test_what_a_pair_shows_is_of_its_base_token() -> None:
    reported = {"info": {"imageUrl": "https://a.example/i.png"}, "boosts": {"active": 50}}

    assert (pair(**reported).image, pair(**reported).boosts) == ("https://a.example/i.png", 50)
    quoted = pair(
        **reported, dexId="pumpfun", baseToken={"address": SOL}, quoteToken={"address": MINT}
    )
    assert (quoted.image, quoted.boosts, quoted.launchpad) == (UNSET, UNSET, UNSET)


@pytest.mark.parametrize("boosts", [None, [], {"active": None}, {"active": -1}, {"active": "many"}])
def test_boosts_that_are_none_say_nothing(boosts: object) -> None:
    assert pair(boosts=boosts).boosts == UNSET


LAUNCHES: Final[dict[str, tuple[object, dict[str, Any]]]] = {
    "on its curve": (
        {"graduation_percentage": 2.16, "completed": False},
        {"stage": "curve", "graduation_pct": 2.16},
    ),
    "sold out": ({"graduation_percentage": "100", "completed": None}, {"stage": "completed"}),
    "sold out, by its word": ({"completed": True}, {"stage": "completed"}),
    "moved": (
        {
            "graduation_percentage": 100,
            "completed": True,
            "completed_at": "2026-06-01T00:00:00Z",
            "migrated_destination_pool_address": POOL,
        },
        {"stage": "graduated", "graduated_ms": 1780272000000},
    ),
    "more than sold out": (
        {"graduation_percentage": 250},
        {"stage": UNSET, "graduation_pct": None},
    ),
    "all null": (
        {"graduation_percentage": None, "completed": None, "completed_at": None},
        {"stage": UNSET, "graduated_ms": UNSET},
    ),
    "no object": ([], {"stage": UNSET, "graduation_pct": UNSET}),
    "null": (None, {"stage": UNSET, "graduation_pct": UNSET}),
}


@pytest.mark.parametrize("case", LAUNCHES)
def test_how_far_a_launch_is_follows_from_what_is_there(case: str) -> None:
    given, expected = LAUNCHES[case]
    figures = {"address": MINT, "launchpad_details": given, "image_url": "missing.png"}
    wire = {"data": {"id": f"solana_{MINT}", "type": "token", "attributes": figures}}
    (reading,) = read_page(msgspec.json.encode(wire), AT).readings

    assert {name: getattr(reading, name) for name in expected} == expected
    assert reading.image == UNSET
