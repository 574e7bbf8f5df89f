"""A process that was forked for a test is what a cold start makes: it prints, ends and dies so."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.seeded_fixtures import database_url, sqlite_url
from tests.helpers.warm import WarmProcess

__all__ = ["database_url", "sqlite_url"]


@pytest.fixture
def cli(sqlite_url: str, make_cli: Any) -> Any:
    return make_cli(sqlite_url)


@pytest.mark.parametrize(
    "arguments",
    [("stories", "--json"), ("show", "nothing"), ("--help",), ("plan",), ("db", "check")],
)
def test_it_prints_and_ends_as_a_cold_start(cli: Any, arguments: tuple[str, ...]) -> None:
    warm, cold = cli(*arguments), cli.cold(*arguments)
    assert (warm.args, warm.returncode, warm.stdout, warm.stderr) == (
        cold.args,
        cold.returncode,
        cold.stdout,
        cold.stderr,
    )


def test_its_environment_is_its_own(cli: Any) -> None:
    assert cli("stories", CASCADE_LANGUAGE="xx").returncode == 2
    same = cli.start("stories")
    assert isinstance(same, WarmProcess)
    same.communicate()
    assert same.returncode == 0
    # What Python reads when it begins, a process that has begun cannot be given.
    other = cli.start("stories", PYTHONUTF8="1")
    assert not isinstance(other, WarmProcess)
    other.communicate()


def test_it_is_stopped_and_killed_and_leaves_no_one_behind(cli: Any) -> None:
    worker, other = cli.start("worker"), cli.start("worker")
    for one in (worker, other):
        assert "Executing" in one.stderr.readline()
    assert worker.poll() is None
    worker.kill()
    worker.communicate(timeout=120)
    assert worker.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)
    assert (
        Path(f"/proc/{other.pid}/fd/1").readlink() != Path(f"/proc/{os.getpid()}/fd/1").readlink()
    )
    other.terminate()
    assert other.communicate(timeout=120) == ("", "")
    assert other.returncode == 0
    assert other.args == [sys.executable, "-m", "cascade", "worker"]
