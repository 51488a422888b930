"""`python -m dexwire` is `dexwire`: the command line, or one line about what it lacks."""

from __future__ import annotations

import sys
from typing import Final

from dexwire.output import prepare

_CLI: Final = {"typer", "rich"}  # what `dexwire[cli]` brings


def main() -> None:
    """Run the command line; never returns."""
    prepare()
    try:
        from dexwire.cli import main as run  # noqa: PLC0415 - it may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _CLI:
            raise
        sys.exit('dexwire: the commands are not installed: pip install "dexwire[cli]"')
    run()


if __name__ == "__main__":
    main()
