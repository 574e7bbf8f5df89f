"""The command line where it is used: odd terminals and arguments, closed streams, odd files."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.display import harmless
from tests.helpers.near import Near
from tests.helpers.seeded_fixtures import database_url, near, sqlite_url, unchanged

__all__ = ["database_url", "near", "sqlite_url", "unchanged"]

ROOT = Path(__file__).parent.parent
HOSTILE = "Red\x1b[31m\x9b2J \u202eevil\u2066\r\nnext \u2028line \x07bell é→ℵ \ufeff\x00end"
STEERING = "\x1b\x9b\u202e\u2066\r\u2028\x07\ufeff\x00"


def run(cli: Any, *arguments: str | bytes, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, in bytes."""
    env = {**cli.env, **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "cascade", *arguments],
        env=env,
        cwd=more.pop("cwd", ROOT),
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
        **more,
    )


def refused(done: subprocess.CompletedProcess[bytes], code: int, *words: str) -> str:
    """One sentence on standard error, an exit code, and nothing on standard output."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert not done.stdout
    assert "Traceback" not in said
    [error] = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert said.rstrip().splitlines()[-1] == error
    assert len(said) < 2000
    for word in words:
        assert word in error
    return error


@pytest.fixture
def hostile(near: Near, database_url: str) -> Near:
    """A database with a title and a user's name that hold whatever a terminal could obey."""
    engine = sa.create_engine(
        sa.make_url(database_url.replace("postgresql:", "postgresql+psycopg2:"))
    )
    # Postgres stores no zero byte.
    title = HOSTILE if engine.dialect.name == "sqlite" else HOSTILE.replace("\x00", "")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE story_versions SET title = :title, synopsis = :title WHERE id ="
                " (SELECT min(id) FROM story_versions)"
            ),
            {"title": title},
        )
        connection.execute(
            sa.text("UPDATE cascade_users SET name = :name WHERE name = 'viewer'"),
            {"name": title.replace("\x00", "")},
        )
    engine.dispose()
    return near


def test_what_would_steer_a_terminal_is_written_out(hostile: Near) -> None:
    story_id = hostile.json("stories")[0]["id"]
    name = HOSTILE.replace("\x00", "")
    for arguments in (
        ("stories",),
        ("stories", "--json"),
        ("show", story_id),
        ("show", story_id, "--json"),
        ("plan", story_id, "--set", "midpoint=4", "--user", name),
        ("credits", "--user", name),
        ("credits", "--user", f"{name}?"),
        (f"{name}", "x"),
        ("plan", story_id, "--set", f"{name}=4"),
        ("plan", story_id, "--set", name),
        ("show", name),
        ("events", name),
        ("import", f"/tmp/{name}"),
    ):
        done = hostile(*arguments)
        printed = done.stdout + done.stderr
        assert printed
        assert not set(STEERING) & set(printed), arguments
        assert "Traceback" not in printed, printed
    listed = hostile("stories").stdout.splitlines()
    assert len(listed) == 3, "a title is one line"
    assert r"Red\x1b[31m\x9b2J \u202eevil\u2066 next" in listed[0]
    # What is read by a program is what is stored, whatever the terminal would make of it.
    title = json.loads(hostile("stories", "--json").stdout)[0]["title"]
    assert title.replace("\x00", "") == name


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("hostile")
def test_a_terminal_that_cannot_print_a_sign(cli: Any, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}
    plain = run(cli, "stories", env=env)
    assert plain.returncode == 0, plain.stderr
    assert ("é→ℵ" if encoding == "utf-8" else r"\u2192\u2135") in plain.stdout.decode(encoding)
    listed = run(cli, "stories", "--json", env=env)
    assert "é→ℵ" in json.loads(listed.stdout.decode(encoding))[0]["title"]
    planned = run(cli, "plan", "A Hundred Diameters", "--set", "ordeal=2", env=env)
    assert planned.returncode == 0, planned.stderr
    unknown = refused(run(cli, "show", "ℵ→", env=env), 2)
    assert ("ℵ→" if encoding == "utf-8" else r"\u2135\u2192") in unknown


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("show", b"\xff\xfe"), "STORY"),
        (("plan", "x", "--set", b"midpoint\xff=4"), "BEAT=LEVEL"),
        (("plan", "x", "--set", "midpoint=4", "--user", b"\xe9"), "NAME"),
        (("credits", "grant", "--user", b"\xe9", "5"), "NAME"),
        (("events", b"\xff"), "RUN"),
        ((b"\xff",), "No such command"),
        (("show", "x", b"--\xff"), "No such option"),
    ],
)
def test_an_argument_that_is_not_utf8(unchanged: Near, arguments: Any, named: str) -> None:
    # As Python hands over what the shell has given.
    done = unchanged(*map(os.fsdecode, arguments))
    assert done.returncode == 2, done.stderr
    assert named in done.stderr.splitlines()[-1]
    assert done.stderr.encode()


def test_an_argument_that_is_not_utf8_in_a_process_of_its_own(sqlite_cli: Any) -> None:
    done = run(sqlite_cli, "show", b"\xff\xfe", env={"PYTHONUTF8": "1"})
    refused(done, 2, "STORY is not UTF-8")


def test_a_setting_that_is_not_utf8(sqlite_cli: Any) -> None:
    env = {**sqlite_cli.env, "CASCADE_USER": b"\xff"}
    bytes_env = {os.fsencode(k): os.fsencode(v) for k, v in env.items()}
    done = subprocess.run(
        [sys.executable, "-m", "cascade", "stories"],
        env=bytes_env,
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=False,
    )
    refused(done, 2, "CASCADE_USER is not UTF-8")


def test_a_file_may_be_named_in_any_encoding(sqlite_cli: Any, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.json"
    Path(os.fsdecode(path)).write_text('{"title": "X", "language": "en", "structureType": "cat"}')
    done = run(sqlite_cli, "import", path)
    assert done.returncode == 0, done.stderr
    refused(run(sqlite_cli, "import", path + b"x"), 2, r"\udcff.jsonx")


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "A Hundred Diameters", "--set", f"ordeal={'9' * 5000}"),
        ("plan", "A Hundred Diameters", "--set", f"{'x' * 50_000}=4"),
        ("plan", "A Hundred Diameters", "--set", "x" * 50_000),
        ("plan", "A Hundred Diameters", "--set", "ordeal=4", "--user", "x" * 50_000),
        ("show", "x" * 60_000),
        ("show", "%" * 60_000),
        ("events", "0" * 60_000),
        ("events", "0000", "--after", "9" * 5000),
        ("events", "0000", "--after", "9" * 30),
        ("credits", "grant", "--user", "x", "9" * 5000),
        ("x" * 60_000,),
    ],
)
def test_endless_arguments(unchanged: Near, arguments: tuple[str, ...]) -> None:
    done = unchanged(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 2000
    assert done.stderr.splitlines()[-1].startswith("Error: ")


# Streams


@pytest.fixture
def sqlite_cli(make_cli: Any, sqlite_url: str) -> Any:
    return make_cli(sqlite_url)


def test_closed_streams(sqlite_cli: Any) -> None:
    def sh(command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["/bin/sh", "-c", f"exec {sys.executable} -m cascade {command}"],
            env=sqlite_cli.env, cwd=ROOT, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    assert sh("db upgrade").returncode == 0
    for closed in ("<&-", "</dev/null"):
        refused(sh(f"db reset-demo {closed}"), 2, "--yes")
    assert sh("db reset-demo --yes <&-").returncode == 0
    assert sh("stories --json >&-").returncode == 0
    assert sh("show nothing 2>&-").returncode == 2
    if Path("/dev/full").exists():
        refused(sh("stories >/dev/full"), 4, "output cannot be written", "No space")


def test_reset_asks_first(sqlite_cli: Any) -> None:
    assert sqlite_cli("db", "upgrade").returncode == 0
    no = run(sqlite_cli, "db", "reset-demo", input=b"no\n")
    assert no.returncode == 130
    assert b"Throw away" in no.stderr
    assert run(sqlite_cli, "db", "reset-demo", input=b"y\n").returncode == 0


# SQLite


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:///{}/cascade.db?mode=ro", ("takes no options", "mode")),
        ("sqlite:///{}/cascade.db?nonsense=1&timeout=x", ("nonsense, timeout",)),
        ("sqlite:///{}/" + "x" * 5000 + "/cascade.db", ("too long",)),
        ("sqlite:///{}/" + "x" * 5000, ()),
    ],
)
def test_addresses_of_no_file(
    make_cli: Any, tmp_path: Path, address: str, words: tuple[str, ...]
) -> None:
    cli = make_cli(address.format(f"{tmp_path}"))
    done = cli("stories")
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words)


def test_data_is_a_file(make_cli: Any, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    cli = make_cli("")
    cli.env |= {"PYTHONPATH": str(ROOT)}
    refused(run(cli, "stories", cwd=tmp_path), 4, "data is no folder")


def obey_permissions() -> None:
    """Makes a superuser's next program keep to what a file permits, as everybody's does."""
    pr_capbset_drop, cap_dac_override = 24, 1
    ctypes.CDLL(None).prctl(pr_capbset_drop, cap_dac_override, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="a superuser's rights are dropped Linux's way")
def test_a_folder_and_a_file_that_may_only_be_read(make_cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "readonly"
    folder.mkdir()
    cli = make_cli(f"sqlite:///{folder}/cascade.db")
    folder.chmod(0o555)
    refused(run(cli, "stories", preexec_fn=obey_permissions), 4, "cascade.db")
    folder.chmod(0o755)
    assert cli("db", "upgrade").returncode == 0
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    for arguments in (
        ("credits", "grant", "--user", "editor", "5"),
        ("run", "A Hundred Diameters", "--set", "ordeal=4"),
    ):
        done = run(cli, *arguments, preexec_fn=obey_permissions)
        assert done.returncode in (4, 5), done.stderr
        assert b"Traceback" not in done.stderr
        assert b"readonly" in done.stderr
    folder.chmod(0o755)


def test_what_steers_is_every_control_and_every_turn() -> None:
    kept = {code for code in range(0x2100) if harmless(chr(code)) == chr(code)}
    steering = {*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029}
    steering |= {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    assert kept == set(range(0x2100)) - (steering - {0x09, 0x0A})
