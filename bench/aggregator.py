"""Readings a second from `raw_tokens` to the commit, beside a plain sequential aggregator.

Run: `python -m bench.aggregator [--tree FOLDER ...] [--tokens N ...] [--only a b c d]`. Each folder
is a checkout of dexwire (the default: this one) whose aggregator runs with a server of its own;
passes of all of them take turns, so figures of one run compare. The sequential aggregator
(`bench/sequential.py`) reads a token's hash, merges, and writes HSET, ZADD and PUBLISH token by
token.

A pass publishes one reading of each of up to 5,000 tokens, in batches of 100, as fast as Redis
takes them, and ends with the commit that acknowledges the last batch. Printed are the best pass of
each, microseconds of CPU a reading by stage (from samples of the stack, `bench/sampled.py`) and of
its Redis server, and the resident memory that known tokens took.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.figures import note
from bench.process import cpu_s, resident_mib
from bench.readings import CASES, MOST, PREFIX, batches
from bench.running import ROOT, start_server, tree_parser, trees_of
from dexwire.server.up.embedded import EmbeddedServer

HERE: Final = Path(__file__).resolve().parent
DEADLINE_S: Final = 120.0
cost: dict[tuple[str, int], float] = {}  # µs of CPU of a reading, by case and tokens known
STAGES: Final = ("decode", "merge", "diff", "encode", "apply", "client", "other")


@dataclass
class Contender:
    """A process that takes readings from `raw_tokens` and announces what it has written."""

    name: str
    process: subprocess.Popen[bytes]
    server: EmbeddedServer
    client: Any  # redis-py's types name every way of decoding; ours are bytes
    samples_path: Path
    empty_mib: float = 0.0
    best: float = 0.0  # readings a second
    readings: int = 0  # of all passes; so are the next two
    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by process
    samples: Counter[str] = field(default_factory=Counter)  # by stage

    def take(self, case: str, numbers: range, step: int) -> float:
        """Publish readings; return the seconds until the last was written."""
        name = f"{case}-{step}-{numbers.start}"
        messages = list(batches(case, numbers, step, name))
        awaited = f'"acks":["{name}"]'.encode()
        with self.client.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.subscribe(f"{PREFIX}state_changes")
            subscription.get_message(timeout=1)
            started = time.perf_counter()
            for message in messages:
                self.client.publish(f"{PREFIX}raw_tokens", message)
            while (seconds := time.perf_counter() - started) < DEADLINE_S:
                found = subscription.get_message(timeout=1)
                if found is not None and awaited in found["data"]:
                    return time.perf_counter() - started
        raise SystemExit(f"{self.name}: {name} was not acknowledged in {seconds:.0f} s")

    def sample(self) -> dict[str, int]:
        """Return the samples since the last call, by stage; none of the sequential one."""
        if self.name == "sequential":
            return {}
        self.samples_path.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        while not self.samples_path.exists():
            time.sleep(0.01)
        return msgspec.json.decode(self.samples_path.read_bytes(), type=dict[str, int])

    def cpu_us(self) -> dict[str, float]:
        """Return the CPU time of a reading, by stage, and of its server."""
        total = self.samples.total()
        shares = {stage: count / total for stage, count in self.samples.items()} or {"other": 1.0}
        used = {stage: share * self.cpu_s["own"] for stage, share in shares.items()}
        used["redis"] = self.cpu_s["redis"]
        return {stage: seconds / self.readings * 1e6 for stage, seconds in used.items()}


@contextmanager
def contender(name: str, tree: Path | None, tokens: int) -> Iterator[Contender]:
    """Start a tree's aggregator, or the sequential one, with a server of its own."""
    with start_server(name, tree or ROOT) as found:
        samples = found.server.socket_path.with_name("samples.json")
        settings = {
            "SAMPLES": str(samples), "WINDOW_MS": "10", "MAX_TOKENS": str(tokens + 1),
        }  # fmt: skip
        script = "sequential.py" if tree is None else "sampled.py"
        found.start("aggregator", settings, command=(str(HERE / script),))
        found.wait(lambda: found.listens("raw_tokens"), "the aggregator listens")
        time.sleep(1.0)  # the lease, and what is loaded once
        process = found.processes["aggregator"]
        yield Contender(name, process, found.server, found.client, samples)


def measure(case: str, tokens: int, trees: dict[str, Path | None], passes: int) -> None:
    """Print the figures of one case at so many known tokens."""
    print(f"\n({case}) {CASES[case]}; {tokens:,} tokens known")
    print(f"{'':<12}{'readings/s':>11}{'ratio':>7}   CPU µs a reading: " + "".join(
        f"{stage:>8}" for stage in (*STAGES, "redis")) + f"{'KB a token':>12}")  # fmt: skip
    with ExitStack() as stack:
        found = [stack.enter_context(contender(n, t, tokens)) for n, t in trees.items()]
        for each in found:
            _learn(each, case, tokens)
        size = min(tokens, MOST)
        for number in range(passes):
            start = number * size % tokens
            for each in found:
                one = min(size, 2_000) if each.name == "sequential" else size
                _pass(each, case, range(start, min(start + one, tokens)), number + 1)
        slowest = found[0].best
        for each in found:
            memory = (resident_mib(each.process.pid) - each.empty_mib) * 1024 / tokens
            cpu_us = each.cpu_us()
            columns = "".join(f"{cpu_us.get(stage, 0):8.1f}" for stage in (*STAGES, "redis"))
            ratio = each.best / slowest
            print(f"{each.name:<12}{each.best:>11,.0f}{ratio:>7.2f}{'':21}{columns}{memory:>12.2f}")
            if each.name != "sequential":
                note(f"{case} {tokens} ratio", ratio)
                note(f"{case} {tokens} rate", each.best)
                note(f"{case} {tokens} kib", memory)
                cost[case, tokens] = sum(cpu_us.values()) - cpu_us.get("redis", 0)
                if tokens > 2_000 and (case, 2_000) in cost:
                    note(f"{case} {tokens} cost", cost[case, tokens] / cost[case, 2_000])


def _learn(each: Contender, case: str, tokens: int) -> None:
    each.empty_mib = resident_mib(each.process.pid)
    for start in range(0, tokens, MOST):
        each.take(case, range(start, min(start + MOST, tokens)), 0)


def _pass(each: Contender, case: str, numbers: range, step: int) -> None:
    each.sample()
    pids = {"own": each.process.pid, "redis": each.server.pid}
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    seconds = each.take(case, numbers, step)
    for name, pid in pids.items():
        each.cpu_s[name] += cpu_s(pid) - before[name]
    each.samples.update(each.sample())
    each.readings += len(numbers)
    each.best = max(each.best, len(numbers) / seconds)


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=sorted(CASES))
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--without-sequential", action="store_true")
    chosen = parser.parse_args()
    trees: dict[str, Path | None] = {} if chosen.without_sequential else {"sequential": None}
    trees |= trees_of(chosen)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, best of {chosen.passes}")
    for tokens in chosen.tokens:
        for case in chosen.only:
            measure(case, tokens, trees, chosen.passes)


if __name__ == "__main__":
    main()
