"""What open pages look at every second: read once for all who look at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# Less than the pause between two looks of one page: each sees something newer than before.
KEEP_S = 0.5


@dataclass(slots=True)
class _Look(Generic[T]):
    lock: threading.Lock
    value: T | None = None
    taken: float = float("-inf")


class Looks(Generic[T]):
    """The latest look at each of several things, by key. Bears being used from any thread.

    Whoever comes while one is being taken waits for it. One that fails is nobody else's.
    """

    def __init__(self, keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._looks: dict[str, _Look[T]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, read: Callable[[], T]) -> T:
        """What was read of a thing lately, else what `read` gives now. Raises what that raises."""
        with self._lock:
            now = time.monotonic()
            for old in [one for one, look in self._looks.items() if self._is_over(look, now)]:
                del self._looks[old]
            look = self._looks.setdefault(key, _Look(threading.Lock()))
        with look.lock:
            if look.value is None or time.monotonic() - look.taken > self._keep_s:
                # Of the moment when it began: what comes while it is read may not be in it.
                began = time.monotonic()
                look.value = read()
                look.taken = began
            return look.value

    def _is_over(self, look: _Look[T], now: float) -> bool:
        """Whether a look is of no use any more; one that is being taken is."""
        return now - look.taken > self._keep_s and not look.lock.locked() and look.value is not None
