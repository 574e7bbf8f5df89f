"""Statements that several threads make for the first time at once."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own, where nobody has made them yet; a warning is an error there as here.
FIRST = """
import sys, threading
from cascade.store import revisions

sys.setswitchinterval(1e-6)
faults, together = [], threading.Barrier(8)

def make(n):
    together.wait()
    try:
        revisions._newest_of.__wrapped__((bool(n % 2), True))
    except BaseException as error:
        faults.append(error)

threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join()
assert not faults, faults
"""


def test_steps_that_are_the_first_of_their_process_may_be_saved_at_once() -> None:
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", FIRST],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
