"""A story to read: its beats in order, each with its content, key action and scenes.

A fragment: opening a beat draws this part anew and nothing else of the page. What is in a beat is
drawn, and sent to the browser, when it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import streamlit as st
from markupsafe import Markup

from cascade.display import readable
from cascade.service import Desk, Studio, Written
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, BeatKind, SceneKind
from cascade.story.piece import Piece, level_key
from cascade.story.stale import Stale
from cascade.story.story import Scene, Story, Unreadable
from cascade.story.structures import Beat
from cascade.ui import session
from cascade.ui.kit.expanders import box, close, open_
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape, note, paragraphs, scene_name
from cascade.ui.kit.screenplay import screenplay
from cascade.ui.kit.texts import count, text
from cascade.ui.kit.writer import byline
from cascade.ui.studio.out_of_date import draw_of_beat, draw_summary, mark, why_stale


@dataclass(frozen=True, slots=True)
class _Marks:
    """What is to be said beside pieces: out of date, just written, and what wrote them."""

    stale: Mapping[str, Stale]
    written: Mapping[str, Written]
    new_from: set[str]

    def is_new(self, key: str) -> bool:
        return key in self.written and self.written[key].run_id in self.new_from

    def beside(self, key: str) -> Markup:
        """The marks of one piece as HTML."""
        written, stale = self.written.get(key), self.stale.get(key)
        return render(
            "studio/marks",
            is_new=self.is_new(key),
            stale=mark(Piece.parse(key), stale) if stale is not None else "",
            why=why_stale(stale) if stale is not None else "",
            byline=byline(written.provider, written.model) if written else "",
        )

    def badges(self, beat_key: str) -> str:
        """The marks of a whole beat, as Markdown."""
        badges = ""
        if any(key.startswith(f"{beat_key}/") and self.is_new(key) for key in self.written):
            badges += f" :green-badge[{text('beats.new')}]"
        # Shots carry a mark of their own: nothing is to be rewritten because of them.
        if any(key.startswith(f"{beat_key}/") and "/shots/" not in key for key in self.stale):
            badges += f" :yellow-badge[{text('beats.out_of_date')}]"
        return badges


def draw_beats(desk: Desk, studio: Studio, *, new_from: set[str]) -> None:
    """All beats as expanders; what the runs of `new_from` wrote is marked as new."""
    is_full_run = True

    def beats() -> None:
        found = studio.beats.get() if is_full_run else desk.beats(studio.story_id)
        story = found.story
        marks = _Marks(found.out_of_date, found.writers, new_from)
        _draw_title(story)
        draw_summary(studio, story, found.out_of_date)
        if not story.scenes and not any(story.contents.values()):
            words = f"**{text('empty.beats')}.** {text('empty.beats_help')}"
            st.info(words, icon=":material/draft:")
        for number, beat in enumerate(story.structure.beats, 1):
            opened = box(_label(story, number, beat, marks), _key(story, beat.key))
            if opened.open:
                opened.html(_beat(story, beat, marks))
                with opened:
                    draw_of_beat(desk, studio, story, beat, marks.stale)
        beat_keys = story.structure.keys
        loose = [scene for scene in story.scenes if scene.beat_key not in beat_keys]
        if loose:
            label = f"{text('beats.loose')} · {count('beats.scenes', len(loose))}"
            opened = box(label, _key(story, "none"))
            if opened.open:
                opened.html("".join(_scene(story, scene, "", marks) for scene in loose))

    session.fragment(beats)()
    is_full_run = False


def _draw_title(story: Story) -> None:
    keys = [_key(story, beat.key) for beat in story.structure.beats] + [_key(story, "none")]
    with st.container(horizontal=True, vertical_alignment="center", key="beats-title"):
        st.subheader(text("beats.title"), anchor=False, width="stretch")
        st.button(
            text("beats.open_all"), key="beats-open", type="tertiary", on_click=open_, args=keys
        )
        st.button(
            text("beats.close_all"), key="beats-close", type="tertiary", on_click=close, args=keys
        )


def _key(story: Story, beat_key: str) -> str:
    return f"beat-{story.id}-{beat_key}"


def _label(story: Story, number: int, beat: Beat, marks: _Marks) -> str:
    level = "?" if story.why_unreadable(level_key(beat.key)) else story.curve[beat.key]
    label = escape(text("beats.label", number=number, beat=beat.label, level=level))
    scenes = len(story.scenes_of(beat.key))
    if scenes:
        label += f" · {count('beats.scenes', scenes)}"
    return label + marks.badges(beat.key)


def _beat(story: Story, beat: Beat, marks: _Marks) -> Markup:
    why = story.why_unreadable(level_key(beat.key))
    return render(
        "studio/beat",
        trouble=_unreadable(why, text("piece.level", beat=beat.label)) if why else "",
        texts=[_beat_text(story, Piece(beat.key, kind), kind, marks) for kind in BEAT_KINDS],
        scenes=[_scene(story, scene, beat.key, marks) for scene in story.scenes_of(beat.key)],
        no_scenes=note(text("beats.no_scenes")),
    )


def _beat_text(
    story: Story, piece: Piece, kind: BeatKind, marks: _Marks
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


def _scene(story: Story, scene: Scene, beat_key: str, marks: _Marks) -> Markup:
    name = scene_name(scene)
    own = Piece(beat_key, SCENE_KINDS[0], scene.number)
    keyless = story.keyless(scene)
    why = text("beats.keyless", why=text(f"keyless.{keyless}")) if keyless is not None else ""
    return render(
        "studio/scene",
        name=name,
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
