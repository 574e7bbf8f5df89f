"""A product's rows as products keep them: read where they surely can be, else left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cascade.errors import UnreadablePieces, UnreadableStory
from cascade.exits import exit_code
from cascade.service import Actor, Service
from cascade.settings import Settings
from tests.helpers.observe import Database
from tests.helpers.product_tables import product_tables
from tests.helpers.seeded import Make, first_start, postgres_copy, sqlite_copy

WORDS = {
    "content": "The irreplaceable midpoint words of the author.",
    "notes": "keep this note",
    "weight": 1.10,
}
SCRIPT = "INT. ROOM - DAY\n\nShe walks in slowly.\n\nMAYA\nFirst.\n"
# id, language, structure, levels, beats, key actions: JSON as the product writes it.
STORIES: list[tuple[str, str | None, str | None, str | None, str | None, str | None]] = [
    (
        "nested",
        "en",
        "cat",
        '{"midpoint": "4", "finale": 0, "catalyst": 10, "setup": null, "debate": 3.0}',
        json.dumps({"midpoint": WORDS, "finale": "Plain finale words."}),
        '{"midpoint": {"content":"She jumps."}}',
    ),
    (
        "double",
        "en",
        "cat",
        json.dumps('{"midpoint": 4}'),
        json.dumps('{"midpoint": "Irreplaceable double encoded words."}'),
        None,
    ),
    (
        "array",
        "en",
        "cat",
        '[{"key":"midpoint","level":4}]',
        '[{"key":"midpoint","content":"Irreplaceable array words."}]',
        "[]",
    ),
    (
        "snake",
        "en",
        "cat",
        '{"break_into_two": 4}',
        '{"break_into_two": "Irreplaceable snake words.", "midpoint":"mid"}',
        '{"break_into_two":"She crosses."}',
    ),
    ("scenes", "en", "cat", "{}", '{"midpoint":"A beat. It has words."}', "{}"),
    ("tag", "id-ID", "cat", "{}", '{"midpoint":"Ibu menutup pintu. Anak itu menangis."}', "{}"),
    ("french", "fr", "cat", "{}", '{"midpoint":"Elle ferme la porte."}', "{}"),
    ("stranger", "en", "save_the_cat", "{}", '{"midpoint":"x"}', "{}"),
    ("nothing", None, None, None, None, None),
]
SCENES = [
    ("d1", "scenes", "midpoint", 5, "Plot one of scene five.", SCRIPT),
    ("d2", "scenes", "midpoint", 5, "Plot two of the other scene five.", SCRIPT),
    ("n1", "scenes", "midpoint", None, "Plot without number.", SCRIPT),
    ("n2", "scenes", "midpoint", 1, "Plot with number.", SCRIPT),
    ("n3", "scenes", None, 7, "Plot without a beat.", SCRIPT),
    ("n4", "scenes", "ordeal", 8, "Plot of another structure's beat.", SCRIPT),
    ("s1", "snake", "break_into_two", 1, "Plot of snake scene.", SCRIPT),
]


def product(url: str, json_type: str) -> None:
    """Makes a product's tables with its rows, and what a first start adds to them."""
    database = Database(url)
    for statement in product_tables(database.is_sqlite, json_type=json_type):
        database.execute(statement)
    database.execute("INSERT INTO projects (id, name) VALUES ('p1', 'Prod')")
    maps = [f":{name}" for name in ("levels", "beats", "actions")]
    if not database.is_sqlite:
        maps = [f"CAST({name} AS JSON)" for name in maps]
    names = ("id", "language", "structure", "levels", "beats", "actions")
    for story in STORIES:
        database.execute(
            "INSERT INTO story_versions (id, project_id, title, language, structure_type, "
            "tension_levels, cat_beats, cat_key_actions) VALUES (:id, 'p1', :title, :language, "
            f":structure, {', '.join(maps)})",
            title=None if story[0] == "nothing" else story[0].title(),
            **dict(zip(names, story, strict=True)),
        )
    for scene in SCENES:
        database.execute(
            "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot, script) "
            "VALUES (:id, :story, :beat, :number, :plot, :script)",
            **dict(zip(("id", "story", "beat", "number", "plot", "script"), scene, strict=True)),
        )
    first_start(url)


def product_json(url: str) -> None:
    product(url, "JSON")


def product_jsonb(url: str) -> None:
    product(url, "JSONB")


MADE: dict[str, Make] = {"json": product_json, "jsonb": product_jsonb}


@pytest.fixture(params=["sqlite", "postgres-json", "postgres-jsonb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    kind, _, json_type = request.param.partition("-")
    if kind == "sqlite":
        yield sqlite_copy(tmp_path, product_json)
    else:
        with postgres_copy(request.getfixturevalue("postgres_server"), MADE[json_type]) as copy:
            yield copy


@pytest.fixture
def database(url: str) -> Database:
    return Database(url)


@pytest.fixture
def service(url: str) -> Iterator[Service]:
    service = Service(Settings(database_url=url, provider="offline", offline_delay_ms=0))
    yield service
    service.close()


@pytest.fixture
def actor(service: Service) -> Actor:
    return service.operator().grant("ana", 500)[0]


def run(service: Service, actor: Actor, story: str, levels: dict[str, int]) -> str:
    with service.executing():
        run_id = service.desk(actor).start(service.desk(actor).plan(story, levels).plan)
        assert list(service.operator().follow(run_id))[-1]["type"] == "done"
    return run_id


def row(database: Database, story: str) -> dict[str, Any]:
    return database.content()["story_versions"][story]


def test_every_story_is_listed_and_a_bad_one_takes_no_other_with_it(service: Service) -> None:
    assert {one.id for one in service.operator().stories()} == {story[0] for story in STORIES}
    for story in ("stranger", "nothing"):
        with pytest.raises(UnreadableStory, match="other stories are not in its way"):
            service.operator().story(story)
    for story in ("nested", "double", "array", "snake", "scenes", "tag", "french"):
        assert service.operator().story(story).id == story


def test_levels_and_texts_in_other_kinds_are_read_rewritten_and_restored(
    service: Service, actor: Actor, database: Database
) -> None:
    before = database.content()
    story = service.operator().story("nested")
    assert story.levels == {"midpoint": 4, "debate": 3}
    assert story.text("midpoint/beatContent") == WORDS["content"]
    assert set(story.unreadable) == {"finale/level", "catalyst/level"}
    offer = service.desk(actor).plan("nested", {"midpoint": 2, "debate": 5})
    assert [change.previous_level for change in offer.plan.changes] == [3, 4]
    run_id = run(service, actor, "nested", {"midpoint": 2, "debate": 5})
    levels = json.loads(row(database, "nested")["tension_levels"])
    assert levels["midpoint"] == "2"
    assert '"debate": 5.0' in row(database, "nested")["tension_levels"].replace('":5', '": 5')
    kept = json.loads(row(database, "nested")["cat_beats"])["midpoint"]
    assert {**kept, "content": WORDS["content"]} == WORDS
    assert kept["content"] != WORDS["content"]
    service.desk(actor).restore_run(run_id)
    assert database.content()["story_versions"] == before["story_versions"]


def test_snake_case_is_written_in_the_products_own_spelling(
    service: Service, actor: Actor, database: Database
) -> None:
    before = database.content()
    story = service.operator().story("snake")
    assert story.curve["breakIntoTwo"] == 4
    assert story.text("breakIntoTwo/scenePlot/1") == "Plot of snake scene."
    run_id = run(service, actor, "snake", {"breakIntoTwo": 2})
    beats = json.loads(row(database, "snake")["cat_beats"])
    assert list(beats) == list(json.loads(before["story_versions"]["snake"]["cat_beats"]))
    assert beats["break_into_two"] != "Irreplaceable snake words."
    assert json.loads(row(database, "snake")["tension_levels"]) == {"break_into_two": 2}
    service.desk(actor).restore_run(run_id)
    after = database.content()
    assert after["story_versions"] == before["story_versions"]
    assert after["scene_plots"] == before["scene_plots"]


@pytest.mark.parametrize(
    ("story", "levels", "named"),
    [
        ("double", {"midpoint": 2}, {"midpoint/beatContent", "midpoint/level"}),
        (
            "array",
            {"midpoint": 2},
            {"midpoint/beatContent", "midpoint/keyAction", "midpoint/level"},
        ),
        ("nested", {"finale": 2}, {"finale/level"}),
        ("french", {"midpoint": 2}, {"language"}),
    ],
)
def test_what_cannot_be_read_is_in_no_plan_and_left_alone(
    service: Service,
    actor: Actor,
    database: Database,
    story: str,
    levels: dict[str, int],
    named: set[str],
) -> None:
    before = database.content()
    with pytest.raises(UnreadablePieces) as refused:
        service.desk(actor).plan(story, levels)
    assert set(refused.value.fields["pieces"]) == named
    assert exit_code(refused.value) == 5
    assert database.content() == before


def test_other_beats_are_not_in_its_way(service: Service, actor: Actor) -> None:
    # The finale's level is 0, and its neighbour is planned all the same.
    plan = service.desk(actor).plan("nested", {"breakIntoThree": 5}).plan
    assert [step.key for step in plan.steps] == [
        "breakIntoThree/beatContent",
        "breakIntoThree/keyAction",
    ]


def test_scenes_without_a_number_of_their_own_are_shown_and_never_planned(
    service: Service, actor: Actor, database: Database
) -> None:
    story = service.operator().story("scenes")
    assert {scene.id: story.keyless(scene) for scene in story.scenes} == {
        "d1": "number_twice",
        "d2": "number_twice",
        "n1": "no_number",
        "n2": None,
        "n3": "no_beat",
        "n4": "unknown_beat",
    }
    before = database.content()["scene_plots"]
    run_id = run(service, actor, "scenes", {"midpoint": 5})
    after = database.content()["scene_plots"]
    assert {id_ for id_ in before if before[id_] != after[id_]} == {"n2"}
    assert [step.scene_number for step in service.operator().run(run_id).plan.steps] == [
        None,
        None,
        1,
        1,
    ]


def test_a_language_is_known_by_its_first_part(service: Service) -> None:
    assert service.operator().story("tag").language == "id"
    assert {one.id: one.language for one in service.operator().stories()}["tag"] == "id"


def test_check_counts_what_cannot_be_read(service: Service, url: str) -> None:
    from cascade.service import check_database

    found = check_database(Settings(database_url=url))
    told = {(one.what, one.why): (one.count, one.stories) for one in found.unreadable}
    beats = 15
    assert told == {
        ("beatContent", "not_a_map"): (2 * beats, ("array", "double")),
        ("keyAction", "not_a_map"): (beats, ("array",)),
        ("level", "not_a_map"): (2 * beats, ("array", "double")),
        ("level", "not_a_level"): (2, ("nested",)),
        ("language", "not_a_language"): (1, ("french",)),
        ("scene", "no_beat"): (1, ("scenes",)),
        ("scene", "no_number"): (1, ("scenes",)),
        ("scene", "number_twice"): (2, ("scenes",)),
        ("scene", "unknown_beat"): (1, ("scenes",)),
        ("structure", "missing"): (1, ("nothing",)),
        ("structure", "unknown"): (1, ("stranger",)),
    }
    assert found.problems == ()


def test_a_script_that_is_json_is_unreadable(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    for statement in product_tables(False):
        database.execute(statement.replace("script VARCHAR", "script JSONB"))
    database.execute("INSERT INTO projects (id, name) VALUES ('p1', 'Prod')")
    database.execute(
        "INSERT INTO story_versions (id, project_id, title, language, structure_type) "
        "VALUES ('s', 'p1', 'S', 'en', 'cat')"
    )
    database.execute(
        "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot, script) "
        "VALUES ('c', 's', 'midpoint', 1, 'A plot.', '[{\"heading\": \"INT. X\"}]')"
    )
    service = Service(Settings(database_url=postgres_url, provider="offline"))
    try:
        story = service.operator().story("s")
        assert story.why_unreadable("midpoint/script/1") == "not_text"
        assert story.text("midpoint/scenePlot/1") == "A plot."
        actor, _ = service.operator().grant("ana", 100)
        with pytest.raises(UnreadablePieces, match="the script of scene 1"):
            service.desk(actor).plan("s", {"midpoint": 5})
    finally:
        service.close()


def test_import_into_tables_that_need_more_is_refused(
    postgres_url: str, make_cli: Any, tmp_path: Any
) -> None:
    database = Database(postgres_url)
    for statement in product_tables(False):
        database.execute(
            statement.replace(
                "structure_type VARCHAR", "structure_type VARCHAR, organization_id TEXT NOT NULL"
            )
        )
    file = tmp_path / "story.json"
    file.write_text('{"title": "T", "language": "en", "structureType": "cat"}')
    cli = make_cli(postgres_url)
    done = cli("import", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "story_versions.organization_id" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_shows_what_cannot_be_read(
    service: Service, url: str, make_cli: Any
) -> None:
    cli = make_cli(url)
    nested = cli("show", "nested").stdout
    assert "Midpoint [4]\nThe irreplaceable midpoint words of the author." in nested
    assert (
        "Finale [(cannot be read: it is no whole number from 1 to 5; it is left as it is)]"
        in nested
    )
    scenes = cli("show", "scenes").stdout
    assert "Scene 5 (in no plan: another scene of its beat has the same number)" in scenes
    assert "Scene without a number (in no plan: it has no number): Plot without number." in scenes
    assert "Scene 7 (in no plan: it hangs off no beat): Plot without a beat." in scenes
    exported = cli("export", "array")
    assert exported.returncode == 0
    assert json.loads(exported.stdout)["title"] == "Array"
    why = "its column is no map from beats to values"
    left = f"not in the document: the key action of Midpoint ({why})"
    assert left in exported.stderr.splitlines()
    bad = cli("show", "nothing")
    assert (bad.returncode, bad.stdout) == (5, "")
    assert "its structure is missing" in bad.stderr
    assert "nothing  (no title) (no structure, en): 0 beats, 0 scenes" in cli("stories").stdout
