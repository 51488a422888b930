"""`state:meta`: which state the store holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.errors import NewerStore
from shared.state.messages import NativePrice, decode_natives

# What the keys hold. A change that other versions would misread raises it: the aggregator then
# migrates an older store by a new epoch, and every older service refuses the newer one. Stores of
# 0.1.0 have no number: that is 0.
STORE_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Meta:
    """`state:meta`, decoded. An empty epoch: there is no state yet."""

    epoch: str = ""
    version: int = 0
    schema: int = STORE_SCHEMA
    run_id: str = ""
    fence: str = ""
    commit_id: str = ""
    digest: str = "0" * 16
    committed_ms: int = 0
    tokens: int = 0
    horizon: int = 0
    seeding: bool = True
    native: Mapping[str, NativePrice] = field(default_factory=dict)


def decode_meta(hash_: Mapping[bytes, bytes]) -> Meta:
    """Decode `state:meta` as HGETALL gives it.

    Raises NewerStore; KeyError or ValueError when it is not ours.
    """
    found = {name.decode(): value.decode() for name, value in hash_.items()}
    schema = found.get("schema", "0")
    if not schema.isdecimal() or int(schema) > STORE_SCHEMA:
        raise NewerStore(schema)
    if not found.get("epoch"):
        return Meta(fence=found.get("fence", ""))
    return Meta(
        epoch=found["epoch"],
        version=int(found["version"]),
        schema=int(schema),
        run_id=found["run_id"],
        fence=found["fence"],
        commit_id=found["commit_id"],
        digest=found["digest"],
        committed_ms=int(found["committed_ms"]),
        tokens=int(found["tokens"]),
        horizon=int(found["horizon"]),
        seeding=bool(found["seeding"]),
        native=decode_natives(hash_.get(b"native")),
    )
