"""The sources as the environment wants them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from services.fetcher.source import Source, SourceSpec, find_sources
from shared.process.settings import read_settings


def configured(spec: SourceSpec[Any], replay_url: str | None = None) -> Source | None:
    """Return a source by the settings of its environment, None when it is off.

    With `replay_url` each source is requested there instead, so that a demo never mixes with live
    data; one that services/replay does not stand in for is off. Raises ConfigError.
    """
    settings = read_settings(spec.settings)
    if not settings.enabled or (replay_url and not spec.declaration.replayed):
        return None
    if replay_url:
        settings = settings.model_copy(update={"url": replayed_at(spec, replay_url)})
    return spec.build(settings)


def replayed_at(spec: SourceSpec[Any], replay_url: str) -> str:
    """Return where services/replay answers for a source: below its name, under its own path."""
    return f"{replay_url}/{spec.name}{urlsplit(spec.settings.model_fields['url'].default).path}"


def read_sources(factor: float, replay_url: str | None = None) -> tuple[list[Source], list[str]]:
    """Read each source's settings; return the sources that are on and the names of the others.

    Raises ConfigError for the first source whose settings are wrong.
    """
    found = {spec.name: configured(spec, replay_url) for spec in find_sources()}
    on = [source.sped_up(factor) for source in found.values() if source is not None]
    return on, [name for name, source in found.items() if source is None]
