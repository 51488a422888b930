"""Variables that look like a setting and are none: of the environment, `.env`, compose's file."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from dotenv import dotenv_values
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from dexwire.server.settings_table import SERVICES, Setting, settings_table
from shared.settings import ServiceSettings

# Words that begin the names of others' variables too.
_COMMON_WORDS: Final = {"MAX", "MIN", "LOG", "NAME", "DATA"}
_ALIKE: Final = 0.85  # WS_PROT and WS_PORT are 0.857 alike, XDG_DATA_DIRS and DATA_DIR 0.76
_ALIKE_IN_FILE: Final = 0.7  # where every name is meant to be a setting
# What the compose file takes from the same `.env`.
_COMPOSE: Final = {"DEXWIRE_IMAGE", "INGEST_KEYS_FILE", "REDIS_IMAGE", "REDIS_MAXMEMORY"}
_COMPOSE_FILE: Final = Path("docker-compose.yml")
_SETTINGS_FILE: Final = "deploy/settings.env"  # of docker-compose.yml, unless SETTINGS_FILE says so


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A variable that looks like a setting and is none."""

    variable: str
    origin: str  # environment, .env, or the file of compose
    meant: str  # the setting it resembles, "" when there is none


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
        + (f"; did you mean {one.meant}?" if one.meant else "")
        for one in unknown
    ]


def _compose_file(given: Mapping[str, str | None]) -> Path | None:
    """Return the file of settings that compose gives to services, if we stand beside it."""
    file = Path(given.get("settings_file") or _SETTINGS_FILE)
    return file if _COMPOSE_FILE.is_file() and file.is_file() else None


def _unknown(
    given: Iterable[str], known: Collection[str], origin: str, *, strict: bool = False
) -> dict[str, Unknown]:
    """Return what is none. `strict`: every name is meant to be a setting, not only a look-alike."""
    words = Counter(name.partition("_")[0] for name in known)
    ours = {word for word, count in words.items() if count >= 6} - _COMMON_WORDS
    ours |= {name.upper() for name in (*SERVICES, "dexwire", "fetch", "redis", "metrics")}
    found = {}
    for name in (name.upper() for name in given):
        if name in known or name in _COMPOSE:
            continue
        meant = meant_by(name, known, _ALIKE_IN_FILE if strict else _ALIKE)
        if meant or strict or name.partition("_")[0] in ours:
            found[name] = Unknown(variable=name, origin=origin, meant=meant)
    return found


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
