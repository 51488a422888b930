"""`dexwire up --replay`: a recording in the place of the live sources."""

from __future__ import annotations

import asyncio
from typing import Final

from dexwire.server.settings import UpSettings
from shared.errors import ConfigError
from shared.recording.traffic import Summary, summarize

# The same recording gives the same states only where nothing else has ever been.
_ALONE: Final = (
    "--replay begins with an empty store of its own, so that it ends as it did before: leave out "
)


async def check_recording(settings: UpSettings) -> Summary | None:
    """Return what the recording holds, None without one.

    Raises RecordingError for a file that is damaged or foreign, ConfigError for what does not go
    together with a recording.
    """
    if settings.replay_file is None:
        return None
    if settings.demo:
        raise ConfigError("--demo and --replay: choose one of the two markets")
    if settings.redis_url:
        raise ConfigError(f"REDIS_URL: {_ALONE}--redis-url, or set REDIS_URL to nothing")
    if settings.data_dir is not None:
        raise ConfigError(f"DATA_DIR: {_ALONE}--data-dir")
    return await asyncio.to_thread(summarize, settings.replay_file)


def play_settings(settings: UpSettings, recording: Summary) -> dict[str, dict[str, str]]:
    """Return what services need to know of a recording, by service."""
    return {
        "aggregator": {"PLAYBACK_FROM_MS": str(recording.head.began_ms)},
        "fetcher": {
            "PLAY_TRAFFIC": str(settings.replay_file),
            "PLAY_SPEED": str(settings.replay_speed),
            "FETCHER_DELIVERY": "pubsub",
        },
    }
