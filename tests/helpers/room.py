"""Where tests keep their files: in memory, where the machine has room for it.

They make and drop some thousand databases, each of hundreds of small files, and nothing of that has
to outlive them: on a disk, making a Postgres database takes twenty times as long.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4 * 1024**3
_PREFIX = "cascade-tests-"


def keep_in_memory() -> None:
    """Has this process and all that it starts keep temporary files there.

    Where TMPDIR is set it stays. The folder goes with the process, and now one of a killed one.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    for left in MEMORY.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    if shutil.disk_usage(MEMORY).free < ENOUGH_BYTES:
        return
    folder = MEMORY / f"{_PREFIX}{os.getpid()}"
    folder.mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def short_folder() -> str:
    """Where a folder of a short path is made: it holds a socket, whose path may have 107 bytes."""
    here = tempfile.gettempdir()
    return here if here.startswith(str(MEMORY)) else "/tmp"
