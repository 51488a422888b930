"""The command line `dexwire`: everything at once, single services, the audit of the store."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from dexwire import __version__
from dexwire.redis_users import redis_users
from dexwire.settings import UpSettings
from dexwire.terminal.commands import add_commands
from dexwire.up import up as run_up
from dexwire.verify import verify as run_verify
from shared.errors import ConfigError, PipelineError
from shared.metrics import Metrics
from shared.service import run_service
from shared.settings import ServiceSettings, exit_on_config_error, read_settings

SERVICES: Final = {
    "fetcher": "Poll the upstream APIs and publish what they say.",
    "aggregator": "Merge readings and commit them to Redis; one is active, others stand by.",
    "api": "Serve pages over HTTP and take readings from producers.",
    "ws": "Stream snapshots and diffs over WebSocket.",
    "replay": "Stand in for the upstream APIs with a replayed market.",
}
_OPERATE: Final = "Operate"
_NEEDS_NO_REDIS: Final = {"replay"}

app = typer.Typer(
    help="Every token that trades on decentralised exchanges as one merged, sorted, live list.",
    no_args_is_help=True,
    add_completion=False,
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


@app.command()
def up(
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="A replayed market instead of the live sources.")
    ] = False,
    tokens: Annotated[
        int | None,
        typer.Option(min=1, max=20_000, help="Size of the replayed market (with --demo)."),
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Use this server; without one, an embedded one is started.")
    ] = None,
    api_port: Annotated[int | None, typer.Option(help="Default 8000; 0: any free port.")] = None,
    ws_port: Annotated[int | None, typer.Option(help="Default 8001; 0: any free port.")] = None,
    replay_port: Annotated[
        int | None, typer.Option(help="Default 8010, else a free one (with --demo).")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address of api and stream. Default 127.0.0.1.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep the embedded server's data here; without it, in memory only."),
    ] = None,
) -> None:
    """Run everything on this machine; Ctrl-C stops it."""

    def run() -> int:
        settings = read_settings(
            UpSettings,
            demo=demo or None,
            replay_tokens=tokens,
            redis_url=redis_url,
            api_host=host,
            ws_host=host,
            api_port=api_port,
            ws_port=ws_port,
            replay_port=replay_port,
            data_dir=data_dir,
        )
        _tell_look_alikes()
        return asyncio.run(run_up(settings))

    _exit_with(run)


@app.command(rich_help_panel=_OPERATE)
def verify(
    *,
    redis_url: Annotated[
        str | None, typer.Option(help="The server to audit. Default: that of `dexwire up` here.")
    ] = None,
    redis_prefix: Annotated[str | None, typer.Option(help="Prefix of the keys.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The --data-dir of the `dexwire up` to audit.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Audit the store: rows, indices, versions, digest. Exit 1: differences; 2: no Redis."""

    def run() -> int:
        settings = read_settings(ServiceSettings, redis_url=redis_url, redis_prefix=redis_prefix)
        return asyncio.run(run_verify(settings, data_dir, as_json=as_json))

    _exit_with(run)


@app.command(rich_help_panel=_OPERATE)
def config(
    service: Annotated[
        Literal["fetcher", "aggregator", "api", "ws", "replay", "up"] | None,
        typer.Argument(help="Only what this one reads."),
    ] = None,
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what is not at its default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show every setting, its value and where it came from. Exit 78: one is wrong."""
    # Imported here: it knows every service, and a service's process needs itself only.
    show = importlib.import_module("dexwire.config").config
    _exit_with(lambda: show(service, as_json=as_json, changed=changed))


@app.command(rich_help_panel=_OPERATE)
def doctor(
    *,
    redis_url: Annotated[
        str | None, typer.Option(help="The server to look at. Default: that of `dexwire up` here.")
    ] = None,
    upstream: Annotated[
        bool, typer.Option("--upstream", help="Ask each source once, over the internet.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove what killed servers left in /tmp.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say what is missing or wrong here, and how to mend it. Exit 1: something is."""
    examine = importlib.import_module("dexwire.doctor.run").doctor
    _exit_with(
        lambda: asyncio.run(examine(redis_url, upstream=upstream, clean=clean, as_json=as_json))
    )


def run_one(name: str) -> int:
    """Run one service with the settings of its environment; return the exit code.

    Its module is imported here and not before: each process loads what it needs.
    """
    settings_class: type[ServiceSettings] = getattr(
        importlib.import_module(f"services.{name}.settings"), f"{name.capitalize()}Settings"
    )
    settings = read_settings(settings_class)
    if not settings.redis_url and name not in _NEEDS_NO_REDIS:
        raise ConfigError(
            "REDIS_URL: not set; a single service needs a server it shares with the others, as in "
            "REDIS_URL=redis://127.0.0.1:6379/0 (`dexwire up` starts one by itself)"
        )
    run: Callable[[Any, asyncio.Event, Metrics], Awaitable[None]] = importlib.import_module(
        f"services.{name}.app"
    ).run
    return run_service(name, settings, run)


def _add_service(name: str, what: str) -> None:
    @app.command(
        name,
        help=f"{what} Its settings are environment variables: `dexwire config {name}`.",
        short_help=what,
        rich_help_panel="Single services",
    )
    def service() -> None:
        _exit_with(lambda: run_one(name))


for _name, _what in SERVICES.items():
    _add_service(_name, _what)
app.command("redis-users", rich_help_panel=_OPERATE)(redis_users)
add_commands(app)


def _tell_look_alikes() -> None:
    """Name variables that were meant to be settings, by their look."""
    with contextlib.suppress(OSError, UnicodeDecodeError):  # a `.env` that is no text
        for line in importlib.import_module("dexwire.config").look_alikes():
            print(line, file=sys.stderr)


def _exit_with(run: Callable[[], int]) -> None:
    """Exit with the code of `run`; what can be expected to go wrong is one line, never a trace."""
    try:
        code = run()
    except ConfigError as error:
        _tell_look_alikes()
        code = exit_on_config_error(error)
    except PipelineError as error:
        print(f"dexwire: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:  # before signals are handled, or in `verify`
        code = 130
    raise typer.Exit(code)
