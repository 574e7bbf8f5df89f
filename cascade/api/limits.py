"""How much one token may have: starts in a minute, streams at a time."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque

from cascade.errors import TooMany

MINUTE_S = 60.0
# When somebody who has too many streams open may look again.
WATCHERS_AGAIN_S = 5


class Limits:
    """What the tokens of one process have. Every method bears being called from any thread."""

    def __init__(self, starts_per_minute: int, watchers: int) -> None:
        self._most_starts = starts_per_minute
        self._most_watchers = watchers
        self._starts: dict[str, deque[float]] = {}
        self._watchers: Counter[str] = Counter()
        self._lock = threading.Lock()

    def start(self, token_id: str) -> None:
        """Counts a start. Raises TooMany."""
        now = time.monotonic()
        with self._lock:
            times = self._starts.setdefault(token_id, deque())
            while times and now - times[0] >= MINUTE_S:
                times.popleft()
            if len(times) >= self._most_starts:
                after_s = max(1, math.ceil(MINUTE_S - (now - times[0])))
                raise TooMany("starts", self._most_starts, after_s)
            times.append(now)

    def watch(self, token_id: str) -> None:
        """Counts a stream that opens. Raises TooMany."""
        with self._lock:
            if self._watchers[token_id] >= self._most_watchers:
                raise TooMany("watchers", self._most_watchers, WATCHERS_AGAIN_S)
            self._watchers[token_id] += 1

    def leave(self, token_id: str) -> None:
        """Counts a stream that has closed."""
        with self._lock:
            self._watchers[token_id] -= 1
            if not self._watchers[token_id]:
                del self._watchers[token_id]
