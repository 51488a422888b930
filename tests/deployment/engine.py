"""The engine and compose, as commands; and what belongs to our project among its containers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.deployment.table import Failed

ROOT: Final = Path(__file__).resolve().parents[2]
_PROJECT: Final = "com.docker.compose.project"
_SERVICE: Final = "com.docker.compose.service"
_NUMBER: Final = "com.docker.compose.container-number"


@dataclass(frozen=True, slots=True)
class Container:
    """One replica of a service, as the engine sees it at one moment."""

    name: str  # service and number, as in `api_2`
    full_name: str  # the engine's
    service: str
    ident: str
    state: Mapping[str, Any]
    networks: Mapping[str, str]  # name of the network in the compose file → address

    @property
    def healthy(self) -> bool:
        """Whether its own health check says so."""
        return (
            bool(self.state["Running"]) and self.state.get("Health", {}).get("Status") == "healthy"
        )


class Engine:
    """Runs `docker` and compose for one project, with one environment."""

    def __init__(self, project: str, env: Mapping[str, str], env_file: Path) -> None:
        self.project = project
        self.env = {**os.environ, **env}
        self._compose = [*compose_command(), "--project-name", project]
        self._compose += ["--env-file", str(env_file), "--file", str(ROOT / "docker-compose.yml")]

    async def docker(self, *words: str, timeout_s: float = 60) -> str:
        """Run a command; return its output. Raises Failed with its output."""
        return await run(["docker", *words], self.env, timeout_s)

    async def compose(self, *words: str, timeout_s: float = 900) -> str:
        """Run a command of compose; return its output. Raises Failed with its output."""
        return await run([*self._compose, *words], self.env, timeout_s)

    async def containers(self, *services: str) -> list[Container]:
        """Return our containers, all or those of some services, in order."""
        filters = ["--filter", f"label={_PROJECT}={self.project}"]
        idents = (await self.docker("ps", "--all", "--quiet", "--no-trunc", *filters)).split()
        found = json.loads(await self.docker("inspect", *idents)) if idents else []
        ours = [self._container(each) for each in found]
        wanted = [one for one in ours if one and (not services or one.service in services)]
        return sorted(wanted, key=lambda one: one.name)

    def _container(self, inspected: Mapping[str, Any]) -> Container | None:
        labels = inspected["Config"]["Labels"]
        if labels.get("com.docker.compose.oneoff") == "True":
            return None
        networks = {
            name.removeprefix(f"{self.project}_"): each["IPAddress"]
            for name, each in inspected["NetworkSettings"]["Networks"].items()
        }
        name = f"{labels[_SERVICE]}_{labels[_NUMBER]}"
        full = inspected["Name"].removeprefix("/")
        return Container(
            name, full, labels[_SERVICE], inspected["Id"], inspected["State"], networks
        )

    async def container(self, name: str) -> Container:
        """Return one container as it is now."""
        return next(one for one in await self.containers() if one.name == name)

    async def logs(self, container: Container) -> str:
        """Return what it has written since it was last started."""
        since = container.state["StartedAt"]
        return await self.docker("logs", "--since", since, container.ident)

    async def crash(self, container: Container) -> None:
        """End its first process with SIGKILL, as a crash would: the engine starts it again.

        `docker kill` would be a wish of the operator, which a restart policy respects.
        """
        try:
            os.kill(container.state["Pid"], signal.SIGKILL)
        except OSError:  # an engine elsewhere, or not our process to kill
            await self.docker("kill", container.ident)
            await self.docker("start", container.ident)

    async def wait_healthy(
        self, services: Sequence[str], timeout_s: float, report: Callable[[str], None]
    ) -> float:
        """Wait until all their containers are healthy; return the seconds. Raises Failed."""
        started, printed = time.monotonic(), ""
        while True:
            found = await self.containers(*services)
            waiting = [one.name for one in found if not one.healthy]
            took = time.monotonic() - started
            if found and not waiting:
                return took
            if took > timeout_s:
                raise Failed(f"not healthy after {timeout_s:.0f} s: {', '.join(waiting)}")
            news = f"{len(found) - len(waiting)} of {len(found)} healthy"
            if news != printed and len(found) > 1:
                report(f"{took:3.0f} s: {news}; waiting for {', '.join(waiting)}")
                printed = news
            await asyncio.sleep(0.5)

    async def leftovers(self) -> list[str]:
        """Return what the engine still has of this project."""
        mine = ["--filter", f"label={_PROJECT}={self.project}", "--quiet"]
        found = []
        for kind, words in (
            ("container", ["ps", "--all"]),
            ("network", ["network", "ls"]),
            ("volume", ["volume", "ls"]),
        ):
            found += [f"{kind} {each}" for each in (await self.docker(*words, *mine)).split()]
        return found


def compose_command() -> list[str]:
    """Return how compose is called here: the engine's own, else the separate one. Raises Failed."""
    plugin = Path.home() / ".docker/cli-plugins/docker-compose"
    system = [Path(at) / "docker-compose" for at in _PLUGINS]
    if any(path.exists() for path in (plugin, *system)):
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise Failed("there is neither `docker compose` nor docker-compose here")


_PLUGINS: Final = (
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
)


async def run(command: Iterable[str], env: Mapping[str, str], timeout_s: float) -> str:
    """Run a command; return what it wrote, errors included. Raises Failed with its last lines."""
    words = list(command)
    child = await asyncio.create_subprocess_exec(
        *words,
        env=env,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, _ = await child.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        raise Failed(f"{' '.join(words[:6])} … has not ended after {timeout_s:.0f} s") from None
    text = out.decode(errors="replace")
    if child.returncode:
        tail = "\n".join(text.splitlines()[-15:])
        raise Failed(f"{' '.join(words)} ended with {child.returncode}:\n{tail}")
    return text
