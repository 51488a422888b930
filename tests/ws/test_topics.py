"""Topic names: what is understood, how it is spelled, what is refused with which code."""

from __future__ import annotations

import pytest

from services.ws.core.topics import BadTopic, parse_topic


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
        ("token:solana:" + "x" * 129, "bad_topic"),
        ("list:volume:5m:desc:solana:50", "unsupported"),
        ("tokens", "unsupported"),
        ("alerts:solana", "unsupported"),
    ],
)
def test_a_topic_that_cannot_be_served_says_why(written: str, code: str) -> None:
    with pytest.raises(BadTopic) as refused:
        parse_topic(written)

    assert refused.value.code == code
    assert len(str(refused.value)) < 128
