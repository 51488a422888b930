"""Topic names: what is understood, how it is spelled, what is refused with which code."""

from __future__ import annotations

import pytest

from services.ws.core.topics import BadTopic, parse_topic, split_names


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("all", "all"),
        ("chain:solana", "chain:solana"),
        ("chain:eth", "chain:ethereum"),
        ("chain:BSC", "chain:bsc"),
        ("token:solana:So111Abc", "token:solana:So111Abc"),
        (
            "token:eth:0xABCDEF0123456789abcdef0123456789ABCDEF01",
            "token:ethereum:0xabcdef0123456789abcdef0123456789abcdef01",
        ),
        ("token:sui:0x2::sui::SUI", "token:sui:0x2::sui::SUI"),
        ("token:sui-network:0x02::sui::SUI", "token:sui:0x2::sui::SUI"),
        ("token:osmo:ibc/" + "ab" * 32, "token:osmosis:ibc/" + "AB" * 32),
        ("token:osmosis:factory/osmo1x/a/TOK", "token:osmosis:factory/osmo1x/a/TOK"),
        (
            "token:ton:0:b113a994b5024a16719f69139328eb759596c38a25f59028b146fecdc3621dfe",
            "token:ton:EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
        ),
        (
            "alerts:token:ton:EQB22222222222222222222222222222222222222222222-:L2",
            "alerts:token:ton:EQB22222222222222222222222222222222222222222222-:L2",
        ),
        ("tokens", "tokens"),
        ("list:volume:5m:desc:solana:50", "list:volume:5m:desc:solana:50"),
        ("list:newest:-:asc:eth:200", "list:newest:-:asc:ethereum:200"),
        ("list:market_cap:-:desc:*:10", "list:market_cap:-:desc:*:10"),
        ("alerts", "alerts"),
        ("alerts:L1", "alerts"),
        ("alerts:L3", "alerts:L3"),
        ("alerts:eth", "alerts:ethereum"),
        ("alerts:solana:L2", "alerts:solana:L2"),
        ("alerts:listed", "alerts:listed"),
        ("alerts:eth:graduated", "alerts:ethereum:graduated"),
        ("alerts:token:sui:0x2::sui::listed", "alerts:token:sui:0x2::sui::listed"),
        ("alerts:token:sui:0x2::sui::SUI:L4", "alerts:token:sui:0x2::sui::SUI:L4"),
    ],
)
def test_a_topic_has_one_spelling(written: str, canonical: str) -> None:
    assert parse_topic(written).name == canonical


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "bad_topic"),
        ("everything", "bad_topic"),
        ("all:", "bad_topic"),
        ("ALL", "bad_topic"),
        ("chain:", "bad_topic"),
        ("chain", "bad_topic"),
        ("chain:a/b", "bad_topic"),
        ("chain:__proto__", "bad_topic"),
        ("chain:" + "x" * 33, "bad_topic"),
        ("token:solana", "bad_topic"),
        ("token:solana:", "bad_topic"),
        ("token::abc", "bad_topic"),
        ("token:solana:a b", "bad_topic"),
        ("token:solana:a\n", "bad_topic"),
        ("token:solana:" + "x" * 257, "bad_topic"),
        ("tokens:", "bad_topic"),
        ("list", "bad_topic"),
        ("list:volume:5m:desc:50", "bad_topic"),
        ("list:volume:-:desc:*:50", "bad_topic"),
        ("list:volume:7m:desc:*:50", "bad_topic"),
        ("list:vol:5m:desc:*:50", "bad_topic"),
        ("list:liquidity:24h:desc:*:50", "bad_topic"),
        ("list:volume:5m:down:*:50", "bad_topic"),
        ("list:volume:5m:desc:*:20", "bad_topic"),
        ("list:volume:5m:desc:*:050", "bad_topic"),
        ("list:volume:5m:desc::50", "bad_topic"),
        ("alerts:", "bad_topic"),
        ("alerts:L5", "bad_topic"),
        ("alerts:listed:L2", "bad_topic"),
        ("alerts:a/b", "bad_topic"),
        ("alerts:token:solana", "bad_topic"),
    ],
)
def test_a_topic_that_cannot_be_served_says_why(written: str, code: str) -> None:
    with pytest.raises(BadTopic) as refused:
        parse_topic(written)

    assert refused.value.code == code
    assert len(str(refused.value)) < 160


def test_every_list_that_a_page_can_show_is_a_topic() -> None:
    windowed = {"volume", "price_change", "transactions"}
    names = [
        f"list:{sort}:{window}:{order}:{chain}:{count}"
        for sort in ("volume", "liquidity", "market_cap", "price_change", "transactions", "newest")
        for window in (("5m", "1h", "6h", "24h") if sort in windowed else ("-",))
        for order in ("asc", "desc")
        for chain in ("*", "solana")
        for count in (10, 25, 50, 100, 200)
    ]

    assert [parse_topic(name).name for name in names] == names
    assert len(names) == 300


def test_names_in_an_address_are_joined_by_commas_outside_of_types() -> None:
    generic = "token:sui:0x2::lp::LP<0x2::a::A,0x2::b::B>"

    assert split_names(f"all,{generic},chain:sui") == ["all", generic, "chain:sui"]
    assert split_names("all,,c<d") == ["all", "", "c<d"]
    assert split_names("") == [""]
