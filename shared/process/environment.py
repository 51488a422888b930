"""How values of the environment and of `.env` are read: as people write them. No I/O.

An empty value is an unset one wherever the setting has no empty value: numbers, booleans, choices,
folders, required URLs. For other texts and for lists of words, empty is a value. Blanks and quotes
around a value are dropped, and the case of a choice does not matter; plain texts and secrets are
kept as they are.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import MinLen
from pydantic import AfterValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

_QUOTES: Final = "\"'"


def variable_of(cls: type[BaseSettings], field: str) -> str:
    """Return the name of a field's environment variable."""
    alias = cls.model_fields[field].validation_alias
    if isinstance(alias, str):
        return alias
    return f"{cls.model_config.get('env_prefix') or ''}{field}".upper()


def as_meant(cls: type[BaseSettings], given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the variables (names in lower case) as a settings class should read them."""
    found = dict(given)
    for field, info in cls.model_fields.items():
        name = variable_of(cls, field).lower()
        text = found.get(name)
        if text is None:
            continue
        meant = _meant(info, text)
        if meant is None:
            del found[name]
        else:
            found[name] = meant
    return found


def type_parts(annotation: Any) -> list[Any]:  # noqa: ANN401 - any type there is
    """Return the members of a union, or the one type."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return [part for one in get_args(annotation) for part in type_parts(one)]
    return [annotation]


def _meant(info: FieldInfo, text: str) -> str | None:
    """Return what a variable says, or None when it says nothing."""
    kinds = [_SettingType(part, info.metadata) for part in type_parts(info.annotation)]
    tidy = text if any(kind.verbatim for kind in kinds) else _unwrapped(text)
    if not tidy and not any(kind.may_be_empty for kind in kinds):
        return None
    choices = [choice for kind in kinds for choice in kind.choices]
    return next((choice for choice in choices if choice.lower() == tidy.lower()), tidy)


def _unwrapped(text: str) -> str:
    """Return a value without blanks and one pair of quotes around it."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        return text[1:-1].strip()
    return text


class _SettingType:
    """What one type of a setting allows."""

    def __init__(self, annotation: Any, metadata: list[Any]) -> None:  # noqa: ANN401 - any type
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata = [*metadata, *more]
        self._type = annotation
        self._checks = [one.func for one in metadata if isinstance(one, AfterValidator)]
        self._shortest = max([one.min_length for one in metadata if isinstance(one, MinLen)] + [0])

    @property
    def verbatim(self) -> bool:
        """Whether blanks and quotes may be part of the value."""
        return self._type in {SecretStr, Path} or (self._type is str and not self._checks)

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty text is a value of it."""
        if get_origin(self._type) is tuple:
            return str in get_args(self._type)
        if self._type not in {str, SecretStr} or self._shortest > 0:
            return False
        try:
            for check in self._checks:
                check("")  # type: ignore[call-arg]
        except ValueError:
            return False
        return True

    @property
    def choices(self) -> list[str]:
        """The values of a choice, as they are written."""
        is_choice = get_origin(self._type) is Literal
        return [one for one in get_args(self._type) if isinstance(one, str)] if is_choice else []
