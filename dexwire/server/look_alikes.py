"""Variables that look like a setting and are none: of the environment, `.env`, compose's file."""

from __future__ import annotations

import difflib
import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from dotenv import dotenv_values
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from dexwire.server.settings_table import SERVICES, Setting, settings_table
from services.fetcher.source import find_sources
from shared.process.environment import variable_of
from shared.process.settings import ServiceSettings
from shared.sources import POLLED

# Words that begin the names of others' variables too.
_COMMON_WORDS: Final = {"MAX", "MIN", "LOG", "NAME", "DATA"}
_ALIKE: Final = 0.85  # WS_PROT and WS_PORT are 0.857 alike, XDG_DATA_DIRS and DATA_DIR 0.76
_ALIKE_IN_FILE: Final = 0.7  # where every name is meant to be a setting
# What the compose file takes from the same `.env`.
_COMPOSE: Final = {"DEXWIRE_IMAGE", "INGEST_KEYS_FILE", "REDIS_IMAGE", "REDIS_MAXMEMORY"}
_COMPOSE_FILE: Final = Path("docker-compose.yml")
_SETTINGS_FILE: Final = "deploy/settings.env"  # of docker-compose.yml, unless SETTINGS_FILE says so


def _first_interval() -> str:
    """Return an interval of the most trusted source: here each source has intervals of its own."""
    first = next(iter(POLLED))
    settings = next(spec.settings for spec in find_sources() if spec.name == first)
    field = next(field for field in settings.model_fields if field.endswith("_interval_s"))
    return variable_of(settings, field)


# What similar systems call a setting (docs/COMING_FROM.md), and which of ours it is.
OF_OTHERS: Final[dict[str, str]] = {
    **dict.fromkeys(("HOST", "SERVER_HOST"), "API_HOST"),
    **dict.fromkeys(("PORT", "SERVER_PORT", "HTTP_PORT"), "API_PORT"),
    **dict.fromkeys(("WEBSOCKET_PORT", "SOCKET_PORT"), "WS_PORT"),
    **dict.fromkeys(("REDIS_HOST", "REDIS_PORT", "REDIS_DB"), "REDIS_URL"),
    **dict.fromkeys(("CORS_ORIGIN", "CORS_ORIGINS", "ALLOWED_ORIGINS"), "API_ORIGINS"),
    **dict.fromkeys(("RATE_LIMIT", "RATE_LIMIT_MAX"), "API_RATE"),
    **dict.fromkeys(
        (
            *("POLL_INTERVAL", "POLL_INTERVAL_MS", "POLL_INTERVAL_S", "POLLING_INTERVAL"),
            *("REFRESH_INTERVAL", "UPDATE_INTERVAL", "FETCH_INTERVAL"),
        ),
        _first_interval(),
    ),
    **{f"{name.upper()}_BASE_URL": f"{name.upper()}_URL" for name in POLLED},
    "LOG_FORMAT": "LOG_JSON",
    "PRICE_CHANGE_THRESHOLD": "ALERT_PRICE_PCT",
    "VOLUME_SPIKE_THRESHOLD": "ALERT_VOLUME_PCT",
}
_CACHED: Final = "none is needed: a page is cached until the next commit"
NOT_NEEDED: Final[dict[str, str]] = dict.fromkeys(
    ("CACHE_TTL", "CACHE_TTL_S", "CACHE_TTL_MS", "CACHE_TTL_SECONDS", "REDIS_TTL"), _CACHED
)
# Other programs have these too, with other values: HOST is a platform in conda and tcsh, REDIS_PORT
# an address in Kubernetes.
_PORTS: Final = {"PORT", "SERVER_PORT", "HTTP_PORT", "SOCKET_PORT", "REDIS_PORT"}
_HOSTS: Final = {"HOST", "SERVER_HOST"}


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A variable that looks like a setting and is none."""

    variable: str
    origin: str  # environment, .env, or the file of compose
    meant: str  # the setting it resembles, "" when there is none
    note: str = ""  # why none is needed


def unknown_variables() -> list[Unknown]:
    """Return what is none, by name; of a variable that stands in several places the first."""
    known = known_variables(settings_table())
    environment = EnvSettingsSource(ServiceSettings).env_vars
    dotenv = DotEnvSettingsSource(ServiceSettings).env_vars
    found: dict[str, Unknown] = {}
    file = _compose_file({**dotenv, **environment})
    if file is not None:
        found |= _unknown(dotenv_values(file), known, str(file), strict=True)
    found |= _unknown(dotenv, known, ".env")
    found |= _unknown(environment, known, "environment")
    return sorted(found.values(), key=lambda one: one.variable)


def known_variables(table: Iterable[Setting]) -> set[str]:
    """Return the names of settings, and of files that hold one."""
    return {name for one in table for name in (one.variable, f"{one.variable}_FILE")}


def lines_of(unknown: Iterable[Unknown]) -> list[str]:
    """Return a line for each."""
    return [
        f"dexwire: {one.variable} ({one.origin}) is no setting"
        + (f"; did you mean {one.meant}?" if one.meant else f"; {one.note}" if one.note else "")
        for one in unknown
    ]


def _compose_file(given: Mapping[str, str | None]) -> Path | None:
    """Return the file of settings that compose gives to services, if we stand beside it."""
    file = Path(given.get("settings_file") or _SETTINGS_FILE)
    return file if _COMPOSE_FILE.is_file() and file.is_file() else None


def _unknown(
    given: Mapping[str, str | None], known: Collection[str], origin: str, *, strict: bool = False
) -> dict[str, Unknown]:
    """Return what is none. `strict`: every name is meant to be a setting, not only a look-alike."""
    words = Counter(name.partition("_")[0] for name in known)
    ours = {word for word, count in words.items() if count >= 6} - _COMMON_WORDS
    ours |= {name.upper() for name in (*SERVICES, "dexwire", "fetch", "redis", "metrics")}
    found = {}
    for name, value in ((name.upper(), value or "") for name, value in given.items()):
        if name in known or name in _COMPOSE:
            continue
        if name in NOT_NEEDED:
            found[name] = Unknown(variable=name, origin=origin, meant="", note=NOT_NEEDED[name])
            continue
        if name in OF_OTHERS:
            if strict or _is_meant(name, value):
                found[name] = Unknown(variable=name, origin=origin, meant=OF_OTHERS[name])
            continue
        meant = meant_by(name, known, _ALIKE_IN_FILE if strict else _ALIKE)
        if meant or strict or name.partition("_")[0] in ours:
            found[name] = Unknown(variable=name, origin=origin, meant=meant)
    return found


def _is_meant(name: str, value: str) -> bool:
    """Return whether a variable has the kind of value that it has in similar systems."""
    if name in _PORTS:
        return value.isdecimal()
    if name not in _HOSTS or value == "localhost":
        return True
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def meant_by(name: str, known: Collection[str], alike: float = _ALIKE) -> str:
    """Return the setting that a name was meant to be, "" when there is none.

    The most similar one; or the one with the same words in another order, or with one word less,
    that is not the first: of STALE_AFTER_PRICE_S PRICE_STALE_S.
    """
    for similar in difflib.get_close_matches(name, known, n=3, cutoff=alike):
        if not name.endswith(f"_{similar}"):  # GF_METRICS_PORT is another program's
            return similar
    words = name.split("_")
    for setting in sorted(known):
        has = setting.split("_")
        extra = Counter(words) - Counter(has)
        missing = Counter(has) - Counter(words)
        if missing or words[0] in extra or len(has) < 2 + extra.total():
            continue
        if extra.total() <= 1:
            return setting
    return ""
