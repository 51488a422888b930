"""While the image is built: remove what a service has no use for, whatever the base brings.

That is what installs or compiles, lists and caches of packages, and setuid and setgid bits.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOTS: Final = ("usr", "usr/local")
# In a slim Python image there is pip only; a fuller base brings compilers as well.
_INSTALLERS: Final = ("ensurepip", "pip", "pkg_resources", "setuptools", "wheel")
_LIBRARIES: Final = ("lib/python3*", "lib/python3*/*-packages")
_COMMANDS: Final = (
    *("pip", "pip3*", "wheel*", "easy_install*", "make", "gmake", "cc", "c++", "c89*", "c99*"),
    *("gcc*", "g++*", "cpp*", "clang*", "as", "ld", "ld.bfd", "ld.gold", "gold"),
    *("*-gcc*", "*-g++*", "*-cpp*", "*-as", "*-ld", "*-ld.*", "*-gold"),
)
_FOLDERS: Final = ("lib/gcc", "libexec/gcc", "share/python-wheels")
# What is in them goes, they stay: package managers expect them.
_CACHES: Final = ("var/lib/apt/lists", "var/cache/apt", "root/.cache", "var/tmp", "tmp")


def unwanted(top: Path) -> Iterator[Path]:
    """Yield the files and folders that have to go."""
    for root in (top / name for name in _ROOTS):
        for folder in _LIBRARIES:
            for name in _INSTALLERS:
                yield from root.glob(f"{folder}/{name}")
                yield from root.glob(f"{folder}/{name}-*")
        for name in _COMMANDS:
            yield from root.glob(f"bin/{name}")
        for name in _FOLDERS:
            yield from root.glob(name)
    for name in _CACHES:
        yield from (top / name).glob("*")


def take_rights_away(top: Path) -> None:
    """Take setuid and setgid bits from every program: no service changes its user."""
    for path in (top / "usr").rglob("*"):
        status = path.lstat()
        special = status.st_mode & (stat.S_ISUID | stat.S_ISGID)
        if special and stat.S_ISREG(status.st_mode):
            path.chmod(stat.S_IMODE(status.st_mode & ~special))


def main(top: Path) -> None:
    """Remove them under a root; what is not there is no error. This file goes too."""
    for path in list(unwanted(top)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # two patterns may name it
    take_rights_away(top)


if __name__ == "__main__":
    main(Path("/"))
