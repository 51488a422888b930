"""The server's commands as typer sees them. What they need is loaded when one of them runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from shared.errors import ConfigError, PipelineError

SERVICES: Final = {
    "fetcher": "Poll the upstream APIs and publish what they say.",
    "aggregator": "Merge readings and commit them to Redis; one is active, others stand by.",
    "api": "Serve pages over HTTP and take readings from producers.",
    "ws": "Stream snapshots and diffs over WebSocket.",
    "images": "Serve images of tokens, fetched and made small.",
    "recorder": "Record candles, alerts and last rows in a database.",
    "replay": "Stand in for the upstream APIs with a replayed market.",
}
_OPERATE: Final = "Operate"
_DAY: Final = "%Y-%m-%d"
T = TypeVar("T")


class FileMode(StrEnum):
    """Who may read a file."""

    owner = "0600"
    group = "0640"
    everybody = "0644"  # who cannot come into its folder cannot read it either


def add_commands(app: typer.Typer) -> None:
    """Add every command of this package."""
    app.command()(up)
    for command in (verify, config, doctor, backup, restore, record):
        app.command(rich_help_panel=_OPERATE)(command)
    for name, what in SERVICES.items():
        _add_service(app, name, what)
    app.command("redis-users", rich_help_panel=_OPERATE)(redis_users)
    history = typer.Typer(no_args_is_help=True, help="What was recorded (docs/HISTORY.md).")
    history.command("migrate")(history_migrate)
    history.command("export")(history_export)
    history.command("verify-log")(history_verify_log)
    app.add_typer(history, name="history", rich_help_panel=_OPERATE)


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
    images_port: Annotated[int | None, typer.Option(help="Default 8002, else a free one.")] = None,
    replay_port: Annotated[
        int | None, typer.Option(help="Default 8010, else a free one (with --demo).")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address of api, stream and images. Default 127.0.0.1.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep the embedded server's data here; without it, in memory only."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(help="Play a recording (`dexwire record`) instead of the live sources."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="With --replay: times as fast as it was recorded, 0.1 to 1000."),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="On a terminal: every log line, not warnings only."),
    ] = False,
) -> None:
    """Run everything on this machine; Ctrl-C stops it."""
    start = _load("dexwire.server.start", "start_up")
    _exit_with(
        lambda: start(
            verbose=verbose,
            demo=demo or None,
            replay_tokens=tokens,
            redis_url=redis_url,
            api_host=host,
            ws_host=host,
            images_host=host,
            api_port=api_port,
            ws_port=ws_port,
            images_port=images_port,
            replay_port=replay_port,
            data_dir=data_dir,
            replay_file=replay,
            replay_speed=speed,
        )
    )


def record(
    file: Annotated[Path, typer.Argument(help="The new file, as in market.jsonl.zst.")],
    *,
    minutes: Annotated[
        float | None, typer.Option(help="End after so many minutes. Default 60.")
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(help="End at this size of the file. Default 512 MiB.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Of a replayed market instead of the live sources.")
    ] = False,
    tokens: Annotated[
        int | None,
        typer.Option(min=1, max=20_000, help="Size of the replayed market (with --demo)."),
    ] = None,
) -> None:
    """Record what the sources answer, for `dexwire up --replay`; Ctrl-C ends it.

    Nothing else runs: it calls the sources as `dexwire up` would, within the same limits.
    """
    start = _load("dexwire.server.start", "start_record")
    _exit_with(lambda: start(file, minutes, max_bytes, tokens, demo=demo))


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
    start = _load("dexwire.server.start", "start_verify")
    _exit_with(lambda: start(redis_url, redis_prefix, data_dir, as_json=as_json))


def config(
    service: Annotated[
        Literal["fetcher", "aggregator", "api", "ws", "images", "recorder", "replay", "up"] | None,
        typer.Argument(help="Only what this one reads."),
    ] = None,
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what is not at its default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show every setting, its value and where it came from. Exit 78: one is wrong."""
    show = _load("dexwire.server.config", "config")
    _exit_with(lambda: show(service, as_json=as_json, changed=changed))


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
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Post a token and find it wherever tokens come out."),
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(help="With --deep: the api, on any machine, and nothing of this one."),
    ] = None,
    ws_url: Annotated[
        str | None, typer.Option(help="With --deep: the stream, where it is not beside the api.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="With --deep: the file of a key for POST /ingest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say what is missing or wrong here, and how to mend it. Exit 1: something is."""
    if deep:
        through = _load("dexwire.server.doctor.run", "doctor_deep")
        _exit_with(lambda: asyncio.run(through(redis_url, url, ws_url, key_file, as_json=as_json)))
    examine = _load("dexwire.server.doctor.run", "doctor")
    _exit_with(
        lambda: asyncio.run(examine(redis_url, upstream=upstream, clean=clean, as_json=as_json))
    )


def backup(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Copy it here; for a Redis on this machine.")
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="The server. Default: that of `dexwire up` here.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The --data-dir of the `dexwire up` to back up.")
    ] = None,
) -> None:
    """Have Redis write a snapshot (dump.rdb) of the store, while everything runs."""
    start = _load("dexwire.server.start", "start_backup")
    _exit_with(lambda: start(redis_url, data_dir, out))


def restore(
    file: Annotated[str, typer.Argument(help="A snapshot (dump.rdb); -: standard input.")],
    *,
    data_dir: Annotated[
        Path, typer.Option(help="The folder of a stopped Redis, or of `dexwire up`.")
    ],
) -> None:
    """Put a snapshot into the folder of a stopped server; what is there is kept beside it."""
    put = _load("dexwire.server.backup", "restore")
    _exit_with(lambda: put(file, data_dir))


def history_export(
    *,
    first: Annotated[
        dt.datetime | None,
        typer.Option("--from", formats=[_DAY], help="The first day (UTC). Default: all there are."),
    ] = None,
    end: Annotated[
        dt.datetime | None,
        typer.Option("--to", formats=[_DAY], help="The day after the last one (UTC)."),
    ] = None,
    tier: Annotated[
        Literal["1m", "1h", "1d"], typer.Option(help="Length of the stored candles.")
    ] = "1h",
    file_format: Annotated[
        Literal["parquet", "csv"], typer.Option("--format", help="parquet needs pyarrow.")
    ] = "parquet",
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("export"),
    url: Annotated[
        str | None, typer.Option(help="The database. Default: HISTORY_URL, or what runs here.")
    ] = None,
) -> None:
    """Write recorded candles as files, a folder for each day: for Polars, DuckDB and the like."""
    start = _load("dexwire.server.start", "start_export")
    days = {"first": first and first.date(), "end": end and end.date()}
    _exit_with(lambda: start(url, tier, file_format, out, **days))


def redis_users(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write the ACL file here. Default: standard output.")
    ] = None,
    secrets_dir: Annotated[
        Path | None,
        typer.Option(help="Read passwords from files redis_<user> here; make those missing."),
    ] = None,
    password_file: Annotated[
        list[str] | None,
        typer.Option(metavar="USER=PATH", help="The file with a user's password; may be repeated."),
    ] = None,
    redis_prefix: Annotated[str | None, typer.Option(help="Prefix of the keys.")] = None,
    mode: Annotated[FileMode, typer.Option(help="Who may read what is made.")] = FileMode.owner,
) -> None:
    """Make the Redis users of all services, with least rights, as a file for `aclfile`.

    What is there stays: run again, it gives the same passwords and the rights of this version.
    """
    make = _load("dexwire.server.redis_users", "redis_users")
    named = password_file or []
    _exit_with(lambda: make(out, secrets_dir, named, redis_prefix, int(mode, 8)))


def history_verify_log(
    files: Annotated[list[Path], typer.Argument(help="Day files of RECORD_STATE.")],
    *,
    version: Annotated[
        int | None, typer.Option(help="Print the rows of this version as JSON lines instead.")
    ] = None,
) -> None:
    """Make each version of a state log again and compare its digest. Exit 1: one differs."""
    verify = _load("dexwire.server.state_log", "verify_log")
    _exit_with(lambda: verify(files, version))


def history_migrate(
    *,
    url: Annotated[
        str | None, typer.Option(help="The database. Default: HISTORY_URL, or what runs here.")
    ] = None,
) -> None:
    """Make the tables of the history, or bring them to this version."""
    start = _load("dexwire.server.history", "start_migrate")
    _exit_with(lambda: start(url))


def _add_service(app: typer.Typer, name: str, what: str) -> None:
    @app.command(
        name,
        help=f"{what} Its settings are environment variables: `dexwire config {name}`.",
        short_help=what,
        rich_help_panel="Single services",
    )
    def service() -> None:
        _exit_with(lambda: _load("dexwire.server.start", "run_one")(name))


def _load(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a module, which may find a wrong setting while it is imported."""
    function: Callable[..., Any] = or_exit(lambda: getattr(importlib.import_module(module), name))
    return function


def _exit_with(run: Callable[[], int]) -> None:
    """Exit with the code that `run` returns."""
    raise typer.Exit(or_exit(run))


def or_exit(run: Callable[[], T]) -> T:
    """Return what `run` returns; what can be expected to go wrong is one line, never a trace."""
    try:
        return run()
    except ConfigError as error:
        _load("dexwire.server.start", "name_look_alikes")()
        code: int = _load("shared.process.settings", "exit_on_config_error")(error)
    except PipelineError as error:
        print(f"dexwire: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:  # before signals are handled, or in `verify`
        code = 130
    raise typer.Exit(code)
