"""Lua scripts: one file each, called by their hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

from redis.exceptions import NoScriptError

_INCLUDE: Final = re.compile(r"^--include (\w+)$", re.MULTILINE)


class Script:
    """A Lua script, loaded when the server does not know it (yet).

    `name` is a file `<name>.lua` of `package`. A line `--include <other>` in it stands for the
    text of `<other>.lua` of the same package.
    """

    def __init__(
        self, name: str, *, read_only: bool = False, package: str = "shared.state.scripts"
    ) -> None:
        self._source = _text(name, package)
        self._sha = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()
        self._command = "EVALSHA_RO" if read_only else "EVALSHA"

    async def __call__(self, redis: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:  # noqa: ANN401 - a script's reply
        """Run it; NOSCRIPT (a restart, SCRIPT FLUSH) is invisible to the caller."""
        command = (self._command, self._sha, len(keys), *keys, *args)
        try:
            return await redis.execute_command(*command)
        except NoScriptError:
            await redis.script_load(self._source)
            return await redis.execute_command(*command)


def _text(name: str, package: str) -> str:
    text = files(package).joinpath(f"{name}.lua").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda included: _text(included[1], package).rstrip(), text)
