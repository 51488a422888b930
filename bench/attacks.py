"""What attacks cost the services, with their bounds as shipped.

Run: `python -m bench.attacks [--tree FOLDER ...] [--only NAME ...]`. Each folder is a checkout of
dexwire (the default: this one) with a server and services of its own, on the settings that the
product ships. Each attack comes from loopback addresses, 127.7.0.0/16, and ends by itself; it sends
what `bench/attacks_http.py` and `bench/attacks_stream.py` say. Where one address is bounded,
another one shows what is left to others. Some three minutes a checkout; nothing of it leaves the
machine.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Final, NamedTuple

from bench import attacks_http, attacks_stream
from bench.attacks_table import Figure, Table
from bench.running import Services, start_all, start_server, tree_parser, trees_of

# What attacks make a service log is not of interest here, and may be much.
SETTINGS: Final = {"LOG_LEVEL": "ERROR"}
Attack = Callable[[Services], Iterator[Figure]]


class Deployment(NamedTuple):
    """Services of one checkout, and the attacks on them in their order."""

    start: Callable[[str, Path], AbstractContextManager[Services]]
    attacks: Mapping[str, Attack]


def _filled(attack: Attack, tokens: int, found: Services) -> Iterator[Figure]:
    """Fill the list up to so many tokens before an attack."""
    found.fill(tokens)
    yield from attack(found)


@contextmanager
def _shipped(
    name: str, tree: Path, *, tokens: int, services: Sequence[str], max_tokens: int = 50_000
) -> Iterator[Services]:
    """Run services of a checkout with their own bounds."""
    with start_server(name, tree, bounds={}) as found:
        start_all(found, tokens, *services, **SETTINGS, MAX_TOKENS=str(max_tokens))
        yield found


DEPLOYMENTS: Final = (
    Deployment(
        partial(_shipped, tokens=attacks_http.WALKED, services=("api", "ws")),
        {
            "filtered-walk": attacks_http.filtered_walk,
            "idempotency": attacks_http.idempotency,
            "trailers": attacks_http.trailers,  # many posts: after it none is taken for a while
            "walks": attacks_http.walks,
            "searches": partial(_filled, attacks_http.searches, 5_000),
            "refusals": attacks_http.refusals,
            "handshakes": attacks_stream.handshakes,
            "lists": attacks_stream.lists,
            "snapshots": attacks_stream.snapshots,
        },
    ),
    Deployment(
        partial(_shipped, tokens=attacks_stream.TOKENS, services=("ws",)),
        {"watchlists": attacks_stream.watchlists},
    ),
    Deployment(
        partial(_shipped, tokens=1, services=("api",), max_tokens=100),
        {"full-list": attacks_http.full_list},
    ),
)
NAMES: Final = tuple(name for each in DEPLOYMENTS for name in each.attacks)


def measure(tree: str, path: Path, chosen: Sequence[str], table: Table) -> None:
    """Run the attacks that were chosen on one checkout."""
    for deployment in DEPLOYMENTS:
        attacks = {name: attack for name, attack in deployment.attacks.items() if name in chosen}
        if not attacks:
            continue
        try:
            with deployment.start(tree, path) as found:
                for name, attack in attacks.items():
                    began = time.monotonic()
                    _run(attack, found, name, table)
                    print(f"{tree} {name}: {time.monotonic() - began:.0f} s", flush=True)
        except SystemExit as error:  # it did not start; others may
            for name in attacks:
                table.fail(tree, name, str(error))


def _run(attack: Attack, found: Services, name: str, table: Table) -> None:
    try:
        _restart_ended(found)
        for figure in attack(found):
            table.add(found.name, name, figure)
    # `wait` of bench.running ends with SystemExit; other attacks can go on.
    except (OSError, HTTPException, SystemExit) as error:
        table.fail(found.name, name, f"{type(error).__name__}: {error}")


def _restart_ended(found: Services) -> None:
    """Start services again that an attack has ended: the next one is measured too."""
    for name in [name for name, process in found.processes.items() if process.poll() is not None]:
        found.start(name, SETTINGS)
        found.wait_ready(name)


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    chosen = parser.parse_args()
    trees = trees_of(chosen)
    table = Table(list(trees))
    for name, path in trees.items():
        measure(name, path, chosen.only, table)
    print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}, load"
          f" {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    table.show()


if __name__ == "__main__":
    main()
