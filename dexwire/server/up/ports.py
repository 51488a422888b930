"""Which ports `dexwire up` listens on, and what to type when one is taken."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from dexwire.server.settings import DEMO_REPLAY_PORT, IMAGES_PORT, UpSettings
from dexwire.server.start import STARTED_BY
from dexwire.server.up.net import take_port
from shared.errors import CannotListen
from shared.process.settings import METRICS_PORTS

_LOCAL: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where services listen; all were free when they were checked.

    `replay` only in a demo, `images` unless they are off.
    """

    api: int
    ws: int
    replay: int | None
    images: int | None = None


@dataclass(frozen=True, slots=True)
class _WantedPort:
    service: str
    host: str
    port: int

    @property
    def option(self) -> str:
        return f"--{self.service}-port"


def choose_ports(settings: UpSettings) -> Ports:
    """Check that every port that was chosen can be listened on.

    Raises CannotListen, which says what to type instead.
    """
    taken = metrics_ports(settings)
    for name, port in taken.items():
        try:
            take_port(settings.metrics_host, port, f"metrics of {name}")
        except CannotListen as error:
            raise CannotListen(str(error), fix="set METRICS_PORT to another") from None
    wanted = _wanted_ports(settings)
    found: dict[str, int] = {}
    others = set(taken.values())
    try:
        for port_wanted in wanted:
            found[port_wanted.service] = _take(port_wanted, found, others)
            others.add(found[port_wanted.service])
    except CannotListen as error:
        fix = f"choose another: {_way_out(wanted, taken.values())}"
        raise CannotListen(str(error), fix=fix) from None
    if settings.demo and "replay" not in found:
        found["replay"] = _default_port("replay", _LOCAL, DEMO_REPLAY_PORT, others)
        others.add(found["replay"])
    if settings.images_mode != "off" and "images" not in found:
        found["images"] = _default_port("images", settings.images_host, IMAGES_PORT, others)
    return Ports(found["api"], found["ws"], found.get("replay"), found.get("images"))


def metrics_ports(settings: UpSettings) -> dict[str, int]:
    """Return each service's port where one was chosen: that one and those after it."""
    first = settings.metrics_port
    absent = {
        "replay": not settings.demo,
        "images": settings.images_mode == "off",
        "recorder": settings.history == "off",
    }
    names = [name for name in METRICS_PORTS if not absent.get(name)]
    return {name: port for port, name in enumerate(names, start=first)} if first else {}


def _take(port_wanted: _WantedPort, found: Mapping[str, int], others: Collection[int]) -> int:
    """Return a port that nobody else of us has. Raises CannotListen."""
    port = take_port(port_wanted.host, port_wanted.port, port_wanted.service, others)
    for name, other in found.items():
        if other == port:
            raise CannotListen(f"port {port} is wanted by {name} and {port_wanted.service}")
    return port


def _wanted_ports(settings: UpSettings) -> list[_WantedPort]:
    wanted = [
        _WantedPort("api", settings.api_host, settings.api_port),
        _WantedPort("ws", settings.ws_host, settings.ws_port),
    ]
    if settings.demo and settings.replay_port is not None:
        wanted.append(_WantedPort("replay", _LOCAL, settings.replay_port))
    if settings.images_mode != "off" and settings.images_port is not None:
        wanted.append(_WantedPort("images", settings.images_host, settings.images_port))
    return wanted


def _default_port(service: str, host: str, port: int, others: Collection[int]) -> int:
    """Return a service's own port, or any free one when it is taken."""
    if port not in others:
        try:
            return take_port(host, port, service, others)
        except CannotListen:
            pass
    return take_port(host, 0, service, others)


# -- what to type instead --------------------------------------------------------------------------
def _way_out(wanted: list[_WantedPort], others: Collection[int]) -> str:
    """Return the command that was typed, with a free port for each that cannot be had."""
    kept = {port_wanted.port for port_wanted in wanted if port_wanted.port} | set(others)
    options: list[str] = []
    seen: set[int] = set()
    for port_wanted in wanted:
        if port_wanted.port and (
            port_wanted.port in seen or not _is_free(port_wanted.host, port_wanted.port)
        ):
            port = next(
                (
                    p
                    for p in _after(port_wanted.port)
                    if p not in kept and _is_free(port_wanted.host, p)
                ),
                0,
            )
            options += [port_wanted.option, str(port)]
            kept.add(port)
        seen.add(port_wanted.port)
    return command_with(options)


def command_with(options: list[str]) -> str:
    """Return how this command is typed with these options in the place of those that it had."""
    typed = sys.argv[2:] if sys.argv[1:2] == ["up"] else []
    target = os.environ.get(STARTED_BY, "")
    words = [*_without(typed, {*options[::2]}), *options]
    if target.startswith("make "):
        return f'{target} ARGS="{shlex.join(word for word in words if word != "--demo")}"'
    return f"dexwire up {shlex.join(words)}"


def _without(words: list[str], options: Collection[str]) -> list[str]:
    """Return words without these options and their values."""
    left, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in options:
            skip = True
        elif word.partition("=")[0] not in options:
            left.append(word)
    return left


def _after(port: int) -> range:
    return range(port + 1, min(port + 100, 65_536))


def _is_free(host: str, port: int) -> bool:
    try:
        take_port(host, port, "")
    except CannotListen:
        return False
    return True
