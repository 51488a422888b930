"""`python -m dexwire.client.schemas <folder>` writes the JSON Schemas of the stream's messages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dexwire.client.frames import schemas


def text(schema: object) -> str:
    """Return a schema as it is committed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(folder: Path) -> None:
    """Write every schema into the folder."""
    for name, schema in schemas().items():
        (folder / name).write_text(text(schema), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
