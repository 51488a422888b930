"""`dexwire tail`: what a stream says, line by line."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import msgspec

from dexwire import format as fmt
from dexwire.client import (
    Alert,
    Client,
    ClientError,
    Diff,
    Event,
    Gap,
    Snapshot,
    State,
    Unreachable,
)
from dexwire.output import print_json
from dexwire.terminal.table import token_name

_SHOWN = 3  # changed tokens of a diff that are named
_encode = msgspec.json.Encoder().encode


async def tail(
    client: Client, topics: Sequence[str], watch: Sequence[str], *, as_json: bool
) -> int:
    """Print events for ever. Raises Refused, and Unreachable when nobody answers at the start."""
    begun, names = False, Names(client)
    async with client:
        async for event in client.stream(*topics, watch=watch):
            if isinstance(event, State):
                if event.status == "offline" and not begun:
                    raise Unreachable(f"{client.ws_url} does not answer: {event.error}")
                begun = begun or event.status in {"live", "stale", "resync"}
            begun = begun or isinstance(event, Snapshot)
            if as_json:
                print_json(_encode(event))
            else:
                await names.learn(event)
                print(line(event, names.known), flush=True)
    return 0


class Names:
    """What tokens are called: from snapshots and diffs, for alerts from the api."""

    def __init__(self, client: Client) -> None:
        self.known: dict[str, str] = {}
        self._client = client

    async def learn(self, event: Event) -> None:
        """Note the names that an event has or needs; one that cannot be had stays an id."""
        match event:
            case Snapshot():
                self._note(event.rows)
            case Diff():
                self._note([*event.set, *event.add])
            case Alert() if event.token_id not in self.known:
                self.known[event.token_id] = event.token_id
                chain, _, address = event.token_id.partition(":")
                with contextlib.suppress(ClientError):
                    found = await self._client.token(chain, address)
                    self._note([{**found.get("token", found), "id": event.token_id}])

    def _note(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if name := token_name(row):
                self.known[row["id"]] = f"{name} ({row['id'].partition(':')[0]})"


def line(event: Event, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return one event as one line; `names` are those of tokens, by id."""
    match event:
        case Snapshot():
            return f"{event.topic}  snapshot  version {event.version}  {len(event.rows)} rows"
        case Diff():
            return _diff(event, names)
        case Alert():
            return _alert(event, names)
        case Gap():
            lost = "" if event.lost is None else f"  {event.lost} lost"
            return f"{event.topic or '*'}  gap  {event.reason}{lost}"
        case State():
            error = f"  {event.error}" if event.error else ""
            epoch = f"  epoch {event.epoch}  version {event.version}" if event.epoch else ""
            return f"-  {event.status}{epoch}{error}"


def _diff(diff: Diff, names: Mapping[str, str]) -> str:
    when = ""
    if diff.ts_ms:
        moment = dt.datetime.fromtimestamp(diff.ts_ms / 1000, tz=dt.UTC)
        when = moment.strftime("  %H:%M:%S.%f")[:-3]
    parts = [f"{diff.topic}{when}  {diff.prev} → {diff.version}"]
    for sign, entries in (("~", diff.set), ("+", diff.add)):
        parts += [f"{sign}{_token(cast('dict[str, Any]', row), names)}" for row in entries[:_SHOWN]]
        if len(entries) > _SHOWN:
            parts.append(f"{sign}{len(entries) - _SHOWN} more")
    parts += [f"-{names.get(ident, ident)}" for ident in diff.removed[:_SHOWN]]
    if len(diff.removed) > _SHOWN:
        parts.append(f"-{len(diff.removed) - _SHOWN} more")
    if diff.ids is not None:
        parts.append("order")
    return "  ".join(parts)


def _token(row: dict[str, Any], names: Mapping[str, str]) -> str:
    ident = str(row["id"])
    chain, _, address = ident.partition(":")
    short = names.get(ident) or (f"{chain}:{address[:6]}…" if len(address) > 8 else ident)
    return f"{short} {fmt.price(row['price'])}" if "price" in row else short


def _alert(alert: Alert, names: Mapping[str, str]) -> str:
    name = names.get(alert.token_id, alert.token_id)
    if alert.change is None:  # listed, graduated: nothing moved
        return f"{alert.topic}  {alert.kind}  {name}"
    window = f" {alert.window}" if alert.window else ""
    level = f"  level {alert.level}" if alert.level is not None else ""
    moved = f"{fmt.price(alert.before)} → {fmt.price(alert.after)}"
    if alert.kind != "price":
        moved = f"{fmt.amount(alert.before)} → {fmt.amount(alert.after)}"
    return (
        f"{alert.topic}  {alert.kind}{window} {fmt.percent(alert.change)}  {moved}{level}  {name}"
    )
