"""`dexwire config`: every setting, its value, where the value came from, and what looks wrong.

Values come from the settings library's own sources, read one by one in their order: the first that
has one gives it. Secrets and passwords inside URLs are masked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
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

from dexwire.output import print_json
from dexwire.server.look_alikes import Unknown, lines_of, unknown_variables
from dexwire.server.settings_table import (
    Setting,
    as_text,
    groups,
    readers,
    settings_table,
)
from shared.process.settings import EX_CONFIG, UNREADABLE, unreadable
from shared.process.settings import faults as faults_of

MASK: Final = "********"
_DEFAULT: Final = "default"
_DOTENV: Final = Path(".env")
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


class ConfigReport(msgspec.Struct, frozen=True, kw_only=True):
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
        print_json(msgspec.json.format(msgspec.json.encode(found)))
    else:
        print(_shown(found))
    for line in complaints(found):
        print(line, file=sys.stderr)
    return EX_CONFIG if found.faults else 0


def read_config(service: str | None = None) -> ConfigReport:
    """Return the settings of this environment, or those of one service. Raises ConfigError."""
    try:
        return _read_config(service)
    except UNREADABLE as error:
        raise unreadable(error) from None


def _read_config(service: str | None) -> ConfigReport:
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
    return ConfigReport(
        settings=[_value(setting, given, read) for setting in table],
        faults=list(dict.fromkeys(faults)),
        unknown=unknown_variables(),
    )


def _value(
    setting: Setting,
    given: Mapping[type[BaseSettings], Given],
    read: Mapping[type[BaseSettings], BaseSettings],
) -> Value:
    """Return a setting as its service reads it; of a service with faults, as it is written."""
    text, origin = setting.default, _DEFAULT
    reader = next(cls for cls in setting.classes if cls in given)
    for values, found_in in given[reader]:
        for name in (setting.field, setting.variable, setting.variable.lower()):
            if origin == _DEFAULT and name in values:
                text, origin = as_text(values[name]), found_in
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


def complaints(found: ConfigReport) -> list[str]:
    """Return a line for each fault and each variable that is none of ours, faults last."""
    lines = lines_of(found.unknown)
    return lines + [f"dexwire: wrong setting: {f.variable}: {f.message}" for f in found.faults]


# -- for people ------------------------------------------------------------------------------------
def _shown(found: ConfigReport) -> str:
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
