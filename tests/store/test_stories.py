"""Stories in the product's tables: found, read leniently, and written one piece at a time."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import AmbiguousStory, DatabaseRefused, UnknownStory
from cascade.store.accounts import add_project
from cascade.store.database import Database
from cascade.store.ids import new_id, oldest_first
from cascade.store.inserting import insert_story
from cascade.store.pieces import (
    new_level,
    put_back_level,
)
from cascade.store.stories import (
    find_story_id,
    lock_story,
    read_story,
)
from cascade.store.tables import Base, Project, ScenePlot, SceneShot, StoryVersion
from cascade.story.piece import Piece
from cascade.story.story import Story
from tests.helpers.editing import write_text
from tests.helpers.making import a_scene, all_pieces, stories

STORY = Story(
    title="Tides",
    language="en",
    structure_type="harmon",
    levels={"you": 1, "need": 2},
    texts={
        "beatContent": {"you": "content of you", "need": "content of need", "go": ""},
        "keyAction": {"you": "action of you"},
    },
    scenes=(
        a_scene(1, "you", "plot 1", "script 1", ("a", {"b": None})),
        a_scene(2, "need", "plot 2", "script 2", ("c",)),
        a_scene(9, None, "plot 9", "script 9"),
    ),
)


def inserted(database: Database, story: Story = STORY) -> str:
    with database.write() as session:
        return insert_story(session, add_project(session, "Project"), story)


def raw(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, JSON as the text that is stored."""
    with database.read() as session:
        found = {}
        for table in Base.metadata.sorted_tables:
            columns = [
                sa.cast(column, sa.Text).label(column.name)
                if isinstance(column.type, sa.JSON)
                else column
                for column in table.columns
            ]
            rows = session.execute(sa.select(*columns).order_by(*table.primary_key))
            found[table.name] = [dict(row._mapping) for row in rows]
        return found


@pytest.mark.parametrize("key", sorted({*all_pieces(STORY), "search/beatContent"}))
def test_writing_a_text_touches_nothing_else(database: Database, key: str) -> None:
    other_id, story_id = inserted(database), inserted(database)
    before = raw(database)
    with database.write() as session:
        write_text(session, lock_story(session, story_id), key, "as “new”\n")
    after = raw(database)
    beat_key, kind, *rest = key.split("/")
    if rest:
        with database.read() as session:
            scene = read_story(session, story_id).scene_of(Piece.parse(key))
        assert scene is not None
        table, row_id = "scene_plots", scene.id
        column = "plot" if kind == "scenePlot" else "script"
    else:
        table, row_id = "story_versions", story_id
        column = "harmon_beats" if kind == "beatContent" else "harmon_key_actions"
    for name, rows in before.items():
        for old, new in zip(rows, after[name], strict=True):
            changed = {field for field in old if old[field] != new[field]}
            here = name == table and old["id"] == row_id
            assert changed == ({column} if here else set()), (name, old.get("id"))
            if here and not rest:
                # In the map every other key is the same, in the same order.
                was, now = json.loads(old[column]), json.loads(new[column])
                assert list({**was, beat_key: 0}) == list(now)
                assert now == {**was, beat_key: "as “new”\n"}
            elif here:
                assert new[column] == "as “new”\n"
    with database.read() as session:
        assert read_story(session, story_id).text(key) == "as “new”\n"
        assert read_story(session, other_id).text(key) == STORY.text(key)


def test_writing_any_text_of_any_story(database: Database) -> None:
    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))

    @settings(max_examples=40 if database.is_sqlite else 20)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        story = data.draw(stories())
        story_id = inserted(database, story)
        key = data.draw(st.sampled_from(list(all_pieces(story))))
        text = data.draw(texts)
        with database.write() as session:
            write_text(session, lock_story(session, story_id), key, text)
        with database.read() as session:
            found = read_story(session, story_id)
        assert found.text(key) == text
        assert found.levels == story.levels
        for other in all_pieces(story):
            assert other == key or found.text(other) == story.text(other)

    check()


def test_what_else_the_maps_hold_is_kept(database: Database) -> None:
    story_id = inserted(database)
    odd = {"you": "text", "need": None, "oldBeat": "kept", "notes": {"by": ["a", 1.5]}}
    with database.write() as session:
        session.execute(
            sa.text("UPDATE story_versions SET harmon_beats = :odd, tension_levels = :levels"),
            {"odd": json.dumps(odd), "levels": json.dumps({"you": "high", "oldBeat": 9})},
        )
    with database.write() as session:
        row = lock_story(session, story_id)
        write_text(session, row, "go/beatContent", "new")
        put_back_level(session, row, "go", new_level(row, "go", 5))
    with database.read() as session:
        row = lock_story(session, story_id)
        assert json.loads(row.maps["harmon_beats"] or "") == {**odd, "go": "new"}
        assert json.loads(row.maps["tension_levels"] or "") == {
            "you": "high",
            "oldBeat": 9,
            "go": 5,
        }


BEATS = ("you", "need", "go", "search", "find", "take", "return", "change")


@pytest.mark.parametrize(
    ("stored", "levels", "unreadable"),
    [
        (None, {}, {}),
        ("null", {}, {}),
        ("{}", {}, {}),
        ("[]", {}, dict.fromkeys(BEATS, "not_a_map")),
        ('"{}"', {}, dict.fromkeys(BEATS, "not_a_map")),
        ("4", {}, dict.fromkeys(BEATS, "not_a_map")),
        (
            '{"you": 0, "need": 6, "go": 5, "search": 1}',
            {"go": 5, "search": 1},
            {"you": "not_a_level", "need": "not_a_level"},
        ),
        (
            '{"you": "4", "need": true, "go": 2.5, "search": null, "find": [3], "take": 4.0}',
            {"you": 4, "take": 4},
            dict.fromkeys(("need", "go", "find"), "not_a_level"),
        ),
        ('{"you": 4, "somethingElse": 2}', {"you": 4}, {}),
    ],
)
def test_levels_are_read_where_they_can_surely_be_read(
    database: Database,
    stored: str | None,
    levels: dict[str, int],
    unreadable: dict[str, str],
) -> None:
    story_id = inserted(database)
    with database.write() as session:
        session.execute(sa.text("UPDATE story_versions SET tension_levels = :odd"), {"odd": stored})
    with database.read() as session:
        story = read_story(session, story_id)
    assert story.curve == {**dict.fromkeys(story.structure.keys, 3), **levels}
    assert story.unreadable == {f"{beat}/level": why for beat, why in unreadable.items()}


@pytest.mark.parametrize(
    ("stored", "texts", "unreadable"),
    [
        (None, {}, {}),
        ("[]", {}, dict.fromkeys(BEATS, "not_a_map")),
        ('"text"', {}, dict.fromkeys(BEATS, "not_a_map")),
        ('{"you": null, "need": 7, "go": ["a"]}', {}, {"need": "not_text", "go": "not_text"}),
        (
            '{"you": {"content": "W", "notes": "n"}, "need": {"text": "a", "body": "b"}, "go": {}}',
            {"you": "W"},
            {"need": "not_text", "go": "not_text"},
        ),
    ],
)
def test_texts_are_read_where_they_can_surely_be_read(
    database: Database,
    stored: str | None,
    texts: dict[str, str],
    unreadable: dict[str, str],
) -> None:
    story_id = inserted(database)
    with database.write() as session:
        session.execute(
            sa.text("UPDATE story_versions SET harmon_beats = :odd, harmon_key_actions = :odd"),
            {"odd": stored},
        )
        session.execute(sa.text("UPDATE scene_plots SET plot = NULL, script = NULL"))
    with database.read() as session:
        story = read_story(session, story_id)
    for key in all_pieces(story):
        beat, _, *scene = key.split("/")
        assert story.text(key) == ("" if scene else texts.get(beat, "")), key
        assert story.why_unreadable(key) == (None if scene else unreadable.get(beat)), key


def test_writing_a_level(database: Database) -> None:
    story_id = inserted(database)
    with database.write() as session:
        row = lock_story(session, story_id)
        put_back_level(session, row, "go", new_level(row, "go", 5))
    with database.read() as session:
        assert read_story(session, story_id).levels == {"you": 1, "need": 2, "go": 5}


def test_finding_a_story(database: Database) -> None:
    with database.write() as session:
        project_id = add_project(session, "Project")

        def insert(title: str) -> str:
            story = Story(title=title, language="en", structure_type="cat")
            return insert_story(session, project_id, story)

        ids = {title: insert(title) for title in ("Tides of May", "Up", "ÉTÉ À PARIS", "100% Sure")}
        twins = [insert("Twins") for _ in range(2)]
    with database.read() as session:
        for title, story_id in ids.items():
            assert find_story_id(session, story_id) == story_id
            assert find_story_id(session, f" {story_id} ") == story_id
            assert find_story_id(session, title) == story_id
        assert find_story_id(session, "tides OF may") == ids["Tides of May"]
        assert find_story_id(session, "tides") == ids["Tides of May"]
        assert find_story_id(session, "up") == ids["Up"]
        assert find_story_id(session, twins[0]) == twins[0]
        # A beginning that only one id has; one letter short, all five have it.
        unique = next(
            n
            for n in range(4, 37)
            if sum(i[:n] == twins[1][:n] for i in [*ids.values(), *twins]) == 1
        )
        assert find_story_id(session, twins[1][:unique]) == twins[1]
        for reference in (
            "",
            "T",
            "nothing",
            "%%%%",
            "____",
            "1___",
            "a\0b",
            "x" * 60_000,
            "\udc80",
        ):
            with pytest.raises(UnknownStory, match="cascade stories") as unknown:
                find_story_id(session, reference)
            assert len(unknown.value.message) < 200
        for reference, said in (
            ("Twins", '2 stories are called "Twins"'),
            ("twins", '2 stories are called "twins"'),
            ("twin", '2 stories begin with "twin"'),
            (twins[0][:4], f'6 stories begin with "{twins[0][:4]}"'),
        ):
            with pytest.raises(AmbiguousStory, match=f"{said}. Give the id"):
                find_story_id(session, reference)


def test_ids_are_unique_and_sort_by_their_time() -> None:
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: new_id(), range(400)))
    assert len(set(many)) == 400
    assert {(uuid.UUID(one).version, str(uuid.UUID(one)) == one) for one in many} == {(7, True)}
    row = [new_id() for _ in range(400)]
    assert row == sorted(row)
    # Many may be of one millisecond, and the next of a thread's is later than all.
    assert new_id() > max(*many, *row)
    assert abs(int(new_id().replace("-", "")[:12], 16) - time.time() * 1000) < 60_000


def test_ids_of_before_come_before_those_of_today(database: Database) -> None:
    """Ids were 16 hexadecimal digits, which as text would come after today's UUIDs."""
    old, new = inserted(database), inserted(database)
    before = "19d00000000abcde"
    assert before > new
    with database.write() as session:
        # Scenes and shots of the older one are in the way of another id.
        session.execute(sa.delete(SceneShot))
        session.execute(sa.delete(ScenePlot))
        session.execute(sa.update(StoryVersion).where(StoryVersion.id == old).values(id=before))
        query = sa.select(StoryVersion.id).order_by(*oldest_first(StoryVersion.id))
        assert session.scalars(query).all() == [before, new]
        assert find_story_id(session, before) == find_story_id(session, "19d0") == before
        session.add_all(Project(id=one, name="") for one in ("10", "9"))
        query = sa.select(Project.id).where(sa.func.length(Project.id) < 3)
        assert session.scalars(query.order_by(*oldest_first(Project.id))).all() == ["9", "10"]


def test_an_unknown_story(database: Database) -> None:
    with database.write() as session:
        for read in (read_story, lock_story):
            with pytest.raises(UnknownStory):
                read(session, "no such story")


def test_a_scene_number_is_there_once(database: Database) -> None:
    inserted(database)
    with pytest.raises(DatabaseRefused), database.write() as session:
        session.execute(
            sa.text(
                "INSERT INTO scene_plots (id, story_version_id, scene_number) "
                "SELECT 'another', story_version_id, scene_number FROM scene_plots"
            )
        )
