"""The audit's judgements, without a store."""

from __future__ import annotations

import msgspec

from dexwire.conformance.check import Check
from dexwire.server.audit import AuditedToken, LogCheck, TokenChecks, state_checks
from shared.state.messages import Heartbeat, encode
from shared.state.meta import Meta
from shared.state.row import Fields

CAT: Fields = {"id": b'"solana:cat"', "rv": b"3"}


def complaints(fields: Fields, **about: object) -> list[str]:
    look = {"token_id": "solana:cat", "fields": fields, "scores": {}, "gone_at": None}
    checks = TokenChecks()
    checks.look(msgspec.convert({**look, "epoch": "e", "version": 5, **about}, AuditedToken))
    return [example for check in checks.all() for example in check.examples]


def test_a_row_that_is_whole_has_nothing_against_it() -> None:
    assert complaints(CAT) == []


def test_a_field_that_no_row_has_is_reported() -> None:
    assert complaints({**CAT, "colour": b'"red"'}) == ["solana:cat has an unknown field 'colour'"]


def test_a_stored_null_is_reported_because_unknown_is_absent() -> None:
    assert complaints({**CAT, "price": b"null"}) == ["solana:cat has a price that is no JSON value"]


def test_a_row_version_that_is_no_number_is_reported() -> None:
    assert complaints({**CAT, "rv": b'"x"'}) == [
        "solana:cat has rv None, the store is at version 5"
    ]


def test_a_removal_in_the_future_is_reported() -> None:
    assert complaints({}, gone_at=6) == ["solana:cat was removed at 6, after version 5"]


def test_a_removal_in_the_past_is_as_it_should_be() -> None:
    assert complaints({}, gone_at=5) == []


def test_all_differences_are_counted_and_the_first_few_shown() -> None:
    check = Check(name="any")

    for number in range(7):
        check.count([f"wrong {number}"])

    assert (check.looked_at, check.wrong, len(check.examples)) == (7, 7, 5)


def test_a_log_entry_that_is_no_commit_is_reported() -> None:
    log = LogCheck("e")

    log.entry("1-0", b"noise")
    log.entry("2-0", encode(Heartbeat(e="e", v=2, ts=0, digest="0" * 16)))

    assert log.check.examples == ["entry 1-0 is not a message of ours", "entry 2-0 is not a commit"]


def test_a_log_that_is_empty_though_something_was_committed_is_reported() -> None:
    log = LogCheck("e")

    log.end(Meta(epoch="e", version=2))

    assert log.check.examples == ["the log is empty, the store is at version 2"]


def test_an_epoch_without_a_commit_has_an_empty_log() -> None:
    log = LogCheck("e")

    log.end(Meta(epoch="e", version=0))

    assert log.check.wrong == 0


def test_counts_and_digest_are_compared_exactly() -> None:
    meta = Meta(epoch="e", version=2, tokens=1, digest="00000000000000aa")

    assert [check.wrong for check in state_checks(meta, 1, "00000000000000aa")] == [0, 0]
    assert [check.wrong for check in state_checks(meta, 2, "00000000000000ab")] == [1, 1]
