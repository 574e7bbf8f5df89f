"""How much work something takes, whatever else the machine does."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def cpu(work: Callable[[str], object], text: str) -> float:
    """Seconds of the processor that some work on a text takes."""
    # The collector comes when it likes, and looks at all that the tests before have left.
    gc.disable()
    try:
        start = time.thread_time()
        work(text)
        return time.thread_time() - start
    finally:
        gc.enable()
