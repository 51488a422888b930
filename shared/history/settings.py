"""What the services that write and read the history read from their environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from shared.history.address import driver_of
from shared.process.settings import ServiceSettings


class HistorySettings(ServiceSettings):
    """Settings of the recorder, and of the api, which reads what it wrote."""

    history_url: SecretStr = SecretStr("")
    """Database of the history: sqlite:///path or postgresql://user:password@host/name. Empty: no
    history; `dexwire up` then keeps a SQLite file in its data folder.
    """
    history: Literal["on", "off"] | None = Field(default=None, validate_default=True)
    """off: nothing is recorded, nothing recorded is shown. Unset: on where HISTORY_URL is set."""

    @field_validator("history_url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value():
            driver_of(url.get_secret_value())
        return url

    @field_validator("history")
    @classmethod
    def _check_on(
        cls, wish: Literal["on", "off"] | None, info: ValidationInfo
    ) -> Literal["on", "off"] | None:
        url: SecretStr | None = info.data.get("history_url")
        if wish == "on" and url is not None and not url.get_secret_value():
            raise ValueError("needs HISTORY_URL")
        return wish

    @property
    def history_address(self) -> str:
        """Where the history is; empty: there is none."""
        return "" if self.history == "off" else self.history_url.get_secret_value()
