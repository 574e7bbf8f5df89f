"""Processes of the command line and servers, forked from one that has imported all already.

Each is a process as `python -m …` makes one, with streams, environment and signals of its
own, and ends as one does; only what Python takes to import everything is spent once, not hundreds
of times. What is about a start itself is started cold.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from cascade.llm.languages import load_languages

ROOT = Path(__file__).parent.parent.parent
# What the interpreter reads when it begins: where it differs, only a cold start will do.
AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_")
# All that a process of either kind may come to need, what is imported late among it.
_ENGINE = (
    "cascade.engine.runner",
    "cascade.llm.offline",
    "cascade.llm.openai",
    "cascade.llm.pacing.edit",
    "cascade.llm.pacing.indonesian",
    # What the first call to a server brings with it.
    "openai.resources.chat.completions.completions",
    "httpcore2",
    "anyio._backends._asyncio",
    "jinja2",
    "alembic.command",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "psycopg2.extras",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
)
WANTED = {
    "cascade": ("cascade.cli", *_ENGINE),
    "streamlit": (
        "streamlit.web.cli",
        "streamlit.components.v2.manifest_scanner",
        "streamlit.runtime.scriptrunner.magic_funcs",
        "streamlit.web.server.starlette.starlette_agent_routes",
        "starlette.middleware.sessions",
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
        "uvicorn.protocols.http.auto",
        "uvicorn.protocols.websockets.websockets_sansio_impl",
        # What the first page brings with it.
        "pandas",
        "pyarrow.compute",
        "cascade.api",
        "cascade.ui.studio.page",
        "cascade.ui.studio.curve",
        *_ENGINE,
    ),
}
_STATUS = struct.Struct("i")
_MOST = 1_000_000


class WarmProcess(subprocess.Popen[str]):
    """A process that another has forked for us, which tells us how it ended."""

    def __init__(
        self,
        args: Sequence[str],
        pid: int,
        status: int,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
    ) -> None:
        # In the place of what starts one: the rest of Popen goes by these.
        self.args = args
        self.pid = pid
        self.stdin, self.stdout, self.stderr = None, stdout, stderr
        self.returncode: Any = None
        self.encoding, self.errors, self.text_mode, self.pipesize = None, None, True, -1
        self._waitpid_lock = threading.Lock()
        self._input: Any = None
        self._communication_started = False
        self._sigint_wait_secs = 0.25
        self._child_created = True
        self._status = status

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        self._take(0)
        ended: int | None = self.returncode
        return ended

    def _wait(self, timeout: float | None) -> int:
        if not self._take(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        ended: int = self.returncode
        return ended

    def _take(self, timeout: float | None) -> bool:
        """Takes what is told of its end, if that comes in time."""
        with self._waitpid_lock:
            if self.returncode is not None:
                return True
            if not select.select([self._status], [], [], timeout)[0]:
                return False
            told = os.read(self._status, _STATUS.size)
            os.close(self._status)
            assert told, "the process that forks has died"
            self.returncode = os.waitstatus_to_exitcode(*_STATUS.unpack(told))
            return True


class _Nursery:
    """The process that forks those of a kind; one for each process of the tests."""

    def __init__(self, kind: str, env: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._kind = kind
        self._socket = ours
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.helpers.warm", kind, str(theirs.fileno())],
                env=env,
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                # Not a terminal, as in the processes that come of it.
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self._close)

    def fork(
        self, arguments: Sequence[str], env: Mapping[str, str], out: int, err: int
    ) -> tuple[int, int]:
        """Has a process begin with these streams; its id, and where its end will be told."""
        status, status_there = os.pipe()
        wanted = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
        try:
            with self._lock:
                socket.send_fds(self._socket, [wanted], [out, err, status_there])
                return int(self._socket.recv(32)), status
        finally:
            os.close(status_there)

    def _close(self) -> None:
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


@functools.cache
def _nursery(kind: str, at_start: tuple[tuple[str, str], ...]) -> _Nursery:
    """The nursery of this process for what begins so, from where it is first asked for."""
    rest = {k: v for k, v in os.environ.items() if not _is_at_start(k)}
    return _Nursery(kind, {**rest, **dict(at_start)})


def start(arguments: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Starts a command and leaves it running; cold where its environment is one of a start."""
    at_start = {**_of_a_start(os.environ), "PYTHONWARNINGS": "error"}
    if _of_a_start(env) != at_start:
        return start_cold(arguments, env)
    out, out_there = os.pipe()
    err, err_there = os.pipe()
    try:
        forks = _nursery("cascade", tuple(sorted(at_start.items())))
        pid, status = forks.fork(arguments, env, out_there, err_there)
    finally:
        os.close(out_there)
        os.close(err_there)
    args = [sys.executable, "-m", "cascade", *arguments]
    return WarmProcess(args, pid, status, os.fdopen(out, "r"), os.fdopen(err, "r"))


def start_cold(arguments: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """The same from nothing, as a person's shell does it."""
    return subprocess.Popen(
        [sys.executable, "-m", "cascade", *arguments],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def serve(command: Sequence[str], env: Mapping[str, str], log: int) -> subprocess.Popen[str]:
    """Starts `python -m streamlit …`, which writes into a file; cold where it is told more."""
    plain = list(command[:3]) == [sys.executable, "-m", "streamlit"]
    if not plain or _of_a_start(env) != _of_a_start(os.environ):
        return subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log, text=True)
    forks = _nursery("streamlit", tuple(sorted(_of_a_start(os.environ).items())))
    pid, status = forks.fork(command[3:], env, log, log)
    return WarmProcess(command, pid, status)


def _of_a_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if _is_at_start(name)}


def _is_at_start(name: str) -> bool:
    return name.startswith(AT_START)


# -- the process that forks


def _fork_what_is_wanted(server: socket.socket) -> dict[str, Any] | None:
    """Forks a process for whatever is asked for; what that one is to do, and None at the end."""
    woken, wake = os.pipe()
    for fd in (woken, wake):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    living: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([server.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 1000)
            _tell_of_ends(living)
        if server.fileno() not in ready:
            continue
        wanted, fds, _, _ = socket.recv_fds(server, _MOST, 3)
        if not wanted:
            return None
        out, err, status = fds
        assert threading.active_count() == 1, "a thread would be missing in what is forked"
        pid = os.fork()
        if pid:
            living[pid] = status
            os.close(out)
            os.close(err)
            server.send(str(pid).encode())
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(out, 1)
        os.dup2(err, 2)
        for fd in (out, err, status, woken, wake, *living.values()):
            os.close(fd)
        asked: dict[str, Any] = json.loads(wanted)
        return asked


def _tell_of_ends(living: dict[int, int]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        # Whoever asked for it may be gone.
        with contextlib.suppress(BrokenPipeError):
            os.write(living[pid], _STATUS.pack(status))
        os.close(living.pop(pid))


def _main(kind: str, fd: int) -> None:
    for name in WANTED[kind]:
        import_module(name)
    load_languages()
    # What there is now is nobody's garbage: no collection need look at it, and so copy it.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=fd) as server:
        asked = _fork_what_is_wanted(server)
    if asked is None:
        return
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = [kind, *asked["arguments"]]
    try:
        if kind == "cascade":
            from cascade.cli import main

            main()
        else:
            from streamlit.web import cli

            cli.main(prog_name=kind)
    except SystemExit as leaving:
        _leave(leaving.code)
        raise


def _leave(code: Any) -> None:
    """Ends as Python does, but for taking every module apart.

    That would touch, and so copy, all that was imported: more work than most commands are. What it
    has to say of things that nobody holds any more is said by the collector.
    """
    # What Python itself begins its end with; the types name nothing that is private.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # Python has its own way to end when it cannot say its last words.
    if isinstance(code, int):
        os._exit(code)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
