"""Recording the sources' traffic: what is in the file, what never is, and when it ends."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.fetcher.budget import Budget
from services.fetcher.http import Upstreams, open_client
from services.fetcher.record import RecordingBounds, TrafficRecorder, free_path
from services.fetcher.source import Call, ParsedBody, Source
from shared.errors import ConfigError, MalformedBody, SourceError, Unavailable
from shared.keys import Keys
from shared.recording.lines import LineWriter
from shared.recording.traffic import RecordedAnswer, read_answers, summarize
from shared.redis.connect import Redis
from tests.testkit.upstream import Upstream

WIDE = RecordingBounds(seconds=3600, size=1 << 30)
KEY = "key-0123456789"


def ask(path: str = "/x", **query: str) -> Call:
    return Call(path, lambda _body, _at: ParsedBody(), query=tuple(query.items()))


class Recording:
    """A caller that is recorded."""

    def __init__(self, redis: Redis, keys: Keys, source: Source, recorder: TrafficRecorder) -> None:
        self.source, self.recorder = source, recorder
        self._client = open_client(concurrency=2)
        self._upstreams = Upstreams(
            self._client, Budget(redis, keys), concurrency=2, listener=recorder
        )
        self._upstreams.retries(source.host).saved = 0

    async def get(self, call: Call) -> bytes:
        return (await self._upstreams.get(self.source, call)).body

    async def close(self) -> None:
        await self._client.aclose()

    def written(self) -> list[RecordedAnswer]:
        self.recorder.end()
        return list(read_answers(self.recorder.path))


@pytest.fixture
def keyed(source: Source) -> Source:
    url = source.url.replace("http://", "http://user:hidden-password@")
    return replace(source, headers={"x-api-key": KEY, "accept": "application/json"}, url=url)


@pytest.fixture
async def recording(
    redis: Redis, keys: Keys, keyed: Source, tmp_path: Path
) -> AsyncIterator[Recording]:
    one = Recording(redis, keys, keyed, TrafficRecorder(tmp_path / "m.zst", [keyed], WIDE))
    yield one
    await one.close()


async def test_bodies_come_back_byte_for_byte(server: Upstream, recording: Recording) -> None:
    bodies = (b'{"a":"\xf0\x9f\x90\xb8"}', b'\xef\xbb\xbf["\\ud83d"]', b'"\x00\xff\xfe"', b"")
    for number, body in enumerate(bodies):
        server.answer(f"/{number}", body)
        assert await recording.get(ask(f"/{number}")) == body

    written = recording.written()

    assert [each.content for each in written] == list(bodies)


async def test_an_answer_is_written_with_its_request_and_times(
    server: Upstream, recording: Recording
) -> None:
    server.answer("/x?q=sol+%26+pepe", b"[1]", date="now")

    await recording.get(ask(q="sol & pepe"))

    (written,) = recording.written()
    assert (written.source, written.method, written.path) == ("test", "GET", "/x")
    assert written.query == (("q", "sol & pepe"),)
    assert written.status == 200
    assert written.headers == {"content-type": "application/json", "date": "now"}
    assert abs(written.at_ms - written.observed_ms) < 1_000
    assert 0 <= written.took_ms < 1_000


async def test_failures_are_answers_too(server: Upstream, recording: Recording) -> None:
    server.answer("/busy", status=503, retry_after="1")
    server.answer("/html", b"<html>", content_type="text/html")
    server.raw("/torn", b"HTTP/1.1 200 OK\r\ncontent-le", close=True)
    with pytest.raises(Unavailable):
        await recording.get(ask("/torn"))
    with pytest.raises(MalformedBody):
        await recording.get(ask("/html"))
    with pytest.raises(SourceError):
        await recording.get(ask("/busy"))

    written = recording.written()

    assert [(each.path, each.status, each.error) for each in written] == [
        ("/torn", 0, "Unavailable"), ("/html", 200, "MalformedBody"), ("/busy", 503, "Unavailable"),
    ]  # fmt: skip
    assert written[2].headers["retry-after"] == "1"


async def test_no_secret_is_written(server: Upstream, recording: Recording) -> None:
    echo = b'{"you":"%s"}' % KEY.encode()
    server.answer("/x", echo, set_cookie="session=cookie-0123456789", x_request_id="id-0123456789")

    await recording.get(ask(api_key="other-0123456789", q=f"a {KEY}"))

    (written,) = recording.written()
    assert written.content == b'{"you":"***"}'
    text = "".join(map(str, (written, summarize(recording.recorder.path).head)))
    for secret in (KEY, "other-012", "cookie-012", "id-012", "hidden-password", "accept"):
        assert secret not in text


async def test_a_recording_ends_at_its_time_and_at_its_size(source: Source, tmp_path: Path) -> None:
    now = [0.0]
    timed = TrafficRecorder(
        tmp_path / "a", [source], RecordingBounds(60, 1 << 30), clock=lambda: now[0]
    )
    sized = TrafficRecorder(tmp_path / "b", [source], RecordingBounds(60, 1), clock=lambda: now[0])
    for recorder in (timed, sized):
        with recorder.attempt(source, ask()) as seen:
            seen.status, seen.body = 200, b"[]"
    now[0] = 60
    timed.end_when_due()

    with timed.attempt(source, ask()):
        pass  # a call that comes too late

    assert (timed.ended, sized.ended) == ("time", "size")
    assert [summarize(tmp_path / name).why for name in "ab"] == ["time", "size"]
    assert summarize(tmp_path / "a").answers == 1


def test_a_file_that_is_there_is_kept(source: Source, tmp_path: Path) -> None:
    (tmp_path / "m.zst").write_bytes(b"mine")
    (tmp_path / "m-2.zst").write_bytes(b"mine too")

    with pytest.raises(ConfigError, match=r"m\.zst cannot be written: File exists"):
        TrafficRecorder(tmp_path / "m.zst", [source], WIDE)

    assert free_path(tmp_path / "m.zst") == tmp_path / "m-3.zst"
    assert (tmp_path / "m.zst").read_bytes() == b"mine"


async def test_a_full_disk_ends_the_recording_and_not_the_calls(
    server: Upstream, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: LineWriter, _line: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LineWriter, "write", full)
    server.answer("/x", b"[1]")

    assert await recording.get(ask()) == b"[1]"
    assert await recording.get(ask()) == b"[1]"

    assert recording.recorder.ended == "failed: No space left on device"
