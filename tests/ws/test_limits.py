"""Deadlines of a connection."""

from __future__ import annotations

from dexwire.stream.closing import IDLE, NO_PONG, STALLED, Closing
from services.ws.core.limits import Patience, Pulse


def verdict(
    pulse: Pulse, now_s: float, *, drained: int = 0, unsent: int = 0, paused: bool = False
) -> Closing | None:
    return pulse.verdict(now_s, drained=drained, unsent=unsent, paused=paused)


def test_the_first_subscription_has_ten_seconds() -> None:
    idle, busy = Pulse(Patience(), 0.0), Pulse(Patience(), 0.0, subscribed=True)

    assert verdict(idle, 9.9) is None
    assert verdict(idle, 10.0) == IDLE
    assert verdict(busy, 10.0) is None


def test_a_ping_is_due_every_twenty_seconds_and_answered_within_ten() -> None:
    pulse = Pulse(Patience(), 0.0, subscribed=True)
    assert not pulse.ping_due(19.9)
    assert pulse.ping_due(20.0)
    assert not pulse.ping_due(21.0)
    assert verdict(pulse, 29.9) is None
    assert verdict(pulse, 30.0) == NO_PONG

    pulse.pong()

    assert verdict(pulse, 30.0) is None
    assert pulse.ping_due(40.0)


def test_no_pong_is_expected_while_a_ping_would_wait_behind_unsent_bytes() -> None:
    pulse = Pulse(Patience(), 0.0, subscribed=True)
    assert pulse.ping_due(20.0)

    assert verdict(pulse, 25.0, drained=1, unsent=9, paused=True) is None
    assert verdict(pulse, 45.0, drained=2, unsent=9, paused=True) is None
    assert verdict(pulse, 54.0, drained=3, unsent=0) is None

    assert not pulse.ping_due(64.9)
    assert pulse.ping_due(65.0)


def test_thirty_seconds_without_a_drained_byte_are_a_stall() -> None:
    pulse = Pulse(Patience(), 0.0, subscribed=True)
    assert verdict(pulse, 5.0, drained=100, unsent=0) is None
    assert verdict(pulse, 6.0, drained=100, unsent=50) is None
    assert verdict(pulse, 34.0, drained=100, unsent=90, paused=True) is None

    assert verdict(pulse, 35.0, drained=100, unsent=90, paused=True) == STALLED


def test_one_drained_byte_is_a_sign_of_life() -> None:
    pulse = Pulse(Patience(), 0.0, subscribed=True)
    assert verdict(pulse, 29.0, drained=1, unsent=50, paused=True) is None

    assert verdict(pulse, 58.0, drained=1, unsent=50, paused=True) is None
    assert verdict(pulse, 59.0, drained=1, unsent=50, paused=True) == STALLED
