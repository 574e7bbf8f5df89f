"""Stories as documents: any goes in and comes out again; a broken one says where, and stays out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import BadDocument
from cascade.formats.json import parse_document, read_document, story_document
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.accounts import first_project
from cascade.store.database import Database
from cascade.store.inserting import insert_story
from cascade.store.stories import read_story
from cascade.store.tables import Base
from cascade.story.kinds import KINDS
from cascade.story.limits import LIMITS
from cascade.story.stale import Stale
from cascade.story.story import Story
from cascade.story.structures import STRUCTURES
from tests.helpers.making import stories

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
# In a shot anything goes that JSON can say.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
LEVELS = st.integers(1, 5)


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    scenes = [
        {name: value for name, value in one.items() if name != "id"} for one in document["scenes"]
    ]
    return {**document, "id": "", "scenes": scenes}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents as people write them: optional fields missing or null, keys nobody knows."""
    structure = STRUCTURES[draw(st.sampled_from(sorted(STRUCTURES)))]

    def some(fields: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
        chosen = draw(st.fixed_dictionaries({}, optional=fields))
        return {name: value for name, value in chosen.items() if value is not ...}

    optional = st.none() | TEXTS
    document = {
        "title": draw(TEXTS.filter(str.strip)),
        "language": draw(st.sampled_from(["en", "id"])),
        "structureType": structure.type,
        **some(
            {"synopsis": optional, "genre": optional, "tone": optional, "id": JSON, "locked": JSON}
        ),
    }
    if draw(st.booleans()):
        keys = draw(st.lists(st.sampled_from(structure.keys), unique=True, max_size=4))
        fields = {
            "content": optional,
            "keyAction": optional,
            "tension": st.none() | LEVELS,
            "label": TEXTS,
        }
        document["beats"] = [{"key": key, **some(fields)} for key in keys]
    if draw(st.booleans()):
        numbers = draw(st.lists(st.integers(1, 2**31 - 1), unique=True, max_size=4))
        in_scene: dict[str, st.SearchStrategy[Any]] = {
            "beatKey": st.none() | st.sampled_from(structure.keys),
            "plot": optional,
            "script": optional,
            "shots": st.none() | st.lists(JSON, max_size=3),
            "id": TEXTS,
        }
        document["scenes"] = [{"number": number, **some(in_scene)} for number in numbers]
    return document


def expected(document: dict[str, Any]) -> dict[str, Any]:
    """What `show` prints of an imported document, said without the code that does it."""
    structure = STRUCTURES[document["structureType"]]
    beats = {beat["key"]: beat for beat in document.get("beats", [])}
    return {
        "id": "",
        "title": document["title"],
        "synopsis": document.get("synopsis") or "",
        "genre": document.get("genre") or "",
        "tone": document.get("tone") or "",
        "language": document["language"],
        "structureType": structure.type,
        "beats": [
            {
                "key": beat.key,
                "label": beat.label,
                "content": beats.get(beat.key, {}).get("content") or "",
                "keyAction": beats.get(beat.key, {}).get("keyAction") or "",
                "tension": beats.get(beat.key, {}).get("tension") or 3,
            }
            for beat in structure.beats
        ],
        "scenes": [
            {
                "number": scene["number"],
                "beatKey": scene.get("beatKey"),
                "plot": scene.get("plot") or "",
                "script": scene.get("script") or "",
                "shots": scene.get("shots") or [],
            }
            for scene in sorted(document.get("scenes", []), key=lambda one: one["number"])
        ],
        "outOfDate": [],
        "locked": [],
    }


def test_any_document_comes_out_as_it_went_in(database: Database) -> None:
    def imported(text: str) -> dict[str, Any]:
        with database.write() as session:
            story_id = insert_story(
                session, first_project(session), parse_document(text, "story.json")
            )
        with database.read() as session:
            shown = story_document(read_story(session, story_id))
        assert shown["id"] == story_id
        printed: dict[str, Any] = json.loads(json.dumps(shown, ensure_ascii=False))
        return printed

    @settings(max_examples=80 if database.is_sqlite else 40)
    @given(documents())
    def check(document: dict[str, Any]) -> None:
        first = imported(json.dumps(document))
        assert without_ids(first) == expected(document)
        # And what was shown can be imported again, into another story.
        second = imported(json.dumps(first, ensure_ascii=False))
        assert second["id"] != first["id"]
        assert without_ids(second) == without_ids(first)

    check()


def test_any_story_comes_back_as_it_was_written(database: Database) -> None:
    @settings(max_examples=60 if database.is_sqlite else 30)
    @given(stories(texts=TEXTS, shots=JSON))
    def check(story: Story) -> None:
        with database.write() as session:
            story_id = insert_story(session, first_project(session), story)
        with database.read() as session:
            found = read_story(session, story_id)
        assert found.id == story_id
        assert (found.levels, found.contents, found.key_actions) == (
            story.levels,
            story.contents,
            story.key_actions,
        )
        assert without_ids(story_document(found)) == without_ids(story_document(story))

    check()


def test_what_is_out_of_date_is_always_there_with_its_reason() -> None:
    story = parse_document('{"title": "T", "language": "en", "structureType": "cat"}', "t")
    assert (story_document(story)["outOfDate"], story_document(story)["locked"]) == ([], [])
    since = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    stale = {
        "midpoint/script/5": Stale("above", "scenePlot", since=since),
        "finale/keyAction": Stale("level", "level", 3, 5, since),
    }
    assert story_document(story, stale)["outOfDate"] == [
        {
            "key": "finale/keyAction",
            "reason": "the beat's level went from 3 to 5 on 21 Nov 2026",
            "since": "2026-11-21T09:30:00+00:00",
        },
        {
            "key": "midpoint/script/5",
            "reason": "the plot above it is out of date",
            "since": "2026-11-21T09:30:00+00:00",
        },
    ]


BASE: dict[str, Any] = {"title": "Tides", "language": "en", "structureType": "cat"}


def broken(**fields: Any) -> str:
    return json.dumps({**BASE, **fields})


def scene(**fields: Any) -> str:
    return broken(scenes=[{"number": 1}, {"number": 2, **fields}])


def beat(**fields: Any) -> str:
    return broken(beats=[{"key": "setup"}, {"key": "finale", **fields}])


BROKEN: list[tuple[str, str]] = [
    ("", "line 1, column 1"),
    ("{", "line 1, column 2"),
    ('{"title": "T",\n "language" "en"}', "line 2, column 13"),
    ("[]", "the document"),
    ("7", "the document"),
    ('"story"', "the document"),
    ("null", "the document"),
    ("{}", "title"),
    ('{"language": "en", "structureType": "cat"}', "title"),
    ('{"title": "T", "structureType": "cat"}', "language"),
    ('{"title": "T", "language": "en"}', "structureType"),
    (broken(title=""), "title"),
    (broken(title=" \n"), "title"),
    (broken(title=None), "title"),
    (broken(title=7), "title"),
    (broken(title="a\x00b"), "title"),
    (broken(title="a\ud800b"), "title"),
    (broken(language="fr"), "language"),
    (broken(language="EN"), "language"),
    (broken(structureType="kishotenketsu"), "kishotenketsu"),
    (broken(structureType="CAT"), "CAT"),
    (broken(synopsis=["a"]), "synopsis"),
    (broken(tone="\ud800"), "tone"),
    (broken(beats={}), "beats"),
    (broken(beats=None), "beats"),
    (broken(beats=["setup"]), "beats[0]"),
    (broken(beats=[{"content": "x"}]), "beats[0].key"),
    (broken(beats=[{"key": "ordeal"}]), '"ordeal"'),
    (broken(beats=[{"key": "setup"}, {"key": "setup"}]), '"setup"'),
    (beat(content=7), "beats[1].content"),
    (beat(keyAction={"a": 1}), "beats[1].keyAction"),
    (beat(keyAction="\x00"), "beats[1].keyAction"),
    (beat(tension=0), "finale"),
    (beat(tension=6), "finale"),
    (beat(tension=True), "beats[1].tension"),
    (beat(tension="3"), "beats[1].tension"),
    (beat(tension=2.5), "beats[1].tension"),
    (beat(tension=3.0), "beats[1].tension"),
    (broken(scenes={"1": {}}), "scenes"),
    (broken(scenes=[{}]), "scenes[0].number"),
    (scene(number=0), "scenes[1].number"),
    (scene(number=-4), "scenes[1].number"),
    (scene(number=2**31), "scenes[1].number"),
    (scene(number="2"), "scenes[1].number"),
    (scene(number=True), "scenes[1].number"),
    (scene(number=1), "number 1"),
    (scene(beatKey="ordeal"), '"ordeal"'),
    (scene(beatKey=""), '""'),
    (scene(beatKey=3), "scenes[1].beatKey"),
    (scene(plot=3), "scenes[1].plot"),
    (scene(script=["INT."]), "scenes[1].script"),
    (scene(script="a\x00"), "scenes[1].script"),
    (scene(shots="close"), "scenes[1].shots"),
    (scene(shots={"1": "close"}), "scenes[1].shots"),
    (scene(shots=[float("nan")]), "scenes[1].shots"),
    (scene(shots=["x", {"seconds": float("inf")}]), "scenes[1].shots"),
    (scene(shots=["\ud800"]), "scenes[1].shots"),
    (scene(shots=[{"\udfff": 1}]), "scenes[1].shots"),
    (scene(shots=[1]).replace("[1]", "[1e999]"), "scenes[1].shots"),
    (scene(shots=[1]).replace("[1]", "[" + "1" * 5000 + "]"), "number"),
    (scene(shots=[1]).replace("[1]", "[" * 100_000 + "]" * 100_000), "nested"),
]


@pytest.mark.parametrize(("text", "place"), BROKEN)
def test_a_broken_document_says_where(text: str, place: str) -> None:
    with pytest.raises(BadDocument) as refused:
        parse_document(text, "tides.json")
    message = refused.value.message
    assert message.startswith("tides.json")
    assert place in message
    assert "\n" not in message
    assert message.endswith((".", ")"))
    assert len(message) < 500


TOO_LONG: list[tuple[str, str]] = [
    (broken(title="x" * 301), "title: has 301 characters, where a title may have 300"),
    (broken(genre="x" * 301), "genre: has 301 characters, where a genre may have 300"),
    (broken(tone="x" * 1001), "tone: has 1,001 characters, where a tone may have 1,000"),
    (broken(synopsis="x" * 20_001), "synopsis: has 20,001 characters, where a synopsis may have"),
    (broken(structureType="x" * 101), "structureType: has 101 characters, where a key may have"),
    (beat(key="x" * 1_000_000), "beats[1].key: has 1,000,000 characters"),
    (beat(content="x" * 50_001), "beats[1].content: has 50,001 characters, where a beat's content"),
    (beat(keyAction="x" * 5_001), "beats[1].keyAction: has 5,001 characters, where a key action"),
    (
        scene(plot="x" * 50_001),
        "scenes[1].plot: has 50,001 characters, where a plot may have 50,000",
    ),
    (scene(script="[" * 200_001), "scenes[1].script: has 200,001 characters, where a script may"),
    (
        scene(shots=["x" * 199_997]),
        "scenes[1].shots: has 200,001 characters, where a scene's shots",
    ),
    (broken(scenes=[{"number": n} for n in range(1, 5_002)]), "scenes: has 5,001 scenes"),
]


@pytest.mark.parametrize(("text", "said"), TOO_LONG, ids=[said[:20] for _, said in TOO_LONG])
def test_what_is_too_long_is_refused_with_its_place_and_the_limit(text: str, said: str) -> None:
    with pytest.raises(BadDocument) as refused:
        parse_document(text, "tides.json")
    assert refused.value.message.startswith(f"tides.json: {said}")
    assert refused.value.message.endswith("; shorten it.")
    assert len(refused.value.message) < 200


def test_what_is_as_long_as_it_may_be_is_taken() -> None:
    assert set(LIMITS) == {
        *("title", "genre", "tone", "synopsis", "key", "direction", "shots", "scenes", "document"),
        *KINDS,
    }
    scenes: list[dict[str, Any]] = [{"number": n} for n in range(1, LIMITS["scenes"] + 1)]
    scenes[0] |= {
        "plot": "x" * LIMITS["scenePlot"],
        "script": "x" * LIMITS["script"],
        "shots": ["x" * (LIMITS["shots"] - 4)],
    }
    content = {"content": "x" * LIMITS["beatContent"], "keyAction": "x" * LIMITS["keyAction"]}
    head = {name: "x" * LIMITS[name] for name in ("title", "genre", "tone", "synopsis")}
    story = parse_document(broken(**head, beats=[{"key": "setup", **content}], scenes=scenes), "t")
    assert len(story.scenes) == LIMITS["scenes"]
    assert len(story.scenes[0].script) == LIMITS["script"]


def test_a_file_beyond_every_story_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tides.json"
    with path.open("wb") as file:
        file.truncate(LIMITS["document"] + 1)  # takes no room
    with pytest.raises(BadDocument, match=r"tides.json has 100,000,001 bytes, where a file may"):
        read_document(path)


def test_several_problems_are_counted() -> None:
    with pytest.raises(BadDocument, match=r"title: .* \(2 more problems\)"):
        parse_document('{"structureType": "cat", "scenes": [{"number": 0}]}', "tides.json")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "tides.json"
    for content, place in ((b"\xff\xfe{\x00", "byte 0"), (b'{"title": "\xe9"}', "byte 11")):
        path.write_bytes(content)
        with pytest.raises(BadDocument, match=rf"tides\.json is not UTF-8 text .*{place}"):
            read_document(path)
    with pytest.raises(BadDocument, match=r"nowhere\.json cannot be read: No such file"):
        read_document(tmp_path / "nowhere.json")
    with pytest.raises(BadDocument, match="cannot be read: Is a directory"):
        read_document(tmp_path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "tides.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(BASE).encode())
    assert read_document(path).title == "Tides"


def test_a_broken_document_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    service = Service(Settings(database_url=database_url, provider="offline", samples="off"))
    path = tmp_path / "tides.json"

    def rows() -> dict[str, int]:
        with service.database.read() as session:
            return {
                table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }

    try:
        path.write_text(broken(scenes=[{"number": 1, "shots": ["a"]}]))
        service.operator().import_story(path)
        before = rows()
        assert (before["story_versions"], before["scene_plots"], before["scene_shots"]) == (1, 1, 1)
        for text, _ in BROKEN:
            path.write_text(text)
            with pytest.raises(BadDocument):
                service.operator().import_story(path)
            assert rows() == before
    finally:
        service.close()
