"""Stories as JSON documents: what `show --json` prints and `import` takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
)
from pydantic.alias_generators import to_camel

from cascade.errors import BadDocument, CascadeError
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, Kind, row
from cascade.story.limits import Limited, over
from cascade.story.stale import Stale
from cascade.story.story import Language, Scene, Story
from cascade.story.structures import structure
from cascade.story.tension import check_level


def _storable(text: str) -> str:
    # Neither database keeps these; better said now than at the insert.
    if "\x00" in text:
        raise ValueError("holds a NUL character; take it out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair; save the file as UTF-8 again") from None
    return text


def _writable(shots: list[Any]) -> list[Any]:
    # A shot may be anything, but Python reads more from a file than JSON can say.
    try:
        json.dumps(shots, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair; save the file as UTF-8 again") from None
    except ValueError:
        raise ValueError("holds NaN or an infinite number; take it out") from None
    return shots


# Keys of `show --json` that a document may have and that say nothing to a new story.
_PASSED_OVER = ("id", "label", "outOfDate", "locked")
# How many problems one message tells, and how much of a key.
MOST_TOLD = 5
LONGEST_KEY = 60


def _within(what: Limited, size: Callable[[Any], int] = len) -> AfterValidator:
    """Lets through what is no longer than one of the kind may be."""

    def check(value: Any) -> Any:
        if problem := over(what, size(value)):
            raise ValueError(problem)
        return value

    return AfterValidator(check)


def _as_json(shots: list[Any]) -> int:
    return len(json.dumps(shots, ensure_ascii=False))


# The length first: what is too long is not looked through.
Key = Annotated[StrictStr, _within("key"), AfterValidator(_storable)]
Title = Annotated[StrictStr, _within("title"), AfterValidator(_storable)]
Genre = Annotated[StrictStr, _within("genre"), AfterValidator(_storable)]
Tone = Annotated[StrictStr, _within("tone"), AfterValidator(_storable)]
Synopsis = Annotated[StrictStr, _within("synopsis"), AfterValidator(_storable)]
Shots = Annotated[list[Any], AfterValidator(_writable), _within("shots", _as_json)]


LeftOut = Callable[[str], None]


class _Document(BaseModel):
    # What is not known has been refused or told before: see `_not_understood`.
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


def _texts(kinds: Iterable[Kind]) -> dict[str, Any]:
    """The fields of the texts that each beat, or each scene, has: by kind, as documents name it."""
    return {
        kind: (
            Annotated[StrictStr, _within(kind), AfterValidator(_storable)] | None,
            Field("", alias=row(kind).document),
        )
        for kind in kinds
    }


class _BeatBase(_Document):
    key: Key
    tension: StrictInt | None = None


_Beat = create_model("_Beat", __base__=_BeatBase, **_texts(BEAT_KINDS))


class _SceneBase(_Document):
    # Postgres keeps it in four bytes.
    number: Annotated[StrictInt, Field(ge=1, le=2_147_483_647)]
    beat_key: Key | None = None
    shots: Shots | None = None


_Scene = create_model("_Scene", __base__=_SceneBase, **_texts(SCENE_KINDS))


class _Story(_Document):
    title: Title
    language: Language
    structure_type: Key
    synopsis: Synopsis | None = ""
    genre: Genre | None = ""
    tone: Tone | None = ""
    beats: list[_Beat] = Field(default_factory=list)
    scenes: Annotated[list[_Scene], _within("scenes")] = Field(default_factory=list)


def story_document(
    story: Story, out_of_date: Mapping[str, Stale] = MappingProxyType({})
) -> dict[str, Any]:
    """A story as a JSON document, with what of it is out of date and why."""
    curve = story.curve
    return {
        "id": story.id,
        "title": story.title,
        "synopsis": story.synopsis,
        "genre": story.genre,
        "tone": story.tone,
        "language": story.language,
        "structureType": story.structure_type,
        "beats": [
            {
                "key": beat.key,
                "label": beat.label,
                **{
                    row(kind).document: story.texts.get(kind, {}).get(beat.key, "")
                    for kind in BEAT_KINDS
                },
                "tension": curve[beat.key],
            }
            for beat in story.structure.beats
        ],
        "scenes": [
            {
                "id": scene.id,
                "number": scene.number,
                "beatKey": scene.beat_key,
                **{row(kind).document: scene.text(kind) for kind in SCENE_KINDS},
                "shots": list(scene.shots),
            }
            for scene in story.scenes
        ],
        "outOfDate": [
            {
                "key": key,
                "reason": stale.describe(),
                "since": stale.since.isoformat() if stale.since is not None else None,
            }
            for key, stale in sorted(out_of_date.items())
        ],
        "locked": [],
    }


def read_document(path: Path, left_out: LeftOut | None = None) -> Story:
    """A story out of a JSON file. Raises BadDocument, which says where in the file and what."""
    try:
        if problem := over("document", path.stat().st_size):
            raise BadDocument(f"{path.name} {problem}.")
        data = path.read_bytes()
    except OSError as error:
        raise BadDocument(f"{path} cannot be read: {error.strerror}.") from None
    return decode_document(data, path.name, left_out)


def decode_document(data: bytes, name: str, left_out: LeftOut | None = None) -> Story:
    """A story out of the bytes of a JSON file; `name` is for messages. Raises BadDocument."""
    if problem := over("document", len(data)):
        raise BadDocument(f"{name} {problem}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument(
            f"{name} is not UTF-8 text (at byte {error.start}). Save it as UTF-8."
        ) from None
    return parse_document(text, name, left_out)


def parse_document(text: str, name: str, left_out: LeftOut | None = None) -> Story:
    """A story out of JSON text; `name` is for messages. Raises BadDocument.

    A key that is not known, or stands twice in one object, is refused; with `left_out` it is left
    out and told to it, a line each (of two the last one counts).
    """
    try:
        raw = json.loads(text, object_pairs_hook=_Object.of)
    except json.JSONDecodeError as error:
        raise BadDocument(
            f"{name} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise BadDocument(f"{name} is nested too deeply to be a story.") from None
    except ValueError:
        # Python reads no whole number of more than 4300 digits.
        raise BadDocument(f"{name} is not a story: a number in it is too long.") from None
    odd = list(_not_understood(raw))
    if odd and left_out is None:
        more = f" ({len(odd) - MOST_TOLD} more)" if len(odd) > MOST_TOLD else ""
        raise BadDocument(
            f"{name}: {'; '.join(odd[:MOST_TOLD])}{more}. Mend the file, or leave that out "
            "with --lenient."
        )
    try:
        document = _Story.model_validate(raw)
    except ValidationError as error:
        raise BadDocument(f"{name}: {_first_problem(error)}") from None
    try:
        story = _to_story(document)
    except CascadeError as error:
        raise BadDocument(f"{name}: {error.message}") from None
    for line in odd:
        assert left_out is not None
        left_out(line)
    return story


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys stood there twice."""

    twice: tuple[str, ...] = ()

    @classmethod
    def of(cls, members: list[tuple[str, Any]]) -> _Object:
        found = cls(members)
        if len(found) < len(members):
            names = [name for name, _ in members]
            found.twice = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
        return found


def _not_understood(raw: Any) -> Iterator[str]:
    """What of a document is not known or stands twice, each with its place."""
    yield from _twice(raw, "")
    if not isinstance(raw, dict):
        return
    yield from _unknown(raw, _Story, "")
    for name, model in (("beats", _Beat), ("scenes", _Scene)):
        many = raw.get(name)
        for number, one in enumerate(many if isinstance(many, list) else ()):
            if isinstance(one, dict):
                yield from _unknown(one, model, f"{name}[{number}].")


def _unknown(raw: Mapping[str, Any], model: type[_Document], place: str) -> Iterator[str]:
    known = [field.alias or name for name, field in model.model_fields.items()]
    for key in raw:
        if key not in known and key not in _PASSED_OVER:
            near = get_close_matches(to_camel(key), known, n=1, cutoff=0.7)
            hint = f" (is {near[0]} meant?)" if near else ""
            yield f"{place}{_shown(key)} is not known{hint}"


def _twice(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, _Object):
        yield from (f"{place}{_shown(key)} is there twice" for key in value.twice)
        for key, inner in value.items():
            yield from _twice(inner, f"{place}{_shown(key)}.")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _twice(inner, f"{place.removesuffix('.')}[{number}].")


def _shown(key: str) -> str:
    """A key for a message: cut where it is long, and with nothing that a terminal would obey."""
    shown = key if len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}…"
    return shown if shown.isprintable() else repr(shown)


def _to_story(document: _Story) -> Story:
    beat_sheet = structure(document.structure_type)
    if not document.title.strip():
        raise BadDocument("the title is empty. Give the story a title.")
    seen: set[str] = set()
    for beat in document.beats:
        beat_sheet.beat(beat.key)
        if beat.key in seen:
            raise BadDocument(f'the beat "{beat.key}" is there twice. Keep one of them.')
        if beat.tension is not None:
            check_level(beat.tension, beat.key)
        seen.add(beat.key)
    numbers: set[int] = set()
    for scene in document.scenes:
        if scene.number in numbers:
            raise BadDocument(f"two scenes have the number {scene.number}. Number each one once.")
        numbers.add(scene.number)
        if scene.beat_key is not None:
            beat_sheet.beat(scene.beat_key)
    return Story(
        title=document.title,
        language=document.language,
        structure_type=document.structure_type,
        synopsis=document.synopsis or "",
        genre=document.genre or "",
        tone=document.tone or "",
        levels={b.key: b.tension for b in document.beats if b.tension is not None},
        texts={
            kind: {beat.key: getattr(beat, kind) or "" for beat in document.beats}
            for kind in BEAT_KINDS
        },
        scenes=tuple(
            Scene(
                number=scene.number,
                beat_key=scene.beat_key,
                texts={kind: getattr(scene, kind) or "" for kind in SCENE_KINDS},
                shots=tuple(scene.shots or ()),
            )
            for scene in sorted(document.scenes, key=lambda scene: scene.number)
        ),
    )


def _first_problem(error: ValidationError) -> str:
    problems = error.errors()
    first = problems[0]
    place = ""
    for part in first["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
    what = first["msg"].removeprefix("Value error, ")
    return f"{place or 'the document'}: {what}{more}."
