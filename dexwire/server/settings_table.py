"""Every setting of every service, read from the classes that declare them. No I/O.

A variable that several services read is one entry. What it means is the line under it in the class
(CONTRIBUTING.md); its bounds are those that the class checks.
"""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from dexwire.server.settings import UpSettings
from services.fetcher.source import find_sources
from shared.process.environment import type_parts, variable_of

SERVICES: Final = ("fetcher", "aggregator", "api", "ws", "images", "recorder", "replay")
UP: Final = "up"  # `dexwire up` reads some of its services' variables too
_UNITS: Final = (
    ("_ms", "ms"), ("_s", "s"), ("_pct", "%"), ("_per_minute", "a minute"), ("_bytes", "bytes"),
)  # fmt: skip
_INTRODUCTION: Final = (
    "Written by `make documents` from the classes that read them. Each is an environment variable "
    "or a line of a `.env` file in the folder where dexwire is started; the environment outranks "
    "the file, an option of the command line outranks both. `dexwire config` shows what holds here "
    "and where it came from; a value out of its bounds stops the start with exit code 78 and is "
    "named. An empty variable is an unset one, except for texts and lists that may be empty. "
    "Blanks and quotes around a value and the case of a choice (`LOG_LEVEL=warn`) do not matter."
)
_EXAMPLE: Final = (
    "Written by `make documents`. Copy it to .env in the folder where dexwire is started and "
    "remove the # in front of what you change: the defaults stand here. `dexwire config` shows "
    "what holds."
)
_BOUNDS: Final = (annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt)


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable; `classes` are those that read it, the first one's default is shown."""

    variable: str
    field: str
    info: FieldInfo
    classes: tuple[type[BaseSettings], ...]
    read_by: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """One line, or two."""
        return " ".join((self.info.description or "").split())

    @property
    def secret(self) -> bool:
        """Whether the value is shown to nobody."""
        return SecretStr in type_parts(self.info.annotation)

    @property
    def default(self) -> str:
        """The default as a variable would say it; "" when there is none."""
        return as_text(self.info.get_default(call_default_factory=True))

    @property
    def values(self) -> str:
        """What it may be, with its unit: `10 to 10000 ms`, `true or false`, `comma list`."""
        return _values(self.field, self.info)


def readers() -> list[tuple[str, tuple[type[BaseSettings], ...]]]:
    """Return who reads which classes; `up` last, so that a service's own default is shown."""
    found: list[tuple[str, tuple[type[BaseSettings], ...]]] = []
    for name in SERVICES:
        module = importlib.import_module(f"services.{name}.settings")
        classes = [getattr(module, f"{name.capitalize()}Settings")]
        if name == "fetcher":
            classes += [spec.settings for spec in find_sources()]
        found.append((name, tuple(classes)))
    return [*found, (UP, (UpSettings,))]


def settings_table(service: str | None = None) -> list[Setting]:
    """Return every variable, or those of one service; what all read comes first."""
    table: dict[str, Setting] = {}
    for reader, classes in readers():
        for cls in classes:
            for field, info in cls.model_fields.items():
                variable = variable_of(cls, field)
                known = table.get(variable)
                if known is None:
                    table[variable] = Setting(variable, field, info, (cls,), (reader,))
                    continue
                table[variable] = Setting(
                    variable, known.field, known.info,
                    (*known.classes, cls), tuple(dict.fromkeys((*known.read_by, reader))),
                )  # fmt: skip
    found = [s for s in table.values() if service is None or service in s.read_by]
    return sorted(found, key=lambda setting: -(len(setting.read_by) == len(SERVICES) + 1))


def groups(table: Iterable[Setting]) -> dict[str, list[Setting]]:
    """Return settings under a heading that says who reads them, in the order of the table."""
    found: dict[str, list[Setting]] = {}
    for setting in table:
        readers_ = [name for name in setting.read_by if name != UP] or [UP]
        shared = len(readers_) == len(SERVICES)
        found.setdefault("all services" if shared else " and ".join(readers_), []).append(setting)
    return found


def as_text(value: object) -> str:
    """Return a value as an environment variable says it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, float):
        short = f"{value:g}" if value < 1e6 else f"{value:.0f}"
        return short if float(short) == value else repr(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple):
        return ",".join(as_text(item) for item in value)
    return str(value)


def _values(field: str, info: FieldInfo) -> str:
    parts = type_parts(info.annotation)
    choices = [str(choice) for part in parts if get_origin(part) is Literal
               for choice in get_args(part)]  # fmt: skip
    unit = next((f" {unit}" for ending, unit in _UNITS if field.endswith(ending)), "")
    if choices:
        return " or ".join(choices) if len(choices) == 2 else ", ".join(choices)
    if bool in parts:
        return "true or false"
    if any(get_origin(part) is tuple for part in parts):
        return f"comma list{' of percentages' if unit == ' %' else ''}"
    if Path in parts:
        return "folder" if field.endswith("_dir") else "file"
    if int in parts or float in parts:
        return f"{_range(info.metadata, whole=int in parts) or 'a number'}{unit}"
    longest = next((m.max_length for m in info.metadata if hasattr(m, "max_length")), None)
    shortest = next((m.min_length for m in info.metadata if hasattr(m, "min_length")), None)
    if longest is not None:
        return f"text, up to {longest} characters"
    if shortest is not None and shortest > 1:
        return f"text, {shortest} characters or more"
    return "URL" if field.endswith(("url", "proxy")) else "text"


def _range(metadata: Sequence[Any], *, whole: bool) -> str:
    """Return the bounds in words; what a type and a field both bound is taken from the field."""
    bounds: dict[str, Any] = {}
    for one in metadata:
        for kind in _BOUNDS:
            if isinstance(one, kind):
                name = kind.__name__.lower()
                bounds[name] = getattr(one, name)
    if whole and "gt" in bounds:
        bounds.setdefault("ge", bounds.pop("gt") + 1)
    low = f"more than {bounds['gt']:g}" if "gt" in bounds else as_text(bounds.get("ge"))
    if "lt" in bounds:
        return f"{low}, less than {bounds['lt']:.3g}"
    if "le" in bounds:
        return f"{low}{', up' if 'gt' in bounds else ''} to {as_text(bounds['le'])}"
    return f"{low} or more" if "ge" in bounds else low


def markdown() -> bytes:
    """Return docs/SETTINGS.md."""
    lines = [
        "# Settings",
        "",
        _INTRODUCTION,
    ]
    for heading, settings in groups(settings_table()).items():
        lines += ["", f"## {heading if heading != UP else '`dexwire up`'}", ""]
        lines += ["| variable | default | values | meaning |", "| --- | --- | --- | --- |"]
        for one in settings:
            default = f"`{one.default}`" if one.default else ""
            cells = (f"`{one.variable}`", default, one.values, one.meaning)
            lines.append(f"| {' | '.join(cell.replace('<', '&lt;') for cell in cells)} |")
    return ("\n".join(lines) + "\n").encode()


def dotenv_example() -> bytes:
    """Return .env.example: every setting in a comment, so that a copy changes nothing."""
    lines = [*_comment(_EXAMPLE)]
    for heading, settings in groups(settings_table()).items():
        lines += ["", f"# ---- {heading if heading != UP else '`dexwire up`'}"]
        for one in settings:
            lines += ["", *_comment(f"{one.meaning} ({one.values})")]
            lines.append(f"#{one.variable}={one.default}")
    return ("\n".join(lines) + "\n").encode()


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 98, break_on_hyphens=False)]
