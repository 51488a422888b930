"""What every service's settings have in common.

Flag > environment > `.env` > default. Each service has one frozen class, read once, in its
`app.py`. A bad value stops the start with exit code 78 and names the variable.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.errors import ConfigError

EX_CONFIG = os.EX_CONFIG  # 78
# One a service, so that all of them run on one machine.
METRICS_PORTS: Final = {
    "fetcher": 9101,
    "aggregator": 9102,
    "api": 9103,
    "ws": 9104,
    "replay": 9105,
}
_SCHEMES = ("redis", "rediss", "unix")


def _check_redis_url(url: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"must start with one of {', '.join(s + '://' for s in _SCHEMES)}")
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("needs the path of a socket, as in unix:///run/redis.sock")
    elif not parts.hostname:
        raise ValueError("needs a host, as in redis://127.0.0.1:6379/0")
    else:
        _ = parts.port  # raises ValueError when it is no port number
    return url


def split_words(value: object) -> object:
    """Return the words of a comma list; what is no text is left to the type's own check."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        exact = parts.scheme in {"http", "https"} and parts.netloc and "*" not in origin
        if not exact or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("must be exact origins, as in https://app.example.org")
    return origins


RedisUrl = Annotated[str, AfterValidator(_check_redis_url)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_words)]  # "a,b,c"
Origins = Annotated[Words, AfterValidator(_check_origins)]  # of browsers that are let in


class ServiceSettings(BaseSettings):
    """Settings that each service has."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", extra="ignore", use_attribute_docstrings=True
    )

    redis_url: RedisUrl = ""
    """Address of the Redis that all services share. Empty: `dexwire up` starts an embedded one."""
    redis_prefix: str = Field(default="", max_length=64)
    """In front of every key and channel. A hash tag, as in {dexwire}:, is one slot of a Cluster."""
    log_json: bool | None = None
    """Logs as JSON lines. Unset: JSON unless standard error is a terminal."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe log lines that are written."""
    metrics_host: str = Field(default="127.0.0.1", min_length=1)
    """Address on which each service shows its metrics, and answers /livez and /readyz."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_530)
    """Port of the metrics; 0: none. Unset: fetcher 9101, aggregator 9102, api 9103, ws 9104, replay
    9105, unless it is taken. For `dexwire up`: the first of five, in this order.
    """
    include_quote_assets: bool = False
    """SOL, WETH, USDC and the other quote assets in the list too."""
    demo: bool = False
    """The market is replayed, not live; said everywhere."""


S = TypeVar("S", bound=BaseSettings)
UNREADABLE: Final = (OSError, UnicodeDecodeError)


def read_settings(cls: type[S], **flags: object) -> S:
    """Read a settings class once; `flags` that are None were not given.

    Raises ConfigError that lists every fault at once, by variable name, never with a secret value.
    """
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    try:
        return cls(**given)
    except ValidationError as error:
        lines = [f"{variable}: {message}" for variable, message in faults(cls, error)]
        raise ConfigError("; ".join(lines)) from None
    except UNREADABLE as error:
        raise unreadable(error) from None


def unreadable(error: Exception) -> ConfigError:
    """Return what to say of a `.env` that is there and cannot be read."""
    return ConfigError(f".env: cannot be read: {error}")


def faults(cls: type[BaseSettings], error: ValidationError) -> list[tuple[str, str]]:
    """Return (variable, what is wrong) of every fault; never the value, which may be secret."""
    found = error.errors(include_input=False, include_url=False)
    return [
        (_variable(cls, fault["loc"]), fault["msg"].removeprefix("Value error, "))
        for fault in found
    ]


def variable_of(cls: type[BaseSettings], field: str) -> str:
    """Return the name of a field's environment variable."""
    alias = cls.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else _variable(cls, (field,))


def _variable(cls: type[BaseSettings], loc: tuple[int | str, ...]) -> str:
    """Return the environment's name of a faulty field; an alias stands for itself."""
    name = ".".join(str(part) for part in loc)
    prefix = str(cls.model_config.get("env_prefix") or "")
    return (f"{prefix}{name}" if name.split(".")[0] in cls.model_fields else name).upper()


def exit_on_config_error(error: ConfigError) -> int:
    """Print the one line that a wrong setting deserves; return the exit code."""
    print(f"dexwire: wrong setting: {error}", file=sys.stderr)  # noqa: T201 - before logging is up
    return EX_CONFIG
