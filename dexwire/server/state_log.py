"""`dexwire history verify-log`: makes each version of a state log again and compares its digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.recording.lines import RecordingError
from shared.recording.state_log import Rebuilt, rebuild
from shared.state.row import format_digest


def verify_log(files: Sequence[Path], version: int | None = None) -> int:
    """Report on each file; return 1 when one of them is damaged or a digest differs.

    With `version`, print the rows of that version as JSON lines instead; raises RecordingError when
    no file has it.
    """
    if version is not None:
        return _print_rows(files, version)
    code = 0
    for file in files:
        made: Rebuilt | None = None
        try:
            for made in rebuild(file):  # noqa: B007 - the last one is reported
                pass
        except RecordingError as error:
            print(f"{error} (right until then: {_so_far(made)})")
            code = 1
        else:
            print(f"{file}: {_so_far(made)}; every digest is right")
    return code


def _so_far(made: Rebuilt | None) -> str:
    if made is None:
        return "no version"
    replica = made.replica
    return (
        f"{made.versions} versions from {made.snapshots} snapshots, the last {replica.version} of "
        f"epoch {replica.epoch} with {len(replica.rows)} tokens, digest "
        f"{format_digest(replica.digest)}"
    )


def _print_rows(files: Sequence[Path], version: int) -> int:
    for file in files:
        for made in rebuild(file):
            if made.replica.version == version:
                for row in made.replica.rows.values():
                    print(row.decode())
                return 0
    raise RecordingError(f"version {version} is in none of these files")
