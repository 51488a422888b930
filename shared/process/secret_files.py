"""Secrets from files: `<NAME>_FILE` names the file whose content is the secret setting `<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
)

from shared.errors import ConfigError
from shared.process.environment import as_meant, variable_of


@dataclass(frozen=True, slots=True)
class _Fault:
    """Stands in the place of a secret that cannot be had, until validation says why."""

    message: str


class SecretFileSource(PydanticBaseSettingsSource):
    """Reads the files that variables, or lines of `.env`, name; an empty variable names none."""

    def __init__(self, cls: type[BaseSettings]) -> None:
        super().__init__(cls)
        self._given = {**DotEnvSettingsSource(cls).env_vars, **EnvSettingsSource(cls).env_vars}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a field's secret; None: no file was named."""
        if SecretStr not in (field.annotation, *get_args(field.annotation)):
            return None, field_name, False
        variable = variable_of(self.settings_cls, field_name)
        path = self._given.get(f"{variable}_FILE".lower())
        if not path:
            return None, field_name, False
        if self._given.get(variable.lower()):
            return _Fault(f"{variable}_FILE is given too; only one may be"), field_name, False
        try:
            return read_secret(Path(path)), field_name, False
        except ConfigError as error:
            return _Fault(f"{variable}_FILE: {error}"), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class SecretsFromFiles(BaseSettings):
    """Settings whose secrets may stand in files."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Ask the files before the environment: what is given twice must not pass unseen.

        Values are read as they are meant (shared/process/environment.py).
        """
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                source.env_vars = as_meant(settings_cls, source.env_vars)
        files = SecretFileSource(settings_cls)
        return (init_settings, files, env_settings, dotenv_settings, file_secret_settings)

    @field_validator("*", mode="before")
    @classmethod
    def _report_faults(cls, value: object) -> object:
        if isinstance(value, _Fault):
            raise ValueError(value.message)  # noqa: TRY004 - what pydantic takes for a fault
        return value


def read_secret(path: Path) -> str:
    """Return a file's content without the newline at its end, which is an editor's.

    Raises ConfigError that names the file and reveals nothing of its content.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"{error.strerror}: {path}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"holds no text: {path}") from None
    secret = text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")
    if not secret:
        raise ConfigError(f"is empty: {path}")
    return secret
