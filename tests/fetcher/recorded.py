"""The recorded upstream bodies, as the replay service holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

RECORDED: Final = Path(__file__).resolve().parents[2] / "services" / "replay" / "recorded"


def recorded(source: str, name: str) -> bytes:
    return (RECORDED / source / f"{name}.json").read_bytes()
