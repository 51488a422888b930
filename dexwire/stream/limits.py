"""The stream's numbers: what one connection may do, and when it hears from the gateway.

What an operator may set is a setting of the gateway instead (docs/SETTINGS.md, WS_*).
"""

from __future__ import annotations

from typing import Final

TOPICS: Final = 64  # of one connection
WATCHED: Final = 500  # token ids of a watchlist
IN_BYTES: Final = 16 * 1024  # of one message of a client
IN_PER_S: Final = 10  # messages of a client
IN_BURST: Final = 30  # of them at once
ID_LENGTH: Final = 64  # characters of a message's `id`, where it is a string
LEAST_HZ: Final = 0.01  # diffs a second that `rate` may ask for
MOST_HZ: Final = 1_000
LISTS_PER_ADDRESS: Final = 128  # different lists of one client address

HEARTBEAT_MS: Final = 1_000
SILENT_BEATS: Final = 3  # heartbeats that fail to come before a connection, or data, count as dead
WINDOW_MS: Final = 200  # default of the setting of that name, which `hello` says
RETRY_MS: Final = (500, 8_000)  # the range from which a client that has to go draws its wait
PART_BYTES: Final = 256 * 1024  # of entries above which a `snap` or `d` is split
