"""What the api uses of uvicorn beyond its documentation, held to the version that is installed.

A failure here means: uvicorn has changed. Read its `protocols/http/httptools_impl.py` and
`server.py`, adapt `shared/edge/http/uvicorn_protocol.py` or `shared/edge/http_server.py` and this
table, run tests/api and tests/limits, then move the bound in packaging/server/pyproject.toml.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any, Final

import httptools
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from shared.edge import http_server
from shared.edge.http import uvicorn_protocol
from shared.edge.http.answer import Answer
from shared.edge.http.middleware.headers import with_headers
from shared.edge.http.uvicorn_protocol import UvicornProtocol
from shared.edge.http_server import HttpServer
from shared.process.listen import listen
from tests.testkit.process import ROOT

ADVICE: Final = f"uvicorn {version('uvicorn')} is not what we hold it to: see the top of {__file__}"
# Names that the adapter takes from a connection, and what each must be.
CONNECTION: Final[dict[str, type]] = {
    "app_state": dict,
    "cycle": RequestResponseCycle,
    "flow": FlowControl,
    "parser": httptools.HttpRequestParser,
    "pipeline": object,
    "server_state": ServerState,
    "timeout_keep_alive_task": asyncio.TimerHandle,
    "transport": asyncio.Transport,
}
# From the request that is being answered.
REQUEST: Final[dict[str, Any]] = {
    "disconnected": bool,
    "keep_alive": bool,
    "message_event": asyncio.Event,
    "on_response": Callable,
    "response_complete": bool,
    "response_started": bool,
    "send": Callable,
    "waiting_for_100_continue": bool,
}
FLOW: Final = ("pause_reading", "resume_reading", "write_paused")
# Methods that uvicorn and its parser call on a connection; the adapter and its subclass replace
# them, and call the ones they replace.
OVERRIDDEN: Final = {
    "connection_made": ["transport"],
    "connection_lost": ["exc"],
    "data_received": ["data"],
    "pause_writing": [],
    "resume_writing": [],
    "on_message_begin": [],
    "on_url": ["url"],
    "on_header": ["name", "value"],
    "on_headers_complete": [],
    "on_body": ["body"],
    "on_message_complete": [],
    "on_response_complete": [],
    "send_400_response": ["msg"],
}
SERVER: Final = {"capture_signals", "serve", "should_exit", "started"}
GET: Final = b"GET /%d HTTP/1.1\r\nHost: api\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.paused = b"", False, False

    def write(self, data: Any) -> None:  # noqa: ANN401 - bytes of any kind
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Connection(UvicornProtocol):
    """The adapter, with what it reports kept."""

    malformed = ""
    answers = 0

    def on_malformed(self, detail: str) -> None:
        self.malformed = detail

    def on_answered(self) -> None:
        self.answers += 1


def connect(app: ASGIApp) -> tuple[Connection, Wire]:
    """Return a connection made as uvicorn's server makes it."""
    config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None)
    config.load()
    made: object = config.http_protocol_class(  # type: ignore[call-arg] # the server makes it so
        config=config, server_state=ServerState(), app_state={}, _loop=None
    )
    assert isinstance(made, Connection), ADVICE
    wire = Wire()
    made.connection_made(wire)
    return made, wire


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await Answer(200, scope["path"].encode())(scope, receive, send)


async def ok_by_uvicorn(scope: Scope, receive: Receive, send: Send) -> None:
    """The same answer, with nothing in the scope that sends it in one step."""
    await ok({**scope, "state": {}}, receive, send)


class Gate:
    """An app that answers once it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.open.wait()
        await ok(scope, receive, send)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


# -- names -----------------------------------------------------------------------------------------
def names_of(function: object) -> list[str]:
    return [*inspect.signature(function).parameters][1:]  # type: ignore[arg-type] # a function


def test_the_version_is_bounded_above_by_the_one_this_was_held_to() -> None:
    project = tomllib.loads((ROOT / "packaging/server/pyproject.toml").read_text(encoding="utf-8"))

    assert "uvicorn>=0.54,<0.55" in project["project"]["dependencies"]
    assert version("uvicorn").startswith("0.54."), ADVICE


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_a_replaced_method_is_there_with_the_same_arguments(name: str) -> None:
    theirs = getattr(HttpToolsProtocol, name, None)

    assert theirs is not None, f"HttpToolsProtocol.{name} is gone. {ADVICE}"
    assert names_of(theirs) == OVERRIDDEN[name], f"HttpToolsProtocol.{name} changed. {ADVICE}"


async def test_every_name_that_is_used_is_there_and_is_what_it_was() -> None:
    connection, _ = connect(ok)
    connection.data_received(GET % 1)
    await turns()

    for name, kind in CONNECTION.items():
        assert isinstance(getattr(connection, name, None), kind), f"{name}. {ADVICE}"
    for name, kind in REQUEST.items():
        assert isinstance(getattr(connection.cycle, name, None), kind), f"{name}. {ADVICE}"
    assert [name for name in FLOW if not hasattr(connection.flow, name)] == [], ADVICE
    assert connection.server_state.default_headers == [], ADVICE  # the server fills it each second


def test_the_tables_name_all_that_is_used() -> None:
    """What the adapter takes from `self` and does not define itself is uvicorn's."""
    tree = ast.parse(inspect.getsource(uvicorn_protocol))
    ours = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    taken = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id in {"self", "request"} and node.attr not in ours
    }

    assert taken - {"_requests"} == {*CONNECTION, *REQUEST}


def test_the_server_has_what_ours_uses() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(http_server.HttpServer)))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self._server"
    }
    server = uvicorn.Server(uvicorn.Config(ok))

    assert used | {"capture_signals"} == SERVER
    assert [name for name in SERVER if not hasattr(server, name)] == [], ADVICE
    assert isinstance(server.capture_signals(), AbstractContextManager), ADVICE
    assert (server.started, server.should_exit) == (False, False), ADVICE


# -- behaviour -------------------------------------------------------------------------------------
async def test_requests_are_answered_one_after_the_other_and_counted_until_they_are() -> None:
    gate = Gate()
    connection, wire = connect(gate)

    connection.data_received(GET % 1 + GET % 2 + GET % 3)
    waiting = connection.unanswered
    gate.open.set()
    await turns()

    assert (waiting, connection.unanswered, connection.answers) == (3, 0, 3), ADVICE
    assert wire.written.index(b"/1") < wire.written.index(b"/2") < wire.written.index(b"/3"), ADVICE


@pytest.mark.parametrize(
    "sent",
    [
        GET % 1,
        GET % 1 + GET % 2,
        GET.replace(b"GET", b"HEAD") % 1,
        GET.replace(b"api", b"api\r\nConnection: close") % 1,
        GET.replace(b"1.1", b"1.0") % 1,
        GET.replace(b"api", b"api\r\nExpect: 100-continue\r\nContent-Length: 3") % 1,
    ],
    ids=["get", "pipelined", "head", "close", "HTTP/1.0", "expect"],
)
async def test_an_answer_in_one_step_is_the_one_that_uvicorn_sends(sent: bytes) -> None:
    wires = []
    for app in (ok, ok_by_uvicorn):
        connection, wire = connect(app)
        connection.server_state.default_headers = [(b"date", b"today")]
        connection.data_received(sent)
        await turns()
        assert connection.unanswered == 0, ADVICE
        lines = sorted(wire.written.split(b"\r\n"))  # uvicorn's date is the first header, not last
        wires.append((lines, wire.closed, connection.server_state.total_requests))

    assert wires[0] == wires[1], ADVICE


async def test_an_answer_goes_by_uvicorn_where_something_stands_between() -> None:
    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        await ok(scope, receive, with_headers(send, [(b"x-mark", b"1")]))

    connection, wire = connect(marked)
    connection.data_received(GET % 1)
    await turns()
    assert b"\r\nx-mark: 1\r\n" in wire.written, ADVICE

    slow, unread = connect(ok)
    slow.pause_writing()
    slow.data_received(GET % 1)
    await turns()
    assert unread.written == b"", ADVICE
    slow.resume_writing()
    await turns()
    assert unread.written.endswith(b"/1"), ADVICE


async def test_dropped_requests_are_not_answered() -> None:
    gate = Gate()
    connection, wire = connect(gate)

    connection.data_received(GET % 1 + GET % 2)
    begun = connection.drop_requests()
    gate.open.set()
    await turns()

    assert (begun, wire.written, connection.answers) == (False, b"", 0), ADVICE


async def test_an_answer_that_has_begun_is_known_as_such() -> None:
    gate = asyncio.Event()

    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await gate.wait()

    connection, _ = connect(half)
    connection.data_received(GET % 1)
    await turns()

    assert connection.drop_requests(), ADVICE
    gate.set()
    await turns()


async def test_a_dropped_connection_is_not_closed_by_the_keep_alive_timer() -> None:
    connection, _ = connect(ok)
    connection.data_received(GET % 1)
    await turns()
    timer = connection.timeout_keep_alive_task

    connection.drop_requests()

    assert timer is not None, ADVICE
    assert (timer.cancelled(), connection.timeout_keep_alive_task) == (True, None), ADVICE


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: api\r\n\r\n"]
)
async def test_what_cannot_be_parsed_is_left_to_us(sent: bytes) -> None:
    connection, wire = connect(ok)

    connection.data_received(sent)

    assert (bool(connection.malformed), wire.written) == (True, b""), ADVICE


async def test_what_is_raised_while_parsing_leaves_the_parser_and_is_left_to_us() -> None:
    connection, wire = connect(ok)

    def refuse() -> None:
        raise ValueError("no")

    connection.parser = httptools.HttpRequestParser(_Refusing(connection, refuse))
    connection.data_received(GET % 1)
    await turns()

    assert (bool(connection.malformed), wire.written) == (True, b""), ADVICE


class _Refusing:
    """A connection's parser callbacks, with one that raises."""

    def __init__(self, connection: Connection, refuse: Callable[[], None]) -> None:
        self.on_message_begin = connection.on_message_begin
        self.on_url = connection.on_url
        self.on_headers_complete = refuse


async def test_an_upgrade_is_answered_as_any_other_request() -> None:
    connection, wire = connect(ok)

    connection.data_received(
        b"GET /1 HTTP/1.1\r\nHost: api\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    await turns()

    assert connection.answers == 1, ADVICE
    assert wire.written.startswith(b"HTTP/1.1 200 "), ADVICE


async def test_reading_pauses_and_goes_on() -> None:
    connection, wire = connect(ok)

    connection.pause_reading()
    paused = wire.paused
    connection.resume_reading()

    assert (paused, wire.paused) == (True, False), ADVICE


async def test_every_request_of_a_connection_gets_its_state() -> None:
    seen: list[object] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["state"].get("mine"))
        await ok(scope, receive, send)

    config = uvicorn.Config(look, http=Connection, ws="none", lifespan="off", log_config=None)
    config.load()
    shared = [7]
    connection = Connection(config=config, server_state=ServerState(), app_state={"mine": shared})
    connection.connection_made(Wire())
    connection.data_received(GET % 1 + GET % 2)
    await turns()

    assert [each is shared for each in seen] == [True, True], ADVICE


async def test_a_server_takes_no_signals_and_finishes_what_is_under_way() -> None:
    gate, stop = Gate(), asyncio.Event()
    sock = listen("TEST", "127.0.0.1", 0)
    async with HttpServer(gate, sock, finish_s=5) as server:
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(GET % 1)
        await turns()
        stop.set()
        await server.serve_until(stop)
        asyncio.get_running_loop().call_later(0.05, gate.open.set)
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200 "), ADVICE
