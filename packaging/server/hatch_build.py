"""Puts the server's packages into its wheel: they lie beside this file in an sdist, else above."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("dexwire/server", "services", "shared")


class ServerFiles(BuildHookInterface):  # type: ignore[type-arg]
    """The wheel's files; an editable install needs none of them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the parts. `version` is the kind of wheel."""
        if version != "standard":
            return
        here = Path(self.root)
        top = here if (here / "services").is_dir() else here.parents[1]
        build_data["force_include"] |= {str(top / part): part for part in PARTS}
