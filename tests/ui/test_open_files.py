"""A real server in a process that may open 256 files, and more pages than that has room for."""

from __future__ import annotations

import resource
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.helpers.serving import Server

FEW = 256
PAGES = 90


@pytest.fixture
def serve(sqlite_url: str, tmp_path: Path) -> Callable[[ExitStack, str], Server]:
    def serve(stack: ExitStack, limit: str) -> Server:
        server = Server(sqlite_url, tmp_path / "server.log")
        server.command = [
            "/bin/sh",
            "-c",
            f'ulimit {limit} {FEW}; exec "$@"',
            "sh",
            *server.command,
        ]
        server.start()
        stack.callback(server.stop)
        return server

    return serve


def load(server: Server) -> None:
    """What a browser does with the page: its file, its socket, one run of the script to its end."""
    with urllib.request.urlopen(server.url, timeout=120) as page:
        assert b"<html" in page.read()
    address = server.url.replace("http:", "ws:") + "/_stcore/stream"
    spoken = [Subprotocol("streamlit")]
    with connect(address, subprotocols=spoken, max_size=None, open_timeout=120) as socket:
        socket.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket.recv(timeout=120))
            if message.WhichOneof("type") == "script_finished":
                assert message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                return


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096, reason="this process itself may not"
)
def test_many_pages_in_a_process_that_may_raise_its_limit(
    serve: Callable[[ExitStack, str], Server],
) -> None:
    with ExitStack() as stack:
        server = serve(stack, "-S -n")
        for _ in range(PAGES):
            load(server)
        said = server.log.read_text()
        assert "Traceback" not in said
        assert "Too many open files" not in said
        assert "may open" not in said


def test_a_limit_that_cannot_be_raised_is_said(serve: Callable[[ExitStack, str], Server]) -> None:
    with ExitStack() as stack:
        server = serve(stack, "-n")
        load(server)
        [line] = [line for line in server.log.read_text().splitlines() if "may open" in line]
        assert "256 files only, enough for about 64 pages" in line
        assert "ulimit -n 4096" in line
