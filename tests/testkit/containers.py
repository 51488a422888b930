"""Run a command on each of some Redis images.

python -m tests.testkit.containers IMAGE... -- COMMAND...

The command finds the server in `TEST_REDIS_URL`. Exit codes: 0 when it succeeded on every image,
1 when it did not, 3 when no Docker engine answers, so that nothing was run.
"""

import os
import signal
import subprocess
import sys
from contextlib import closing

import docker
from docker.errors import DockerException
from redis import Redis
from redis.exceptions import RedisError
from testcontainers.community.redis import RedisContainer
from testcontainers.core.config import testcontainers_config

NO_ENGINE = 3


def engine_answers() -> bool:
    try:
        with closing(docker.from_env()) as engine:
            return bool(engine.ping())
    except DockerException as error:
        print(f"no Docker engine answers, so nothing was tested: {error}", file=sys.stderr)
        return False


def run_on(image: str, command: list[str]) -> bool:
    """Return whether the image's server started and the command succeeded on it."""
    print(f"== {image}", flush=True)
    try:
        with RedisContainer(image) as server:
            host, port = server.get_container_host_ip(), server.get_exposed_port(server.port)
            url = f"redis://{host}:{port}/0"
            with Redis.from_url(url, decode_responses=True) as client:
                about = client.info("server")
            name = about.get("server_name", "redis")  # only Valkey says what it is
            print(f"{name} {about.get('valkey_version', about['redis_version'])}", flush=True)
            done = subprocess.run(command, env=os.environ | {"TEST_REDIS_URL": url}, check=False)
            return done.returncode == 0
    except (DockerException, RedisError, TimeoutError) as error:
        print(f"{image} did not start: {error}", file=sys.stderr)
        return False


def main(arguments: list[str]) -> int:
    split = arguments.index("--")
    images, command = arguments[:split], arguments[split + 1 :]
    if not engine_answers():
        return NO_ENGINE
    testcontainers_config.ryuk_disabled = True  # `with` removes what it starts, so end by it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = {image: run_on(image, command) for image in images}
    for image, passed in results.items():
        print(f"{image}: {'passed' if passed else 'FAILED'}")
    return 0 if results and all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
