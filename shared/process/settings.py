"""What every service's settings have in common.

Flag > environment > `.env` > default. Each service has one frozen class, read once, in its
`app.py`. A bad value stops the start with exit code 78 and names the variable.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dexwire.stream.limits import WINDOW_MS
from shared.edge.client_address import check_network
from shared.edge.origins import canonical_origin
from shared.errors import ConfigError, NewerStore
from shared.process.environment import variable_of
from shared.process.secret_files import SecretsFromFiles
from shared.redis.address import RedisAddress, hash_tag, parse_redis_url

EX_CONFIG = os.EX_CONFIG  # 78
DRAIN_S: Final = 14.0  # everything ends within 15 s
# One a service, so that all of them run on one machine.
METRICS_PORTS: Final = {
    "fetcher": 9101,
    "aggregator": 9102,
    "api": 9103,
    "ws": 9104,
    "replay": 9105,
    "images": 9106,
    "recorder": 9107,
}


def _check_redis_url(url: str) -> str:
    if url:
        parse_redis_url(url)
    return url


def _check_file(path: str) -> str:
    if path and not os.access(path, os.R_OK):
        raise ValueError("cannot be read")
    return path


def split_words(value: object) -> object:
    """Return the words of a comma list; what is no text is left to the type's own check."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(canonical_origin(origin) for origin in origins))


def _check_host(host: str) -> str:
    if "/" in host or any(map(str.isspace, host)):
        raise ValueError("must be a host name or an address")
    return host


def _full_level(value: object) -> object:
    """Take the short name that other loggers use."""
    return "WARNING" if isinstance(value, str) and value.upper() == "WARN" else value


def _check_networks(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(check_network(word) for word in words)


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_full_level)]
HostName = Annotated[str, AfterValidator(_check_host)]
RedisUrl = Annotated[str, AfterValidator(_check_redis_url)]
File = Annotated[str, AfterValidator(_check_file)]  # the path of one that we can read, or nothing
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_words)]  # "a,b,c"
Origins = Annotated[Words, AfterValidator(_check_origins)]  # of browsers that are let in
Networks = Annotated[Words, AfterValidator(_check_networks)]


class ServiceSettings(SecretsFromFiles):
    """Settings that each service has."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", extra="ignore", use_attribute_docstrings=True
    )

    redis_url: RedisUrl = ""
    """Address of the Redis that all services share: redis://, rediss://, unix://, redis+sentinel://,
    redis+cluster:// (docs/DATA.md). Empty: `dexwire up` starts an embedded one.
    """
    redis_password: SecretStr = SecretStr("")
    """Password of the user that REDIS_URL names, `default` where it names none."""
    redis_ca_file: File = ""
    """The authorities that a server's certificate must come from. Empty: those of this machine."""
    redis_cert_file: File = ""
    """Our own certificate, where the server asks for one; REDIS_KEY_FILE is its key."""
    redis_key_file: File = Field(default="", validate_default=True)
    """The key of REDIS_CERT_FILE."""
    redis_sentinel_user: str = ""
    """User of the Sentinels themselves; they know nothing of the users of the servers."""
    redis_sentinel_password: SecretStr = SecretStr("")
    """Password of the Sentinels themselves, where they ask for one."""
    redis_prefix: str = Field(default="", max_length=64, validate_default=True)
    """In front of every key and channel. A hash tag, as in {dexwire}:, is one slot of a Cluster."""
    log_json: bool | None = None
    """Logs as JSON lines. Unset: JSON unless standard error is a terminal."""
    log_level: LogLevel = "INFO"
    """The least severe log lines that are written."""
    metrics_host: HostName = Field(default="127.0.0.1", min_length=1)
    """Address on which each service shows its metrics, and answers /livez and /readyz."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_530)
    """Port of the metrics; 0: none. Unset: fetcher 9101, aggregator 9102, api 9103, ws 9104, replay
    9105, images 9106, recorder 9107, unless it is taken. For `dexwire up`: the first of seven, in
    this order.
    """
    include_quote_assets: bool = False
    """SOL, WETH, USDC and the other quote assets in the list too."""
    demo: bool = False
    """The market is replayed, not live; every output marks it."""

    @field_validator("redis_password")
    @classmethod
    def _check_password(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        url = info.data.get("redis_url")
        if password.get_secret_value() and url and parse_redis_url(url).password is not None:
            raise ValueError("REDIS_URL holds a password already")
        return password

    @field_validator("redis_key_file")
    @classmethod
    def _check_key_file(cls, path: str, info: ValidationInfo) -> str:
        if bool(path) != bool(info.data.get("redis_cert_file")):
            raise ValueError("REDIS_CERT_FILE and REDIS_KEY_FILE are given together or not at all")
        return path

    @field_validator("redis_prefix")
    @classmethod
    def _check_prefix(cls, prefix: str, info: ValidationInfo) -> str:
        url = info.data.get("redis_url")
        if url and parse_redis_url(url).kind == "cluster" and hash_tag(prefix) is None:
            raise ValueError("a cluster needs a hash tag in it, as in {dexwire}:")
        return prefix

    @property
    def drain_s(self) -> float:
        """How long the service may take to end once it was signalled to."""
        return DRAIN_S

    @property
    def redis(self) -> RedisAddress:
        """Everything that it takes to connect."""
        return RedisAddress(
            url=self.redis_url,
            prefix=self.redis_prefix,
            password=self.redis_password.get_secret_value() or None,
            sentinel_user=self.redis_sentinel_user,
            sentinel_password=self.redis_sentinel_password.get_secret_value() or None,
            ca_file=self.redis_ca_file or None,
            cert_file=self.redis_cert_file or None,
            key_file=self.redis_key_file or None,
        )


class WindowSettings(ServiceSettings):
    """Settings of the service that commits, and of the one that says how often it does."""

    window_ms: int = Field(default=WINDOW_MS, ge=10, le=10_000)
    """Longest that a reading waits for company before it is committed; the stream's `hello` says
    it.
    """


class ImagesModeSettings(ServiceSettings):
    """Settings of the service that serves images, and of the one that says where they are."""

    images: Literal["fetch", "made", "off"] | None = None
    """Images of tokens. fetch: from the addresses that the sources give. made: drawn here, nothing
    is fetched. off: none. Unset: made in a demo, else fetch.
    """

    @property
    def images_mode(self) -> Literal["fetch", "made", "off"]:
        """What holds."""
        return self.images or ("made" if self.demo else "fetch")


class EdgeSettings(ServiceSettings):
    """Settings of services that clients connect to."""

    trusted_proxies: Networks = ()
    """Proxies in front, as addresses or networks: their X-Forwarded-For names the client whose
    address is counted. Empty: the peer that connects is the client.
    """


S = TypeVar("S", bound=BaseSettings)
UNREADABLE: Final = (OSError, UnicodeDecodeError)


def read_settings(cls: type[S], **flags: object) -> S:
    """Read a settings class once; `flags` that are None were not given.

    A secret may stand in a file: <NAME>_FILE in the place of <NAME>. Raises ConfigError that lists
    every fault at once, by variable name, never with a secret value.
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


def _variable(cls: type[BaseSettings], loc: tuple[int | str, ...]) -> str:
    """Return the environment's name of a faulty field; an alias stands for itself."""
    field, *rest = [str(part) for part in loc] or [""]
    name = variable_of(cls, field) if field in cls.model_fields else field
    return ".".join([name, *rest]).upper()


def exit_on_config_error(error: ConfigError) -> int:
    """Print the one line that a wrong setting deserves; return the exit code."""
    what = "" if isinstance(error, NewerStore) else "wrong setting: "
    print(f"dexwire: {what}{error}", file=sys.stderr)  # noqa: T201 - before logging is up
    return EX_CONFIG
