"""The command line `dexwire`: the commands of every part that is installed."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Final

import typer

from dexwire import __version__
from dexwire.parts import SERVER, missing_server
from dexwire.terminal.commands import add_commands

# What dexwire-server brings; a test compares the names with its commands.
SERVER_COMMANDS: Final = (
    "up", "verify", "config", "doctor", "fetcher", "aggregator", "api", "ws", "images",
    "recorder", "replay", "redis-users", "backup", "restore", "record", "history",
)  # fmt: skip

app = typer.Typer(
    help="Every token that trades on decentralised exchanges as one merged, sorted, live list.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; never returns."""
    app(prog_name="dexwire")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        print(f"dexwire {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def _add_missing(name: str, why: str) -> None:
    """Add a command that says what it takes to have it."""

    @app.command(
        name,
        short_help=why,
        hidden=True,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def missing() -> None:
        print(f"dexwire {name}: {why}", file=sys.stderr)
        raise typer.Exit(1)


_why = missing_server()
if _why:
    for _name in SERVER_COMMANDS:
        _add_missing(_name, _why)
else:
    importlib.import_module(f"{SERVER}.commands").add_commands(app)
add_commands(app)
