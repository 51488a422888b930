"""What a line looks like whatever is in it, and what becomes of lines without end."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.process.log_lines import Throttle, printable, printable_lines
from tests.testkit.process import ROOT

SETUP = """
import logging
from shared.process.logs import get_logger, setup_logs
from shared.process.settings import ServiceSettings
setup_logs("api", ServiceSettings(log_json=%s))
log = get_logger("tests")
"""


def lines_of(program: str, *, as_json: bool = True) -> list[str]:
    """What a process that runs this writes to standard error."""
    code = SETUP % as_json + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=30, check=True
    )
    assert done.stdout == b""
    return done.stderr.decode().splitlines()


# -- characters ------------------------------------------------------------------------------------
@given(st.text())
def test_nothing_that_is_logged_can_steer_a_terminal_or_end_a_line(text: str) -> None:
    assert str(printable(text)).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 🚀", "plain é 漢 🚀"),
        ("a\x1b[31mb\r\nc\x00", r"a\x1b[31mb\r\nc\x00"),
        ("\x7f\x9b\u2028\u202e\ud800", r"\x7f\x9b\u2028\u202e\ud800"),
    ],
)
def test_what_cannot_be_printed_is_written_as_a_number(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lists_are_looked_through_and_numbers_left() -> None:
    assert printable(["a\n", ("\x00",), 3]) == [r"a\n", [r"\x00"], 3]
    assert printable(None) is None
    assert printable_lines("first\nsec\x1bond") == "first\nsec\\x1bond"


def test_every_line_is_json_with_an_event_a_service_a_level_and_a_time() -> None:
    lines = lines_of(
        r"""
        log.warning("thing_seen", error="x\x1b[2J\n{}", count=2)
        logging.getLogger("uvicorn.error").error("bad %s", "request\r\nline")
        try:
            raise ValueError("boom\x1b")
        except ValueError:
            log.exception("thing_failed")
            logging.getLogger("asyncio").exception("task")
        """
    )

    seen = [json.loads(line) for line in lines]
    assert [line["event"] for line in seen] == [
        "thing_seen", "library_log", "thing_failed", "library_log",
    ]  # fmt: skip
    assert all(line["service"] == "api" and line["timestamp"].endswith("Z") for line in seen)
    assert [line["level"] for line in seen] == ["warning", "error", "error", "error"]
    assert seen[0]["error"] == r"x\x1b[2J\n{}"
    assert (seen[1]["logger"], seen[1]["message"]) == ("uvicorn.error", r"bad request\r\nline")
    assert seen[2]["exception"].endswith("ValueError: boom\\x1b")
    assert not any(ord(character) < 0x20 for line in lines for character in line)


def test_on_a_terminal_too_no_line_carries_control_characters() -> None:
    lines = lines_of(r'log.warning("thing_seen", error="x\x1b[2J\r\n")', as_json=False)

    assert len(lines) == 1
    assert lines[0].isprintable()


# -- how often -------------------------------------------------------------------------------------
def test_an_event_is_logged_ten_times_a_second_and_then_how_often_it_was_not() -> None:
    now_s = 5.0
    throttle = Throttle(lambda: now_s)

    first = [throttle.admit("a") for _ in range(25)]
    other = throttle.admit("b")
    now_s += 1
    second = [throttle.admit("a") for _ in range(2)]

    assert first == [0] * 10 + [None] * 15
    assert other == 0
    assert second == [15, 0]


def test_events_without_end_do_not_fill_the_memory() -> None:
    throttle = Throttle(lambda: 0.0)

    for number in range(5_000):
        throttle.admit(number)

    assert len(throttle._seen) <= 1_000


def test_a_loop_that_fails_does_not_drown_the_rest() -> None:
    lines = lines_of(
        """
        for number in range(1000):
            log.error("thing_failed", number=number)
            logging.getLogger("library").error("failed %d", number)
            log.debug("not_asked_for")
        log.info("thing_done")
        """
    )

    events = [json.loads(line)["event"] for line in lines]
    assert 10 <= events.count("thing_failed") <= 40  # a slow machine may take some seconds
    assert 10 <= events.count("library_log") <= 40
    assert events[-1] == "thing_done"
    assert "not_asked_for" not in events
