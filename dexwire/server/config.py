"""`dexwire config`: every setting, its value, where the value came from, and what looks wrong.

Values come from the settings library's own sources, asked one by one in their order: the first that
has one gives it. Secrets and passwords inside URLs are masked.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
)

from dexwire.server.settings_table import (
    SERVICES,
    Setting,
    as_text,
    groups,
    readers,
    settings_table,
)
from shared.settings import EX_CONFIG, UNREADABLE, unreadable
from shared.settings import faults as faults_of

MASK: Final = "********"
_DEFAULT: Final = "default"
_DOTENV: Final = Path(".env")
# Words that begin the names of others' variables too.
_COMMON_WORDS: Final = {"MAX", "MIN", "LOG", "NAME", "DATA"}
_ALIKE: Final = 0.85  # WS_PROT and WS_PORT are 0.857 alike, XDG_DATA_DIRS and DATA_DIR 0.76
# What the compose file takes from the same `.env`.
_COMPOSE: Final = {"DEXWIRE_IMAGE", "INGEST_KEYS_FILE", "REDIS_IMAGE", "REDIS_MAXMEMORY"}
_USER_AND_PASSWORD: Final = re.compile(r"(?<=://)([^:@/?#\s]*):[^\s]*(?=@)")
_SECRET_PARAMETER: Final = re.compile(
    r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&\s]+"
)

Given: TypeAlias = list[tuple[dict[str, Any], str]]  # what each source gives, and its name


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is here."""

    variable: str
    value: str  # as a variable says it; secrets masked
    origin: str  # flag, environment, .env, secret file, default
    default: str
    values: str  # what it may be
    meaning: str
    read_by: tuple[str, ...]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A value that its service refuses."""

    variable: str
    message: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A variable that looks like a setting and is none."""

    variable: str
    origin: str
    meant: str  # the setting it resembles, "" when there is none


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to say about the settings of this environment."""

    settings: list[Value]
    faults: list[Fault]
    unknown: list[Unknown]


def config(service: str | None, *, as_json: bool, changed: bool) -> int:
    """Print the settings, or those of one service; return 78 when one is wrong, else 0."""
    found = read_config(service)
    if changed:
        kept = [value for value in found.settings if value.origin != _DEFAULT]
        found = msgspec.structs.replace(found, settings=kept)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        print(_shown(found))
    for line in complaints(found):
        print(line, file=sys.stderr)
    return EX_CONFIG if found.faults else 0


def read_config(service: str | None = None) -> Config:
    """Return the settings of this environment, or those of one service. Raises ConfigError."""
    try:
        return _read_config(service)
    except UNREADABLE as error:
        raise unreadable(error) from None


def _read_config(service: str | None) -> Config:
    table = settings_table(service)
    classes = [cls for name, read in readers() if service in {None, name} for cls in read]
    given = {cls: [(s(), _origin(s)) for s in _sources(cls)] for cls in classes}
    read: dict[type[BaseSettings], BaseSettings] = {}
    faults: list[Fault] = []
    for cls in classes:
        try:
            read[cls] = cls()
        except ValidationError as error:
            faults += [Fault(variable=v, message=message) for v, message in faults_of(cls, error)]
    return Config(
        settings=[_value(setting, given, read) for setting in table],
        faults=list(dict.fromkeys(faults)),
        unknown=unknown_variables(settings_table()),
    )


def _value(
    setting: Setting,
    given: Mapping[type[BaseSettings], Given],
    read: Mapping[type[BaseSettings], BaseSettings],
) -> Value:
    """Return a setting as its service reads it; of a service with faults, as it is written."""
    text, origin = setting.default, _DEFAULT
    reader = next(cls for cls in setting.classes if cls in given)
    for values, whence in given[reader]:
        for name in (setting.field, setting.variable, setting.variable.lower()):
            if origin == _DEFAULT and name in values:
                text, origin = as_text(values[name]), whence
    if reader in read and origin != _DEFAULT:
        text = as_text(getattr(read[reader], setting.field))
    return Value(
        variable=setting.variable,
        value=masked(text, secret=setting.secret),
        origin=origin,
        default=masked(setting.default, secret=setting.secret),
        values=setting.values,
        meaning=setting.meaning,
        read_by=setting.read_by,
    )


def _sources(cls: type[BaseSettings]) -> tuple[PydanticBaseSettingsSource, ...]:
    """Return where a class reads, in the order in which one outranks the next."""
    return cls.settings_customise_sources(
        cls,
        InitSettingsSource(cls, {}),
        EnvSettingsSource(cls),
        DotEnvSettingsSource(cls),
        SecretsSettingsSource(cls),
    )


def _origin(source: PydanticBaseSettingsSource) -> str:
    if isinstance(source, DotEnvSettingsSource):  # which is an EnvSettingsSource too
        return ".env"
    if isinstance(source, SecretsSettingsSource):
        return "secret file"
    if isinstance(source, EnvSettingsSource):
        return "environment"
    return "flag" if isinstance(source, InitSettingsSource) else "secret file"


def masked(text: str, *, secret: bool) -> str:
    """Return a value that anybody may see."""
    if secret:
        return MASK if text else ""
    without = _USER_AND_PASSWORD.sub(rf"\1:{MASK}", text)
    return _SECRET_PARAMETER.sub(rf"\g<1>{MASK}", without)


# -- what is no setting ----------------------------------------------------------------------------
def unknown_variables(table: Iterable[Setting]) -> list[Unknown]:
    """Return variables that look like settings and are none, of the environment and `.env`."""
    known = {name for setting in table for name in (setting.variable, f"{setting.variable}_FILE")}
    found: dict[str, Unknown] = {}
    for source in reversed(_sources(readers()[0][1][0])):
        if isinstance(source, EnvSettingsSource):
            found |= _unknown(source.env_vars, known, _origin(source))
    return sorted(found.values(), key=lambda one: one.variable)


def _unknown(given: Mapping[str, str | None], known: set[str], origin: str) -> dict[str, Unknown]:
    words = Counter(name.partition("_")[0] for name in known)
    ours = {word for word, count in words.items() if count >= 6} - _COMMON_WORDS
    ours |= {name.upper() for name in (*SERVICES, "dexwire", "fetch", "redis", "metrics")}
    found = {}
    for name in (name.upper() for name in given):
        if name in known or name in _COMPOSE:
            continue
        alike = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if alike or name.partition("_")[0] in ours:
            meant = alike[0] if alike else ""
            found[name] = Unknown(variable=name, origin=origin, meant=meant)
    return found


def look_alikes() -> list[str]:
    """Return a line for each variable that was meant to be a setting, by its look."""
    return _unknown_lines(unknown_variables(settings_table()))


def _unknown_lines(unknown: Iterable[Unknown]) -> list[str]:
    return [
        f"dexwire: {one.variable} ({one.origin}) is no setting"
        + (f"; did you mean {one.meant}?" if one.meant else "")
        for one in unknown
    ]


def complaints(found: Config) -> list[str]:
    """Return a line for each fault and each variable that is none of ours, faults last."""
    lines = _unknown_lines(found.unknown)
    return lines + [f"dexwire: wrong setting: {f.variable}: {f.message}" for f in found.faults]


# -- for people ------------------------------------------------------------------------------------
def _shown(found: Config) -> str:
    values = {value.variable: value for value in found.settings}
    head = f"{_DOTENV.absolute()}: " + ("read" if _DOTENV.is_file() else "there is none")
    lines = [head]
    for heading, settings in groups(settings_table()).items():
        here = [values[s.variable] for s in settings if s.variable in values]
        if here:
            lines += ["", heading]
        for value in here:
            shown = value.value or '""'
            lines.append(f"  {value.variable:<34} {shown:<28} {value.origin}")
            lines.append(f"      {value.meaning} ({value.values})")
    if not values:
        lines.append("everything is at its default")
    return "\n".join(lines)
