"""Asks each source that is on once, past all budgets: `dexwire doctor --upstream`."""

from __future__ import annotations

import time

import httpx

from dexwire.server.doctor.result import Result, fail, ok, warn
from services.fetcher.configured import configured
from services.fetcher.http import open_client
from services.fetcher.settings import FetcherSettings
from services.fetcher.source import Call, Discovery, Source, find_sources
from shared.errors import ConfigError

_NAMES = "nothing, if the source has it; /health shows what it answers"


async def upstreams(settings: FetcherSettings) -> list[Result]:
    """Return one result per source."""
    results = []
    async with open_client(concurrency=1, proxy=settings.fetch_proxy) as client:
        for spec in find_sources():
            try:
                source = configured(spec, settings.fetch_replay_url)
            except ConfigError as error:
                results.append(fail(f"upstream {spec.name}", str(error), "see docs/SETTINGS.md"))
                continue
            if source is not None:
                results.append(await _call(client, source))
                results += [
                    warn(f"setting of {spec.name}", each, _NAMES) for each in source.warnings
                ]
            else:
                results.append(ok(f"upstream {spec.name}", "off"))
    return results


async def _call(client: httpx.AsyncClient, source: Source) -> Result:
    check, call = f"upstream {source.name}", _first_call(source)
    started = time.monotonic()
    try:
        answer = await client.get(
            source.url + call.path, params=dict(call.query) or None, headers=dict(source.headers)
        )
    except httpx.HTTPError as error:
        seen = f"{source.host}: {type(error).__name__}"
        return fail(check, seen, "check DNS, the firewall and FETCH_PROXY; only fetchers need it")
    seen = f"{source.host}: HTTP {answer.status_code} in {time.monotonic() - started:.1f} s"
    if answer.status_code == 429:
        return warn(check, seen, "somebody else calls from this address too; wait a minute")
    if answer.status_code in {401, 403}:
        return fail(check, seen, f"check {source.name.upper()}_API_KEY, where there is one")
    if not answer.is_success:
        return fail(check, seen, "the source refuses or is down; the others fill in")
    return ok(check, seen)


def _first_call(source: Source) -> Call:
    return next(job.calls[0] for job in source.jobs if isinstance(job, Discovery))
