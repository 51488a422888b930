"""The log of the state: each version of a day is made again, with its digest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import zstandard

from dexwire.server.state_log import verify_log
from services.recorder.state_log import StateLog
from shared.recording.lines import RecordingError, read_lines
from shared.recording.state_log import rebuild
from shared.state.replica import Replica
from tests.testkit.commits import Ledger, token

DAY = 86_400_000
MORNING = 1_790_006_400_000  # a day begins


class Run:
    """A state that moves, with a log that listens."""

    def __init__(self, folder: Path, *, max_bytes: int = 1 << 30, keep_days: int = 7) -> None:
        self.ledger, self.replica = Ledger(), Replica()
        self.folder = folder
        self.log = StateLog(folder, max_bytes=max_bytes, keep_days=keep_days)
        self.log.follow(self.replica)
        self.begin("e1")

    def begin(self, epoch: str) -> None:
        self.ledger.begin(epoch)
        self.replica.reset(epoch)
        self.log.on_reset()

    def commit(
        self, price: float, ts: int = MORNING, name: str = "A", *, seeding: bool = False
    ) -> str:
        made = self.ledger.commit(token(name, price=price), ts=ts, seeding=seeding)
        self.log.on_commit(self.replica.apply(made))
        return made.digest

    def flush(self) -> None:
        """Bring what is written so far into the file."""
        if self.log._writer is not None:
            self.log._writer.flush()

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())


def versions(file: Path) -> list[tuple[str, int, int]]:
    return [
        (made.replica.epoch, made.replica.version, made.replica.digest) for made in rebuild(file)
    ]


def test_each_version_is_made_again_with_its_digest(tmp_path: Path) -> None:
    run = Run(tmp_path)
    digests = [run.commit(price) for price in (1.0, 2.0, 3.0)]
    run.log.close()

    (file,) = run.files()
    assert file.name == "state-2026-09-21-1.jsonl.zst"
    assert versions(file) == [
        ("e1", number, int(digest, 16)) for number, digest in enumerate(digests, start=1)
    ]
    last = list(rebuild(file))[-1]
    assert last.replica.rows == run.replica.rows
    assert (last.snapshots, last.versions) == (1, 3)


def test_a_new_day_begins_a_file_that_stands_alone(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.commit(1.0)
    run.commit(2.0, MORNING + DAY)
    run.commit(3.0, MORNING + DAY + 5)
    run.log.close()

    assert [file.name[:16] for file in run.files()] == ["state-2026-09-21", "state-2026-09-22"]
    assert [version for _, version, _ in versions(run.files()[1])] == [2, 3]


def test_versions_that_were_not_seen_are_a_new_snapshot(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.commit(1.0)
    run.begin("e2")
    run.commit(2.0, seeding=True)
    run.commit(3.0, name="B")
    run.commit(4.0)
    run.log.close()

    (file,) = run.files()
    assert [each[:2] for each in versions(file)] == [("e1", 1), ("e2", 2), ("e2", 3)]


def test_old_days_are_removed_and_a_restart_begins_another_file(tmp_path: Path) -> None:
    for day in range(4):
        run = Run(tmp_path, keep_days=2)
        run.commit(1.0, MORNING + day * DAY)
        run.log.close()
    again = Run(tmp_path, keep_days=2)
    again.commit(1.0, MORNING + 3 * DAY)
    again.log.close()

    assert [file.name[6:18] for file in again.files()] == [
        "2026-09-23-1", "2026-09-24-1", "2026-09-24-2",
    ]  # fmt: skip


def test_a_day_that_is_too_large_ends_early_and_is_whole_until_then(tmp_path: Path) -> None:
    run = Run(tmp_path, max_bytes=4_000)
    for _ in range(100):
        run.commit(1.0, name=os.urandom(64).hex())
        run.flush()
    run.log.close()

    (file,) = run.files()
    assert 2 < len(versions(file)) < 99
    assert file.stat().st_size < 4_000


def test_a_disk_that_fails_ends_the_log_of_the_day_alone(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.write_bytes(b"a file")
    run = Run(folder)

    run.commit(1.0)
    run.commit(2.0)

    assert folder.read_bytes() == b"a file"
    folder.unlink()
    run.commit(3.0, MORNING + DAY)
    run.log.close()
    assert len(run.files()) == 1


def test_a_file_that_is_still_written_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.commit(1.0)
    run.flush()
    run.commit(2.0)

    assert len(versions(run.files()[0])) == 1
    run.log.close()


def lines_of(tmp_path: Path) -> list[bytes]:
    run = Run(tmp_path / "log")
    for price in (1.0, 2.0, 3.0):
        run.commit(price)
    run.log.close()
    return list(read_lines(run.files()[0]))


WHOLE = "head snapshot rows second third"


@pytest.mark.parametrize(
    ("lines", "old", "new", "complaint"),
    [
        ("snapshot rows second", "", "", "no state log"),
        ("", "", "", "no state log"),
        ("head", '"state"', '"traffic"', "no state log"),
        ("head", '{"t"', "x", "no state log"),
        ("head", '"format":1', '"format":2', "newer version"),
        ("head snapshot second", "", "", "a snapshot is not whole"),
        ("head snapshot", "", "", "a snapshot is not whole"),
        ("head rows", "", "", "a line out of place"),
        ("head snapshot rows third", "", "", "commit builds on"),
        (WHOLE, '"price":1.0', '"price":1.5', "digest differs in the snapshot of version 1"),
        (WHOLE, '"price":2.0', '"price":2.5', "digest differs at version 2"),
        (WHOLE, '{"t":"snapshot"', "[" * 99_999, "damaged in line 2"),
        (WHOLE, '{"t":"rows","rows":[', '{"t":"rows","rows":[1,', "a snapshot holds no row"),
    ],
)
def test_what_is_damaged_or_foreign_is_named(
    tmp_path: Path, lines: str, old: str, new: str, complaint: str
) -> None:
    written = dict(zip(WHOLE.split(), lines_of(tmp_path), strict=True))
    content = b"".join(written[name] + b"\n" for name in lines.split())
    file = tmp_path / "x.zst"
    file.write_bytes(zstandard.compress(content.replace(old.encode() or b"\0", new.encode())))

    with pytest.raises(RecordingError, match=complaint):
        list(rebuild(file))


def test_the_command_says_what_is_right_and_prints_a_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path)
    run.commit(1.0)
    digest = run.commit(2.0)
    run.log.close()
    (file,) = run.files()
    broken = tmp_path / "broken.zst"
    broken.write_bytes(b"x")

    capsys.readouterr()  # what was logged

    assert verify_log([file, broken]) == 1
    last = f"the last 2 of epoch e1 with 1 tokens, digest {digest}"
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: 2 versions from 1 snapshots, {last}; every digest is right",
        f"{broken} is no recording of dexwire (right until then: no version)",
    ]
    assert verify_log([file]) == 0
    capsys.readouterr()

    assert verify_log([file], 1) == 0
    assert '"price":1.0' in capsys.readouterr().out
    with pytest.raises(RecordingError, match="version 9 is in none of these files"):
        verify_log([file], 9)
