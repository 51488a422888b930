"""How much may be sent around what is read: as much as a header, or as the content itself."""

from __future__ import annotations

from shared.edge.framing import HEAD_MAX, Framing


def test_framing_is_too_large_past_a_header_and_what_it_wraps() -> None:
    framing = Framing()

    framing.received(HEAD_MAX)
    assert not framing.too_large
    framing.received(1)
    assert framing.too_large

    framing.complete()
    framing.received(HEAD_MAX + 200)
    framing.is_content(100)
    assert not framing.too_large  # a hundred bytes of content in as many around it
    framing.received(1)
    assert framing.too_large
