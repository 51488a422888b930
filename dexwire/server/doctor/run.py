"""`dexwire doctor`: makes every check and prints what it found."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import msgspec
from pydantic_settings import BaseSettings
from redis.exceptions import RedisError

from dexwire.output import print_json
from dexwire.runfile import DEFAULT_FOLDER, Running, find_running
from dexwire.server.config import masked, read_config
from dexwire.server.doctor import machine
from dexwire.server.doctor.deep import deep
from dexwire.server.doctor.history import history
from dexwire.server.doctor.probe import read_facts
from dexwire.server.doctor.result import Result, fail, ok, shown
from dexwire.server.doctor.rights import rights
from dexwire.server.doctor.server import judge
from dexwire.server.doctor.upstream import upstreams
from dexwire.server.settings import UpSettings
from dexwire.terminal.address import client_for
from services.api.settings import ApiSettings
from services.fetcher.settings import FetcherSettings
from services.images.settings import ImagesSettings, folder_of
from services.ws.settings import WsSettings
from shared.errors import ConfigError, NewerStore
from shared.process.settings import UNREADABLE, read_settings
from shared.redis.address import RedisAddress
from shared.redis.connect import UNREACHABLE, open_redis

_ANSWER_S = 5.0
S = TypeVar("S", bound=BaseSettings)


async def doctor(
    redis_url: str | None, *, upstream: bool = False, clean: bool = False, as_json: bool = False
) -> int:
    """Print what was found; return 1 when a check failed."""
    results = [result async for result in examine(redis_url, upstream=upstream, clean=clean)]
    return _report(results, as_json=as_json)


async def doctor_deep(
    redis_url: str | None,
    url: str | None,
    ws_url: str | None,
    key_file: Path | None,
    *,
    as_json: bool = False,
) -> int:
    """Send a canary through a deployment; print each step, return 1 when one failed.

    Without `url` it is the deployment that runs here, and this machine is examined too.
    """
    key = _key(key_file)
    results: list[Result] = []
    if url is None:
        results = [one async for one in examine(redis_url, upstream=False, clean=False)]
    async with client_for(url, ws_url) as client:
        results += [result async for result in deep(client, key)]
    return _report(results, as_json=as_json)


def _key(path: Path | None) -> str | None:
    """Return the first key of a file of INGEST_API_KEYS."""
    try:
        return path.read_text(encoding="utf-8").split(",")[0].strip() if path else None
    except UNREADABLE as error:
        raise ConfigError(f"--key-file {path}: {error}") from None


def _report(results: list[Result], *, as_json: bool) -> int:
    if as_json:
        print_json(msgspec.json.format(msgspec.json.encode(results)))
    else:
        print(shown(results))
    return int(any(result.verdict == "fail" for result in results))


async def examine(redis_url: str | None, *, upstream: bool, clean: bool) -> AsyncIterator[Result]:
    """Make every check that can be made here."""
    yield machine.python()
    try:
        yield machine.settings(read_config())
    except ConfigError as error:
        yield fail("settings", str(error), "mend or remove the file")
    # A wrong setting was reported just now; the rest is checked with its default.
    up, api, ws = _or_default(UpSettings), _or_default(ApiSettings), _or_default(WsSettings)
    running = find_running(up.data_dir or DEFAULT_FOLDER)
    yield await machine.port("api", api.api_host, api.api_port, running)
    yield await machine.port("ws", ws.ws_host, ws.ws_port, running)
    images = _or_default(ImagesSettings)
    if images.images_mode != "off":
        host, number = images.images_host, images.images_port
        yield await machine.port("images", host, number, running, needed=False)
        yield machine.images_folder(folder_of(images))
    yield machine.open_files(ws)
    yield machine.embedded_server(needed=not up.redis_url)
    yield machine.proxies(api, ws)
    yield machine.exposure(api, ws)
    yield machine.data_folder(up, running)
    yield await history(up, running)
    yield machine.leftovers(clean=clean)
    async for result in _redis(redis_url, up, running):
        yield result
    if upstream:
        for result in await upstreams(_or_default(FetcherSettings)):
            yield result


async def _redis(
    redis_url: str | None, up: UpSettings, running: Running | None
) -> AsyncIterator[Result]:
    address = replace(up.redis, url=redis_url or up.redis_url)
    if not address.url and running is not None:
        prefix = address.prefix or running.redis_prefix
        address = replace(address, url=running.redis_url, prefix=prefix)
    if not address.url:
        yield ok("redis", "REDIS_URL is not set: `dexwire up` starts a server of its own")
        return
    client = open_redis(address, timeout_s=_ANSWER_S / 2)
    try:
        async with asyncio.timeout(_ANSWER_S):
            facts = await read_facts(client, _public(address), address.prefix)
            allowed = await rights(client, address.prefix, address.parts().user)
    except (TimeoutError, *UNREACHABLE, RedisError) as error:
        yield _unreachable(address, error)
        return
    except NewerStore as error:
        yield fail("store", str(error), "no service of this version starts on it")
        return
    finally:
        with contextlib.suppress(*UNREACHABLE, RedisError):
            await client.aclose()
    for result in (*judge(facts), allowed):
        yield result


def _unreachable(address: RedisAddress, error: Exception) -> Result:
    reason = str(error).replace(address.url, _public(address))[:160] or "no answer"
    seen = f"{_public(address)}: {reason}"
    text = reason.upper()
    if "WRONGPASS" in text or "NOAUTH" in text or "AUTHENTICATION" in text or "PASSWORD" in text:
        return fail("redis", seen, "check the user in REDIS_URL and REDIS_PASSWORD")
    if "NOPERM" in text or "PERMISSION" in text:
        return fail("redis", seen, "this user may not even ask; use the user `admin`")
    if "CERTIFICATE" in text or "SSL" in text:
        return fail("redis", seen, "check REDIS_CA_FILE, and whether this port speaks TLS")
    return fail("redis", seen, "is it running, and reachable from here? try `redis-cli -u … ping`")


def _public(address: RedisAddress) -> str:
    return masked(str(address), secret=False)


def _or_default(cls: type[S]) -> S:
    try:
        return read_settings(cls)
    except ConfigError:
        return cast("S", cls.model_construct())
