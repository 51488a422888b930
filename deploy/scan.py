"""Looks through the files of an image for what has no place in it; stdlib only, it runs inside.

`python deploy/scan.py [ROOT]` prints a line for each finding, and exits with 1 when there is one.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

USER: Final = 10001  # of the image; its group has the same number
# What the services may write: their own folder, volumes, and what every Linux has.
WRITABLE: Final = ("keys", "run/dexwire", "run/lock", "tmp", "var/tmp")
_NOT_FILES: Final = ("dev", "proc", "sys")
_PACKAGES: Final = "site-packages|dist-packages"
_TOOLS: Final = "pip|setuptools|wheel|pkg_resources|hatchling|editables|pathspec|trove_classifiers"
# Kind of leftover → what its path looks like, from the root and without its first slash.
LEFTOVERS: Final = {
    "package list": re.compile(r"var/lib/apt/lists/.+(_Packages|_InRelease|_Release)(\.\w+)?"),
    "package archive": re.compile(r"var/cache/apt/(archives/.+\.deb|\w+\.bin)"),
    "cache": re.compile(r"(root|home/[^/]+)/\.(cache|npm)/.+|.+/pip-(cache|[0-9a-z_]{8})/.+"),
    "compiler": re.compile(
        r"usr/(local/)?bin/(.*-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as|make)(-[\d.]+)?"
    ),
    "build tool": re.compile(rf".+/({_PACKAGES})/_?({_TOOLS})(-[^/]+)?/.+"),
    "pip": re.compile(r".+/bin/(pip[\d.]*|hatchling|wheel)"),
    "source": re.compile(
        r"src/.+|.+/(\.git|node_modules|tests?/deploy)/.+|.+\.(whl|tar\.gz)|(.+/)?[^./][^/]*\.lock"
    ),
    "secret": re.compile(r".+/(\.env|\.netrc|\.pypirc|\.npmrc|id_(rsa|ed25519|ecdsa)|.+\.key)"),
}
# Temporary files of a build are none of anybody's.
_TEMPORARY: Final = re.compile(r"(var/)?tmp/.+")


def scan(root: Path) -> list[str]:
    """Return a line for each finding under a root, in order of their paths."""
    found = []
    for path, status in _walk(root):
        inside = path.relative_to(root).as_posix()
        what = [*_kinds(inside, status), *_rights(inside, status)]
        found += [f"{kind}: /{inside}" for kind in what]
    return found


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        here = Path(folder)
        if here == root:
            folders[:] = [name for name in folders if name not in _NOT_FILES]
        for name in (*folders, *sorted(files)):
            path = here / name
            yield path, path.lstat()


def _kinds(inside: str, status: os.stat_result) -> Iterator[str]:
    if stat.S_ISDIR(status.st_mode):
        return
    if _TEMPORARY.fullmatch(inside):
        yield "temporary file"
        return
    for kind, looks in LEFTOVERS.items():
        if looks.fullmatch(inside):
            yield kind
            return


def _rights(inside: str, status: os.stat_result) -> Iterator[str]:
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return
    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        yield "setuid or setgid"
    ours = status.st_uid == USER and mode & stat.S_IWUSR
    group = status.st_gid == USER and mode & stat.S_IWGRP
    if (ours or group or mode & stat.S_IWOTH) and not _may_be_written(inside):
        yield "writable"


def _may_be_written(inside: str) -> bool:
    path = PurePosixPath(inside)
    return any(path == PurePosixPath(one) or PurePosixPath(one) in path.parents for one in WRITABLE)


def main() -> int:
    """Scan the root that is given, or the one that this runs in."""
    found = scan(Path(sys.argv[1] if len(sys.argv) > 1 else "/"))
    for line in found:
        print(line)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
