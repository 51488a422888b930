"""The replica: exact at one version, or it says so."""

from __future__ import annotations

import msgspec
import pytest

from shared.errors import Diverged
from shared.state.messages import Commit
from shared.state.replica import Replica
from shared.state.row import add_to_digest, decode_row, format_digest, row_hash


def digest_of(*rows: bytes) -> str:
    total = 0
    for row in rows:
        total = add_to_digest(total, plus=row_hash(decode_row(row)))
    return format_digest(total)


def commit(v: int, *, e: str = "e1", digest: str, **parts: list[bytes] | list[str] | int) -> Commit:
    raw = {
        name: [msgspec.Raw(item) for item in items]  # type: ignore[union-attr]
        for name, items in parts.items()
        if name in {"set", "add"}
    }
    rest = {name: part for name, part in parts.items() if name not in {"set", "add"}}
    return Commit(e=e, pv=v - 1, v=v, ts=1000 + v, digest=digest, **raw, **rest)  # type: ignore[arg-type]


A1 = b'{"id":"solana:A","price":1.0,"rv":1}'
A2 = b'{"id":"solana:A","price":2.0,"rv":2}'
B1 = b'{"id":"solana:B","price":9.0,"rv":1}'


def replica_at_1() -> Replica:
    replica = Replica()
    replica.reset("e1")
    replica.apply(commit(1, add=[A1, B1], digest=digest_of(A1, B1)))
    return replica


def test_a_set_changes_the_fields_it_names() -> None:
    replica = replica_at_1()

    change = replica.apply(
        commit(2, set=[b'{"id":"solana:A","price":2.0,"rv":2}'], digest=digest_of(A2, B1))
    )

    assert replica.rows == {"solana:A": A2, "solana:B": B1}
    assert (replica.version, replica.committed_ms) == (2, 1002)
    assert change.sets == (("solana:A", b'{"id":"solana:A","price":2.0,"rv":2}'),)


def test_applied_in_steps_nothing_has_changed_until_the_last() -> None:
    replica = replica_at_1()
    rows = [f'{{"id":"solana:T{n}","rv":2}}'.encode() for n in range(120)]
    steps = replica.steps(commit(2, add=rows, digest=digest_of(A1, B1, *rows)))

    next(steps)
    next(steps)
    assert (replica.version, len(replica.rows)) == (1, 2)
    with pytest.raises(StopIteration) as ended:
        next(steps)
    assert (replica.version, len(replica.rows)) == (2, 122)
    assert [token for token, _ in ended.value.value.adds][-1] == "solana:T119"


def test_a_commit_that_changes_a_row_twice_is_refused() -> None:
    with pytest.raises(Diverged, match="twice"):
        replica_at_1().apply(commit(2, set=[A2, A2], digest=digest_of(A2, B1)))


def test_null_in_a_set_removes_the_field() -> None:
    replica = replica_at_1()
    bare = b'{"id":"solana:A","rv":2}'

    replica.apply(
        commit(2, set=[b'{"id":"solana:A","price":null,"rv":2}'], digest=digest_of(bare, B1))
    )

    assert replica.rows["solana:A"] == bare


def test_a_removal_is_remembered_until_the_horizon_passes_it() -> None:
    replica = replica_at_1()
    replica.apply(commit(2, del_=["solana:A"], digest=digest_of(B1)))

    assert replica.gone == {"solana:A": 2}
    assert "solana:A" not in replica.rows

    replica.apply(commit(3, digest=digest_of(B1), horizon=2))
    assert replica.gone == {}


def test_a_token_that_comes_back_is_no_longer_gone() -> None:
    replica = replica_at_1()
    replica.apply(commit(2, del_=["solana:A"], digest=digest_of(B1)))
    replica.apply(commit(3, add=[A1], digest=digest_of(A1, B1)))

    assert replica.gone == {}
    assert set(replica.rows) == {"solana:A", "solana:B"}


def test_a_commit_that_does_not_follow_is_refused() -> None:
    with pytest.raises(Diverged, match="builds on"):
        replica_at_1().apply(commit(3, digest=digest_of(A1, B1)))


def test_a_commit_of_another_epoch_is_refused() -> None:
    with pytest.raises(Diverged, match="builds on"):
        replica_at_1().apply(commit(2, e="e2", digest=digest_of(A1, B1)))


def test_a_wrong_digest_is_noticed() -> None:
    with pytest.raises(Diverged, match="digest differs at version 2"):
        replica_at_1().apply(commit(2, digest=digest_of(A1)))


def test_a_change_of_an_unknown_row_is_refused() -> None:
    with pytest.raises(Diverged, match="not here"):
        replica_at_1().apply(commit(2, set=[b'{"id":"solana:Z","rv":2}'], digest=digest_of(A1)))


@pytest.mark.parametrize(
    "entry",
    [
        b"[]",
        b'{"price":2.0}',
        b'{"id":7}',
        b'{"id":"solana:A","price":"2"}',
        b'{"id":"solana:A","rv":1.5}',
        b'{"id":"solana:A","rv":9223372036854775808}',
        b'{"id":"solana:A","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_an_entry_that_is_no_row_is_refused(entry: bytes) -> None:
    for broken in (
        commit(2, digest=digest_of(A1), set=[entry]),
        commit(2, digest=digest_of(A1), add=[entry]),
    ):
        with pytest.raises(Diverged, match="commit 2 holds what is no row"):
            replica_at_1().apply(broken)


def test_during_a_load_a_change_of_a_row_that_is_gone_already_is_skipped() -> None:
    replica = replica_at_1()

    replica.apply(commit(2, set=[b'{"id":"solana:Z","rv":2}'], digest="ignored"), torn=True)

    assert replica.version == 2
    assert set(replica.rows) == {"solana:A", "solana:B"}


def test_a_reset_forgets_everything() -> None:
    replica = replica_at_1()

    replica.reset("e2")

    assert (replica.epoch, replica.version, replica.digest) == ("e2", 0, 0)
    assert not replica.rows
    assert replica.seeding
    assert replica.orders.order("volume_24h") == []
