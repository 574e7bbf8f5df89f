"""The file of names, and what a database is taken for without one: one line a problem."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cascade.errors import BadProduct
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.product.names import read
from tests.helpers.near import Near
from tests.products.hosts import HERE, HOSTS, dump, make, shape, stranger
from tests.products.test_hosts import opened

BY_NAME = {host.name: host for host in HOSTS}
# What the file says, and what is wrong with it.
BAD = {
    "no TOML": ("[story_versions", "it is no TOML"),
    "another section": ("[stories]\ntable = 'x'", "stories is not known"),
    "another key": ("[story_versions]\nheading = 'x'", "story_versions.heading is not known"),
    "a number": ("schema = 5", "schema must be a name in quotes"),
    "an empty name": ("[projects]\nname = ''", "projects.name must be a name in quotes"),
    "no section": ("story_versions = 'versions'", "story_versions must be a section"),
    "a table that is not there": (
        "[story_versions]\ntable = 'drafts'",
        "[story_versions] names a table that is not there: drafts",
    ),
    "a column that is not there": (
        "[story_versions]\ntitle = 'heading'",
        "story_versions.title names a column that story_versions lacks: heading",
    ),
    "columns of a table that is not there": (
        "[scripts]\ntext = 'fountain'",
        "[scripts] names columns of a table that is not there: scene_scripts",
    ),
    "a schema without them": ("schema = 'studio'", "schema names one without such tables"),
}


@pytest.fixture(params=["sqlite", "postgres"])
def plain(request: pytest.FixtureRequest) -> Iterator[tuple[str, sa.Engine]]:
    url = str(request.getfixturevalue(f"{request.param}_url"))
    with stranger(url) as engine:
        make(engine, "plain")
        yield url, engine


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_stops_everything_but_the_check(
    plain: tuple[str, sa.Engine], tmp_path: Path, name: str
) -> None:
    (url, engine), (said, words) = plain, BAD[name]
    file = tmp_path / "product.toml"
    file.write_text(said)
    before, tables = dump(engine, {}), shape(engine)
    cli = Near(url)
    for command in (("stories",), ("db", "upgrade"), ("credits", "grant", "--user", "ana", "5")):
        done = cli(*command, CASCADE_PRODUCT=str(file))
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    checked = cli("db", "check", CASCADE_PRODUCT=str(file))
    assert checked.returncode == 4
    assert f"in the way: CASCADE_PRODUCT: {words}" in checked.stdout
    assert (dump(engine, {}), shape(engine)) == (before, tables)


def test_a_file_that_is_not_there_is_said(plain: tuple[str, sa.Engine], tmp_path: Path) -> None:
    cli = Near(plain[0])
    missing = str(tmp_path / "missing.toml")
    done = cli("stories", CASCADE_PRODUCT=missing)
    assert done.returncode == 2
    assert "it cannot be read (No such file or directory)" in done.stderr
    assert cli("db", "check", CASCADE_PRODUCT=missing).returncode == 4


def test_it_is_read_relative_to_the_current_folder(
    plain: tuple[str, sa.Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "product.toml").write_text("[projects]\nname = 'name'\n")
    monkeypatch.chdir(tmp_path)
    assert Near(plain[0])("stories", CASCADE_PRODUCT="product.toml").returncode == 0


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "product.toml"
    file.write_text("schema = 1\nx = 2\n[story_versions]\ntable = 'a'\ntitle = 3\n")
    found = read(file)
    assert len(found.problems) == 3
    assert (found.schema, found.table("story_versions")) == (None, "a")


@pytest.mark.parametrize("name", ["renamed", "shared", "hosted"])
def test_the_file_that_the_check_writes_says_what_is_there(
    postgres_url: str, tmp_path: Path, name: str
) -> None:
    host, file = BY_NAME[name], tmp_path / "product.toml"
    with stranger(postgres_url) as engine:
        make(engine, name)
    cli = Near(postgres_url)
    assert cli("db", "check", "--write", str(file), **host.env).returncode == 0
    written = file.read_text()
    assert cli("db", "check", CASCADE_PRODUCT=str(file)).returncode == 0
    with closing(opened(host, postgres_url)) as service:
        told = service.operator().document(host.story)
    cli.env["CASCADE_PRODUCT"] = str(file)
    assert cli.json("show", host.story) == {**told, **_marks(cli, host.story)}
    again = cli("db", "check", "--write", str(file))
    assert again.returncode == 2
    assert "cannot be written (File exists)" in again.stderr
    assert file.read_text() == written


def _marks(cli: Near, story: str) -> dict[str, object]:
    shown = cli.json("show", story)
    return {key: shown[key] for key in ("outOfDate", "locked") if key in shown}


def test_the_check_tells_each_column_by_its_type_and_what_it_is_taken_for(
    postgres_url: str,
) -> None:
    with stranger(postgres_url) as engine:
        make(engine, "hosted")
    lines = Near(postgres_url)("db", "check").stdout.splitlines()
    for line in (
        "story_versions.id (uuid): id",
        "story_versions.structure_type (structure_kind): structure_type",
        "story_versions.version (integer): not read, and must be filled: no row can be added here",
        "scene_plots.embedding (array): not read",
        "scene_scripts.scene_id (uuid): scene_plot_id",
        "scene_scripts.content (text): text",
        "scripts are stored in: scene_scripts.content",
        f"1 scenes have no number (in {BY_NAME['hosted'].story})",
    ):
        assert line in lines
    told = {one["table"]: one for one in Near(postgres_url).json("db", "check")["tables"]}
    assert told["scene_scripts"]["takenFor"] == "scripts"
    assert {one["name"]: one["takenFor"] for one in told["scene_scripts"]["columns"]} == {
        "id": "id",
        "scene_id": "scene_plot_id",
        "content": "text",
        "words": None,
    }


def test_it_is_written_where_there_is_a_gap_too(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "product.toml"
    with stranger(postgres_url) as engine:
        make(engine, "renamed")
    cli = Near(postgres_url)
    checked = cli("db", "check", "--json", "--write", str(file))
    assert checked.returncode == 4
    problems = json.loads(checked.stdout)["problems"]
    assert any("none that hold stories" in one for one in problems)
    assert "# [story_versions]" in file.read_text()
    tomllib.loads(file.read_text())


def test_tables_in_a_schema_that_no_statement_sees_are_found(
    postgres_url: str, tmp_path: Path
) -> None:
    cli, file = Near(postgres_url), tmp_path / "product.toml"
    with stranger(postgres_url) as engine:
        for schema in ("studio", "archive"):
            make(engine, "plain")
            with engine.begin() as connection:
                connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
                for table in ("projects", "story_versions", "scene_plots"):
                    connection.exec_driver_sql(f"ALTER TABLE {table} SET SCHEMA {schema}")
            checked = cli("db", "check")
            if schema == "studio":
                # It can only be this one.
                assert checked.returncode == 0, checked.stdout
    assert checked.returncode == 4
    assert 'say schema = "studio"' in checked.stdout
    assert 'say schema = "archive"' in checked.stdout
    assert cli("stories").returncode == 4
    file.write_text('schema = "studio"\n')
    done = cli("stories", CASCADE_PRODUCT=str(file))
    assert done.returncode == 0, done.stderr
    assert "Air Pasang" in done.stdout
    assert 'schema = "studio"' in _written(cli, tmp_path / "again.toml", str(file))


def _written(cli: Near, file: Path, names: str) -> str:
    cli("db", "check", "--write", str(file), CASCADE_PRODUCT=names)
    return file.read_text()


def test_a_language_is_assumed_where_none_is_kept(plain: tuple[str, sa.Engine]) -> None:
    cli = Near(plain[0])
    assert cli.json("stories")[0]["language"] == "en"
    cli.env["CASCADE_LANGUAGE"] = "id"
    assert cli.json("stories")[0]["language"] == "id"
    shown = cli.json("show", "s1")
    # With no title anywhere a story is called as its project is.
    assert (shown["language"], shown["title"], shown["synopsis"]) == ("id", "Air Pasang", "")


def test_of_a_structure_without_columns_stories_are_unreadable(
    plain: tuple[str, sa.Engine],
) -> None:
    cli = Near(plain[0])
    assert [one["id"] for one in cli.json("stories")] == ["s1", "s2"]
    shown = cli("show", "s2")
    assert shown.returncode == 5
    assert 'its structure is "hero", and not one of harmon' in shown.stderr
    assert "1 stories have a structure" in cli("db", "check").stdout


def test_of_two_places_for_scripts_the_scenes_own_is_taken_and_the_other_told(
    plain: tuple[str, sa.Engine], tmp_path: Path
) -> None:
    url, engine = plain
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE scene_scripts (scene_id text, content text)")
        connection.exec_driver_sql("INSERT INTO scene_scripts VALUES ('c2', 'INT. HALL - DAY')")
    cli = Near(url)
    assert '[scripts] table = "scene_scripts"' in cli("db", "check").stdout
    assert cli.json("show", "s1")["scenes"][1]["script"] == ""
    file = tmp_path / "product.toml"
    file.write_text('[scripts]\ntable = "scene_scripts"\n')
    cli.env["CASCADE_PRODUCT"] = str(file)
    assert cli.json("show", "s1")["scenes"][1]["script"] == "INT. HALL - DAY"
    checked = cli("db", "check").stdout
    assert "scripts are stored in: scene_scripts.content" in checked
    # Nothing keeps a scene from having two, and one that has is told and left alone.
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO scene_scripts VALUES ('c2', 'INT. HALL - NIGHT')")
    assert "1 scripts stand in several rows" in cli("db", "check").stdout
    assert "(cannot be read: several rows hold it" in cli("show", "s1").stdout
    done = cli("plan", "s1", "--set", "take=5")
    assert done.returncode == 5
    assert "the script of scene 2" in done.stderr


def test_a_structure_with_half_its_columns_is_a_gap(plain: tuple[str, sa.Engine]) -> None:
    url, engine = plain
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE story_versions ADD cat_beats text")
    checked = Near(url)("db", "check")
    assert checked.returncode == 4
    assert "story_versions lacks cat_key_actions" in checked.stdout


def test_a_service_refuses_a_bad_file(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(BadProduct, match="cannot be read"):
        Service(Settings(database_url=sqlite_url, product=tmp_path / "none.toml"))
    assert not (HERE / "none.toml").exists()


def test_credits_are_given_in_a_project(postgres_url: str) -> None:
    """Two projects: people and credits in each, and neither is in the other's way."""
    with stranger(postgres_url) as engine:
        make(engine, "hosted")
    cli = Near(postgres_url)
    none_said = cli("credits", "grant", "--user", "ana", "5")
    assert (none_said.returncode, none_said.stdout) == (2, "")
    assert "(The Ferry)" in none_said.stderr
    assert "(Pelabuhan)" in none_said.stderr
    unknown = cli("credits", "grant", "--user", "ana", "--project", "Nobody", "5")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    for user, project, credits in (
        ("ana", "Pelabuhan", "7"),
        ("budi", "11111111-1111-4111-8111-111111111111", "9"),
        ("ana", "The Ferry", "5"),
    ):
        given = cli("credits", "grant", "--user", user, "--project", project, credits)
        assert given.returncode == 0, given.stderr
    assert cli.json("credits", "--user", "ana")["available"] == 12
    assert cli.json("credits", "--user", "budi")["available"] == 9
    titles = {user: cli.json("stories", "--user", user) for user in ("ana", "budi")}
    assert [one["title"] for one in titles["budi"]] == ["The Ferry"]
    assert {one["title"] for one in titles["ana"]} == {"The Ferry", "Pelabuhan"}
    # Whoever is known already is given in their oldest project, if none is said.
    assert cli("credits", "grant", "--user", "ana", "1").returncode == 0


IMPORTED = {
    "title": "A Copy",
    "language": "en",
    "structureType": "cat",
    "beats": [{"key": "midpoint", "content": "Words.", "keyAction": "She goes.", "tension": 4}],
    "scenes": [
        {"number": 1, "beatKey": "midpoint", "plot": "A plot.", "script": "INT. X - DAY\n\nHi.\n"}
    ],
}


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("hosted", ["story_versions.version"]),
        ("numbered", ["story_versions.organization_id"]),
        ("renamed", []),
        ("plain", ['no structure "cat". Use one of: harmon']),
        ("shared", ["all_scenes.id"]),
    ],
)
def test_an_import_fills_what_it_knows_or_names_what_it_cannot(
    postgres_url: str, tmp_path: Path, name: str, refused: list[str]
) -> None:
    host = BY_NAME[name]
    file = tmp_path / "story.json"
    file.write_text(json.dumps(IMPORTED))
    with stranger(postgres_url) as engine:
        make(engine, name)
        before = dump(engine, host.keys)
        cli = Near(postgres_url)
        cli.env |= host.env
        done = cli("import", str(file))
        if refused:
            # Of a view nobody can tell what must be filled before it is tried.
            assert (done.returncode, done.stdout) == (4 if name == "shared" else 2, "")
            assert len(done.stderr.splitlines()) == 1
            assert all(one in done.stderr for one in refused)
            assert dump(engine, host.keys) == before
            return
    assert done.returncode == 0, done.stderr
    shown = cli.json("show", done.stdout.strip())
    assert shown["scenes"][0]["script"] == "INT. X - DAY\n\nHi.\n"
    assert shown["scenes"][0]["plot"] == "A plot."
    [beat] = [one for one in shown["beats"] if one["key"] == "midpoint"]
    assert (beat["content"], beat["keyAction"], beat["tension"]) == ("Words.", "She goes.", 4)
    assert cli("db", "reset-demo", "--yes").returncode == 5
