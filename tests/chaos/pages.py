"""Readers of `/discover`: every page is held to its own version, every walk to its list."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import httpx

from tests.chaos.findings import Findings
from tests.chaos.history import History, Row, State
from tests.chaos.lists import Query, draw, listed, passes
from tests.chaos.network import new_client
from tests.chaos.pending import Pending

READ_PAUSE_S: Final = 0.25
WALK_PAUSE_S: Final = 0.15
OLDEST_S: Final = 12.0  # a page may be so much behind what we knew when it was requested
# What an api may answer while something under it is broken.
_REFUSALS: Final = {503, 504}


class Page(NamedTuple):
    """One answer, until it can be judged."""

    query: Query
    epoch: str
    version: int
    as_of_ms: int
    tokens: list[Row]
    total: int
    order_version: int | None
    next_cursor: str | None
    limit: int


@dataclass
class Reading:
    """What readers share."""

    findings: Findings
    history: History
    pending: Pending
    excused: Callable[[str], bool]  # whether a request to this api may fail


async def read_pages(apis: list[str], seed: int, on: Reading) -> None:
    """Read single pages for ever, of one api after the other."""
    dice = random.Random(seed)
    async with new_client() as client:
        while True:
            query, api = draw(dice), dice.choice(apis)
            newest = on.history.now
            page = await _page(client, api, query, dice.choice((10, 20, 50, 100)), on)
            if page is not None:
                on.pending.add(page.epoch, page.version, partial(_judge, page, on=on))
                _judge_age(page, newest, on)
            await asyncio.sleep(READ_PAUSE_S)


async def walk_lists(apis: list[str], seed: int, on: Reading) -> None:
    """Walk lists to their end for ever, each page from any api."""
    dice = random.Random(seed)
    async with new_client() as client:
        while True:
            query, limit = draw(dice), dice.choice((5, 10, 25))
            pages: list[Page] = []
            cursor: str | None = None
            while True:
                page = await _page(client, dice.choice(apis), query, limit, on, cursor)
                if page is None:
                    on.findings.count("walks interrupted")
                    break
                pages.append(page)
                judge = _judge if cursor is None else _judge_later
                on.pending.add(page.epoch, page.version, partial(judge, page, on=on))
                cursor = page.next_cursor
                if cursor is None:
                    last = pages[-1]
                    on.pending.add(last.epoch, last.version, partial(_judge_walk, pages, on=on))
                    break
                await asyncio.sleep(WALK_PAUSE_S)
            await asyncio.sleep(WALK_PAUSE_S)


async def _page(
    client: httpx.AsyncClient,
    api: str,
    query: Query,
    limit: int,
    on: Reading,
    cursor: str | None = None,
) -> Page | None:
    given: dict[str, Any] = {**query.parameters(), "limit": limit}
    if cursor is not None:
        given["cursor"] = cursor
    try:
        answer = await client.get(f"{api}/discover", params=given)
    except httpx.HTTPError as error:
        on.findings.count("page requests failed")
        if not on.excused(api):
            on.findings.wrong("an api that runs answers", f"{type(error).__name__} from {api}")
        return None
    if answer.status_code != 200:
        on.findings.count("page requests refused")
        expired = answer.status_code == 410 and cursor is not None
        if not expired and answer.status_code not in _REFUSALS:
            detail = f"{answer.status_code} {answer.text[:200]} for {given}"
            on.findings.wrong("refusals are 503, 504 or an expired cursor", detail)
        return None
    body = answer.json()
    return Page(
        query,
        body["epoch"],
        body["version"],
        body["as_of_ms"],
        body["tokens"],
        body["total"],
        body.get("order_version"),
        body["nextCursor"],
        limit,
    )


def _judge_age(page: Page, newest: State | None, on: Reading) -> None:
    """A page may not be of a state that was long over when it was requested."""
    after = on.history.states.get((page.epoch, page.version + 1))
    if newest is not None and after is not None and newest.at_s - after.at_s > OLDEST_S:
        detail = f"{page.epoch} {page.version} when {newest.epoch} {newest.version} was known"
        on.findings.wrong("no page is long out of date", detail)


def _judge(page: Page, state: State, on: Reading) -> None:
    """Page one: exactly the first rows of the list at its version."""
    order = listed(page.query, state)
    on.findings.count("pages")
    if (found := [row["id"] for row in page.tokens]) != order[: page.limit]:
        _complain(on, page, f"has {found[:5]}…, the list is {order[:5]}…")
    if page.total != len(order):
        _complain(on, page, f"says total {page.total}, the list has {len(order)}")
    if page.as_of_ms != state.ts:
        _complain(on, page, f"says as_of_ms {page.as_of_ms}, the commit {state.ts}")
    _judge_rows(page, state, on)


def _judge_later(page: Page, state: State, on: Reading) -> None:
    """A later page of a walk: rows of its own version that pass the filters."""
    on.findings.count("pages")
    _judge_rows(page, state, on)
    if page.query.at_least:
        name, least = page.query.at_least
        for row in page.tokens:
            if row.get(name, -1.0) < least:
                _complain(on, page, f"shows {row['id']}, which passes its filters no longer")


def _judge_rows(page: Page, state: State, on: Reading) -> None:
    for row in page.tokens:
        held = state.rows.get(row["id"])
        if held is None:
            _complain(on, page, f"shows {row['id']}, which is not there")
        elif held.row != row:
            _complain(on, page, f"shows {_difference(row, held.row)} of {row['id']}")


def _judge_walk(walk: list[Page], _state: State, on: Reading) -> None:
    """No token twice, none missed that was in the list all the while, in the pinned order."""
    findings, first, last = on.findings, walk[0], walk[-1]
    seen = [row["id"] for page in walk for row in page.tokens]
    findings.count("walks")
    findings.count("tokens walked over", len(seen))
    if len(set(seen)) != len(seen):
        twice = sorted({ident for ident in seen if seen.count(ident) > 1})
        findings.wrong("a walk shows no token twice", f"{first.query}: {twice[:5]}")
    versions = [page.version for page in walk]
    states = list(on.history.between(first.epoch, min(versions), max(versions)))
    if len(states) != max(versions) - min(versions) + 1:
        findings.count("walks not judged")
        return
    steady = set(listed(first.query, states[0]))
    for state in states[1:]:
        steady &= {i for i in steady if i in state.rows and passes(first.query, state.rows[i].row)}
    if missed := steady - set(seen):
        detail = f"{first.query} from {first.version} to {last.version}: {sorted(missed)[:5]}"
        findings.wrong("a walk misses no token that stays", detail)
    _judge_order(walk, on)


def _judge_order(walk: list[Page], on: Reading) -> None:
    pinned = on.history.states.get((walk[0].epoch, walk[-1].order_version or 0))
    if pinned is None:
        return
    rank = {ident: n for n, ident in enumerate(listed(walk[0].query, pinned))}
    later = [row["id"] for page in walk[1:] for row in page.tokens]
    if unknown := [ident for ident in later if ident not in rank]:
        detail = f"{walk[0].query}: {unknown[:5]} at {pinned.version}"
        on.findings.wrong("a walk shows what its order holds", detail)
    elif [rank[ident] for ident in later] != sorted(rank[ident] for ident in later):
        detail = f"{walk[0].query} at {pinned.version}"
        on.findings.wrong("a walk is in its pinned order", detail)


def _complain(on: Reading, page: Page, detail: str) -> None:
    at = f"{page.query.parameters()} at {page.epoch} {page.version}"
    on.findings.wrong("a page is exact for its version", f"{at} {detail}")


def _difference(shown: Row, true: Row) -> str:
    names = [name for name in {**shown, **true} if shown.get(name) != true.get(name)]
    return ", ".join(f"{n} {shown.get(n)!r} for {true.get(n)!r}" for n in names[:4])
