"""How often somebody may do something: an even rate with room for a burst (GCRA). Pure.

An allowance is one number, the time at which it will be whole again. The clock is the caller's, in
seconds, and never goes back.
"""

from __future__ import annotations

from typing import Final

_EARLY_S: Final = 1e-6  # tenths of a second do not add up exactly
_KEYS_MAX: Final = 65_536  # some 10 MB


def take(whole_s: float, now_s: float, *, per_s: float, burst: int) -> tuple[float, float]:
    """Take one from an allowance; return (when it is whole again, seconds to wait).

    With something to wait, nothing was taken.
    """
    each_s = 1 / per_s
    later_s = max(whole_s, now_s) + each_s
    wait_s = later_s - now_s - each_s * burst
    return (whole_s, wait_s) if wait_s > _EARLY_S else (later_s, 0.0)


class _Allowances:
    """One allowance for each key, in this process.

    The least recently used keys are forgotten beyond `keys_max`: one that comes back starts over.
    """

    def __init__(self, keys_max: int) -> None:
        self._keys_max = keys_max
        self._whole_s: dict[str, float] = {}  # when each is whole; the least recently used first

    def _put(self, key: str, whole_s: float) -> None:
        """Put an allowance back that was taken out of the table."""
        self._whole_s[key] = whole_s
        if len(self._whole_s) > self._keys_max:
            del self._whole_s[next(iter(self._whole_s))]


class Rates(_Allowances):
    """So many a second for each key."""

    def __init__(self, per_s: float, burst: int, *, keys_max: int = _KEYS_MAX) -> None:
        super().__init__(keys_max)
        self.per_s = per_s
        self.burst = burst

    def wait_s(self, key: str, now_s: float) -> float:
        """Take one; return 0, or the seconds after which it is worth trying again."""
        if not self.per_s:
            return 0.0
        whole_s, wait_s = take(
            self._whole_s.pop(key, 0.0), now_s, per_s=self.per_s, burst=self.burst
        )
        self._put(key, whole_s)
        return wait_s


class Costs(_Allowances):
    """A share of a processor for each key, with room for a burst.

    Costs are known afterwards only: what is begun is paid for later.
    """

    def __init__(self, share: float, burst_s: float, *, keys_max: int = _KEYS_MAX) -> None:
        """`share`: CPU seconds a second, 0: any; `burst_s`: so many seconds of it at once."""
        super().__init__(keys_max)
        self.share = share
        self._burst_s = burst_s

    def wait_s(self, key: str, now_s: float) -> float:
        """Return 0, or the seconds after which the key may begin something again."""
        return max(0.0, self._whole_s.get(key, 0.0) - now_s - self._burst_s)

    def charge(self, key: str, cost_s: float, now_s: float) -> None:
        """Take what something has cost."""
        if self.share:
            self._put(key, max(self._whole_s.pop(key, 0.0), now_s) + cost_s / self.share)
