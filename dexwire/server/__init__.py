"""What runs and operates dexwire. Ships as dexwire-server, with `services` and `shared`.

Both names are common: a program's own folder, `PYTHONPATH`, or `python -m`, which looks into the
working folder first, may have others of that name. Here they are bound to those that lie beside
this package, wherever else the interpreter would look first.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path


def _bind(name: str) -> None:
    beside = str(Path(__file__).resolve().parents[2])
    spec = PathFinder.find_spec(name, [beside])
    if name in sys.modules or spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_bind("shared")
_bind("services")
