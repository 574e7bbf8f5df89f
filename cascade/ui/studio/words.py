"""The words of a beat as HTML: its content, its key action, its scenes with plot and script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from markupsafe import Markup

from cascade.display import readable
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, BeatKind, SceneKind
from cascade.story.piece import Piece, level_key
from cascade.story.story import Scene, Story, Unreadable
from cascade.story.structures import Beat
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import note, paragraphs, scene_name
from cascade.ui.kit.screenplay import screenplay
from cascade.ui.kit.texts import text
from cascade.ui.studio.marks import Marks


def beat_words(story: Story, beat: Beat, marks: Marks) -> Markup:
    """All of a beat, each text with its marks beside it."""
    why = story.why_unreadable(level_key(beat.key))
    return render(
        "studio/beat",
        trouble=_unreadable(why, text("piece.level", beat=beat.label)) if why else "",
        texts=[_beat_text(story, Piece(beat.key, kind), kind, marks) for kind in BEAT_KINDS],
        scenes=[_scene(story, scene, beat.key, marks) for scene in story.scenes_of(beat.key)],
        no_scenes=note(text("beats.no_scenes")),
    )


def loose_words(story: Story, marks: Marks) -> Markup:
    """The scenes that hang off no beat of the structure."""
    keys = story.structure.keys
    loose = (scene for scene in story.scenes if scene.beat_key not in keys)
    return render("studio/loose", scenes=[_scene(story, scene, "", marks) for scene in loose])


def _beat_text(
    story: Story, piece: Piece, kind: BeatKind, marks: Marks
) -> tuple[str, Markup, Markup]:
    """One text of a beat: its title, the marks beside that, and the text or why there is none."""
    if why := story.why_unreadable(str(piece)):
        body = _unreadable(why)
    else:
        words = story.text(piece)
        body = paragraphs(words) if words.strip() else note(text("beats.nothing"))
    return _title(kind), marks.beside(str(piece)), body


def _unreadable(why: Unreadable, what: str = "") -> Markup:
    """What stands in the place of something that could not be read: why, as HTML."""
    words = text("beats.unreadable", why=text(f"unreadable.{why}"))
    if what:
        words = f"{what[:1].upper()}{what[1:]}: {words[:1].lower()}{words[1:]}"
    return note(words, "unreadable")


def _title(kind: BeatKind) -> str:
    match kind:
        case "beatContent":
            return text("beats.content")
        case "keyAction":
            return text("beats.key_action")
        case _:
            assert_never(kind)


def _scene(story: Story, scene: Scene, beat_key: str, marks: Marks) -> Markup:
    name = scene_name(scene)
    own = Piece(beat_key, SCENE_KINDS[0], scene.number)
    keyless = story.keyless(scene)
    why = text("beats.keyless", why=text(f"keyless.{keyless}")) if keyless is not None else ""
    return render(
        "studio/scene",
        name=name,
        number=scene.number,
        marks=marks.beside(str(own)),
        trouble=note(why, "unreadable") if why else "",
        texts=[
            _scene_text(scene, kind, name, marks.beside(str(own.beside(kind))))
            for kind in SCENE_KINDS
        ],
        shots=[_shot(shot) for shot in scene.shots],
        marks_of_shots=marks.beside(str(Piece(beat_key, "shots", scene.number))),
    )


def _scene_text(scene: Scene, kind: SceneKind, name: str, beside: Markup) -> Markup:
    """One text of a scene as HTML. The marks of the first stand beside the scene's name."""
    words, why = scene.text(kind), scene.unreadable.get(kind)
    match kind:
        case "scenePlot":
            if why:
                return _unreadable(why)
            return paragraphs(words) if words.strip() else note(text("beats.no_plot"))
        case "script":
            if why:
                return render("studio/unreadable_script", trouble=_unreadable(why))
            if not words.strip():
                return note(text("beats.no_script"))
            return render("studio/script", marks=beside, page=screenplay(readable(words), name))
        case _:
            assert_never(kind)


def _shot(shot: Any) -> str:
    """A shot in words; documents may give one as a text or as an object of any keys."""
    if not isinstance(shot, Mapping):
        return str(shot)
    words = [str(value) for name, value in shot.items() if name != "number" and value]
    return ": ".join(words)
