"""Which dexwire a command looks at, and how its failures are reported."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Final

from dexwire.client import Client, ClientError
from dexwire.runfile import DEFAULT_FOLDER, find_running
from dexwire.stream.messages import PATH

DEFAULT_URL: Final = "http://127.0.0.1:8000"
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130


def client_for(url: str | None, ws_url: str | None) -> Client:
    """Return a client of the named dexwire, else of the one that runs in this folder.

    Raises ClientError when an address is none.
    """
    running = find_running(DEFAULT_FOLDER)
    if url is None and running is not None:
        url, ws_url = running.api, ws_url or running.ws + PATH
    try:
        return Client(url or DEFAULT_URL, ws_url=ws_url)
    except ValueError as error:
        raise ClientError(str(error)) from None


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a command to its exit code; what can be expected to go wrong is one line.

    Ctrl-C gives 130; SIGTERM ends it as Ctrl-C does.
    """
    try:
        return asyncio.run(_until_signal(main))
    except (ClientError, ValueError) as error:
        print(f"dexwire: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # as in `dexwire tail all | head`
        sys.stderr.close()
        return EXIT_FAILED


async def _until_signal(main: Coroutine[Any, Any, int]) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made one
    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await main
    except asyncio.CancelledError:
        if task.cancelling():
            return EXIT_INTERRUPTED
        raise
