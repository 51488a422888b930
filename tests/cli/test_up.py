"""`dexwire up` as a user types it: a real supervisor with real services."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as sync_redis
from pydantic import SecretStr

from dexwire.runfile import Running, find_running
from dexwire.server.settings import UpSettings
from dexwire.server.up.command import demo_rate_factor, services
from dexwire.server.up.net import take_port
from dexwire.server.up.ports import Ports
from tests.testkit.process import ROOT, Process, free_port
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
FREE = ("--api-port", "0", "--ws-port", "0", "--images-port", "0")
DEMO = ("--demo", *FREE, "--replay-port", "0")


def children(pid: int) -> set[int]:
    """The ids of a process's children, embedded server included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(encoding="utf-8").rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and state != "Z":
            found.add(int(stat.parent.name))
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that run; a zombie does not."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found.add(pid)
    return found


async def all_started(process: Process, how_many: int = 8) -> set[int]:
    """The demo's children: seven services and the embedded server."""
    await eventually(lambda: len(children(process.pid)) >= how_many, timeout_s=20)
    return children(process.pid)


def running() -> Running | None:
    return find_running(Path(".dexwire"))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_one_signal_stops_everything_within_15_s_with_exit_0(
    spawn_dexwire: Spawn, signum: signal.Signals
) -> None:
    process = spawn_dexwire("up", *DEMO)
    pids = await all_started(process)
    started = time.monotonic()

    process.send(signum)

    assert process.wait(15) == 0
    assert time.monotonic() - started < 15
    assert alive(pids) == set()
    assert process.output().endswith("dexwire    | stopped\n")
    assert running() is None


async def test_killing_it_leaves_no_orphan(spawn_dexwire: Spawn) -> None:
    process = spawn_dexwire("up", *DEMO)
    pids = await all_started(process)

    process.send(signal.SIGKILL)
    process.wait()

    await eventually(lambda: not alive(pids), timeout_s=3)
    assert running() is None


async def test_its_embedded_server_comes_back_when_it_dies(spawn_dexwire: Spawn) -> None:
    process = spawn_dexwire("up", *DEMO)
    note = await eventually(running, timeout_s=10)
    with sync_redis.Redis.from_url(note.redis_url) as client:
        server = client.info("server")
    assert isinstance(server, dict)

    os.kill(int(server["process_id"]), signal.SIGKILL)

    def another_one_answers() -> bool:
        with sync_redis.Redis.from_url(note.redis_url) as client:
            try:
                return bool(client.info("server")["run_id"] != server["run_id"])
            except sync_redis.RedisError:
                return False

    await eventually(another_one_answers, timeout_s=10)
    assert "the embedded server ended (-9); starting it again in 0.2 s" in process.output()


@pytest.mark.parametrize(
    ("service", "option"),
    [
        ("api", "--api-port"),
        ("ws", "--ws-port"),
        ("replay", "--replay-port"),
        ("images", "--images-port"),
    ],
)
def test_a_busy_port_is_one_line_with_what_to_type_instead(
    spawn_dexwire: Spawn, busy_port: int, service: str, option: str
) -> None:
    process = spawn_dexwire("up", "--demo", option, str(busy_port), *others(option))

    assert process.wait() == 1
    matched = re.fullmatch(
        rf"dexwire: port {busy_port} is in use \({service}\); choose another: "
        rf"dexwire up --demo (.*) {option} (\d+)\n",
        process.output(),
    )
    assert matched is not None, process.output()
    assert matched[1].split() == others(option)
    assert busy_port < int(matched[2]) < busy_port + 100


def others(option: str) -> list[str]:
    """Options for the other ports, so that only one is wrong."""
    options = ["--api-port", "--ws-port", "--replay-port", "--images-port"]
    return [word for other in options if other != option for word in (other, "0")]


def test_make_is_answered_with_make(spawn_dexwire: Spawn, busy_port: int) -> None:
    process = spawn_dexwire(
        *("up", "--demo", "--tokens", "50", f"--api-port={busy_port}", "--ws-port", str(busy_port)),
        env={"STARTED_BY": "make demo"},
    )

    assert process.wait() == 1
    matched = re.fullmatch(
        rf"dexwire: port {busy_port} is in use \(api\); choose another: "
        r'make demo ARGS="--tokens 50 --api-port (\d+) --ws-port (\d+)"\n',
        process.output(),
    )
    assert matched is not None, process.output()
    assert len({busy_port, int(matched[1]), int(matched[2])}) == 3


@pytest.mark.parametrize("target", ["demo", "run"])
def test_make_says_who_started_it(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{target}: .*\n\t@STARTED_BY='make {target}' exec ", makefile, re.MULTILINE)


def test_one_port_for_two_services_is_one_line(spawn_dexwire: Spawn) -> None:
    port = free_port()

    process = spawn_dexwire("up", "--api-port", str(port), "--ws-port", str(port))

    assert process.wait() == 1
    assert re.fullmatch(
        rf"dexwire: port {port} is wanted by api and ws; choose another: "
        rf"dexwire up --api-port {port} --ws-port \d+\n",
        process.output(),
    ), process.output()


@pytest.mark.alone
def test_a_given_redis_that_does_not_answer_is_an_error_within_3_s(spawn_dexwire: Spawn) -> None:
    port = free_port()
    started = time.monotonic()

    process = spawn_dexwire("up", *FREE, env={"REDIS_URL": f"redis://:secret@127.0.0.1:{port}/0"})

    assert process.wait() == 1
    assert time.monotonic() - started < 4  # with the interpreter's own start
    assert process.output().startswith(
        f"dexwire: Redis at redis://127.0.0.1:{port}/0 does not answer"
    )
    assert "secret" not in process.output()
    assert process.output().count("\n") == 1


def test_a_given_redis_that_hangs_is_an_error_too(spawn_dexwire: Spawn, busy_port: int) -> None:
    url = f"redis://127.0.0.1:{busy_port}/0"  # accepts and says nothing

    process = spawn_dexwire("up", *FREE, "--redis-url", url)

    assert process.wait() == 1
    assert process.output().startswith(f"dexwire: Redis at {url} does not answer")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"API_PORT": "80000"}, "API_PORT: Input should be less than or equal to 65535"),
        ({"REDIS_URL": "http://x"}, "REDIS_URL: must start with one of redis://"),
    ],
)
def test_a_bad_setting_ends_it_with_78_and_names_the_variable(
    spawn_dexwire: Spawn, env: dict[str, str], message: str
) -> None:
    process = spawn_dexwire("up", env=env)

    assert process.wait() == 78
    assert process.output().startswith(f"dexwire: wrong setting: {message}")
    assert process.output().count("\n") == 1


async def test_a_bad_setting_of_a_service_ends_everything_with_78(spawn_dexwire: Spawn) -> None:
    process = spawn_dexwire("up", *DEMO, env={"REPLAY_SEED": "many"})

    assert process.wait(20) == 78
    assert "replay     | dexwire: wrong setting: REPLAY_SEED: " in process.output()


@pytest.mark.parametrize("service", ["fetcher", "aggregator", "api", "ws", "images", "recorder"])
def test_a_single_service_without_redis_url_says_what_to_set(
    spawn_dexwire: Spawn, service: str
) -> None:
    process = spawn_dexwire(service)

    assert process.wait() == 78
    assert process.output().startswith("dexwire: wrong setting: REDIS_URL: not set; ")
    assert process.output().count("\n") == 1


def test_a_data_folder_in_use_is_refused(spawn_dexwire: Spawn, tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    first = spawn_dexwire("up", *DEMO, "--data-dir", folder)
    while "embedded server" not in first.output() and first.poll() is None:
        time.sleep(0.01)

    second = spawn_dexwire("up", *DEMO, "--data-dir", folder)

    assert second.wait() == 1
    assert second.output() == f"dexwire: --data-dir {folder} is in use by another dexwire\n"


def test_version_and_help_answer(spawn_dexwire: Spawn) -> None:
    version, help_ = spawn_dexwire("--version"), spawn_dexwire("up", "--help")

    assert version.wait() == 0
    assert version.output() == "dexwire 0.1.0\n"
    assert help_.wait() == 0
    assert "--data-dir" in help_.output()


# -- what the services get -------------------------------------------------------------------------
def environments(
    settings: UpSettings, replay: int | None = None, images: int | None = None
) -> dict[str, dict[str, str]]:
    ports = Ports(api=1, ws=2, replay=replay, images=images)
    return {s.name: dict(s.env) for s in services(settings, ports, "unix:///x")}


def test_a_fetcher_that_posts_gets_the_api_s_address_and_a_key_of_its_own() -> None:
    env = environments(UpSettings(fetcher_delivery="ingest", ingest_api_keys=SecretStr("bot.s")))

    assert env["fetcher"]["FETCHER_API_URL"] == "http://127.0.0.1:1"
    key = env["fetcher"]["FETCHER_API_KEY"]
    assert re.fullmatch(r"fetcher:polled\.[\w-]{43}", key)
    assert env["api"]["INGEST_API_KEYS"] == f"bot.s,{key}"
    assert env["api"]["INGEST_API_KEYS_FILE"] == ""


def test_an_address_and_a_key_that_were_given_stay() -> None:
    given = UpSettings(
        fetcher_delivery="ingest", fetcher_api_url="http://h", fetcher_api_key=SecretStr("f.s")
    )
    env = environments(given)

    assert not {name for name in env["fetcher"] if name.startswith("FETCHER_")}
    assert "INGEST_API_KEYS" not in env["api"]


def test_a_live_run_has_no_replay_and_no_upstream_of_ours() -> None:
    env = environments(UpSettings())

    assert list(env) == ["aggregator", "fetcher", "api", "ws"]
    assert env["fetcher"] == {
        "REDIS_URL": "unix:///x",
        "REDIS_PREFIX": "",
        "STARTED_BY": "dexwire up",
        "LOG_JSON": "true",
    }
    assert env["api"]["API_PORT"] == "1"
    assert env["ws"]["WS_HOST"] == "127.0.0.1"
    assert env["ws"]["WS_ORIGINS"] == "http://127.0.0.1:1,http://localhost:1"


def test_origins_that_an_operator_named_are_left_to_the_gateway() -> None:
    assert "WS_ORIGINS" not in environments(UpSettings(ws_origins="https://my.page"))["ws"]


def test_a_demo_says_so_to_everybody_and_points_the_fetcher_at_the_replay() -> None:
    env = environments(UpSettings(demo=True, replay_tokens=20_000), replay=3)

    assert all(variables["DEMO"] == "true" for variables in env.values())
    assert env["replay"]["REPLAY_TOKENS"] == "20000"
    assert env["fetcher"]["FETCH_REPLAY_URL"] == "http://127.0.0.1:3"
    assert env["fetcher"]["FETCH_RATE_FACTOR"] == "33.0"
    chosen = environments(UpSettings(demo=True, fetch_rate_factor=2), replay=3)
    assert chosen["fetcher"]["FETCH_RATE_FACTOR"] == "2.0"


def test_the_api_is_given_where_the_images_are() -> None:
    env = environments(UpSettings(), images=4)

    assert env["images"]["IMAGES_PORT"] == "4"
    assert env["api"]["IMAGES_PUBLIC_URL"] == ":4/images"
    assert "IMAGES_PUBLIC_URL" not in environments(UpSettings(images_public_url="/i"))["api"]
    assert "images" not in environments(UpSettings(images="off"))


def test_recorder_and_api_are_given_the_history_in_the_data_folder() -> None:
    def given(settings: UpSettings) -> dict[str, str]:
        chosen = services(settings, Ports(1, 2, None), "unix:///x", folder=Path("/data"))
        return {s.name: s.env.get("HISTORY_URL", "") for s in chosen}

    ours = given(UpSettings())
    assert ours["recorder"] == ours["api"] == "sqlite:////data/history.sqlite"
    assert given(UpSettings(history_url=SecretStr("sqlite:////mine")))["recorder"] == ""
    assert "recorder" not in given(UpSettings(history="off"))


def test_the_demo_asks_faster_the_larger_its_market() -> None:
    assert demo_rate_factor(UpSettings(replay_tokens=500)) == 10
    assert demo_rate_factor(UpSettings(replay_tokens=12_000)) == 20
    assert demo_rate_factor(UpSettings(replay_tokens=20_000)) == 33


def test_on_a_given_server_the_demo_keeps_to_a_prefix_of_its_own() -> None:
    url = "redis://127.0.0.1:6379/0"

    assert UpSettings(demo=True).prefix == ""
    assert UpSettings(demo=True, redis_url=url).prefix == "demo:"
    assert UpSettings(demo=True, redis_url=url, redis_prefix="mine:").prefix == "mine:"
    assert UpSettings(redis_url=url).prefix == ""


def test_any_free_port_is_none_that_another_service_has_been_given() -> None:
    even = range(0, 65_536, 2)

    found = {take_port("127.0.0.1", 0, "ws", even) for _ in range(50)}

    assert all(port % 2 for port in found)
