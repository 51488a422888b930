"""While the image is built: remove what installs packages or compiles, whatever the base brings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOTS: Final = (Path("/usr"), Path("/usr/local"))
# In a slim Python image there is pip only; a fuller base brings compilers as well.
_INSTALLERS: Final = ("ensurepip", "pip", "pkg_resources", "setuptools", "wheel")
_LIBRARIES: Final = ("lib/python3*", "lib/python3*/*-packages")
_COMMANDS: Final = (
    *("pip", "pip3*", "wheel*", "easy_install*", "make", "gmake", "cc", "c++", "c89*", "c99*"),
    *("gcc*", "g++*", "cpp*", "clang*", "as", "ld", "ld.bfd", "ld.gold", "gold"),
    *("*-gcc*", "*-g++*", "*-cpp*", "*-as", "*-ld", "*-ld.*", "*-gold"),
)
_FOLDERS: Final = ("lib/gcc", "libexec/gcc", "share/python-wheels")


def unwanted() -> Iterator[Path]:
    """Yield the files and folders that have to go."""
    for root in _ROOTS:
        for folder in _LIBRARIES:
            for name in _INSTALLERS:
                yield from root.glob(f"{folder}/{name}")
                yield from root.glob(f"{folder}/{name}-*")
        for name in _COMMANDS:
            yield from root.glob(f"bin/{name}")
        for name in _FOLDERS:
            yield from root.glob(name)


def main() -> None:
    """Remove them; what is not there is no error."""
    for path in list(unwanted()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # two patterns may name it


if __name__ == "__main__":
    main()
