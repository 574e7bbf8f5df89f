"""A story to read: its beats in order, each with its content, key action and scenes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from cascade.service import Service
from cascade.story.document import Kind, Scene, Story, piece_key
from cascade.story.structures import Beat
from cascade.ui.boxes import box
from cascade.ui.prose import escape, note, paragraphs, scene_name, screenplay
from cascade.ui.texts import count, text
from cascade.ui.writer import byline

Writers = Mapping[str, tuple[str, str]]


def draw_beats(service: Service, story: Story) -> None:
    """All beats as expanders; what is in one is drawn when it is open."""
    marked = service.out_of_date(story.id)
    writers = service.writers(story.id)
    st.subheader(text("beats.title"), anchor=False)
    if marked:
        st.caption(escape(text("beats.out_of_date_help")))
    if not story.scenes and not any(story.contents.values()):
        st.info(f"**{text('empty.beats')}.** {text('empty.beats_help')}", icon=":material/draft:")
    for number, beat in enumerate(story.structure.beats, 1):
        stale = any(key.startswith(f"{beat.key}/") for key in marked)
        opened = box(_label(story, number, beat, stale=stale), f"beat-{story.id}-{beat.key}")
        if opened.open:
            opened.html(_beat(story, beat, marked, writers))
    loose = [scene for scene in story.scenes if scene.beat_key is None]
    if loose:
        label = f"{text('beats.loose')} · {count('beats.scenes', len(loose))}"
        opened = box(label, f"beat-{story.id}-none")
        if opened.open:
            opened.html("".join(_scene(scene, "", marked, writers) for scene in loose))


def _label(story: Story, number: int, beat: Beat, *, stale: bool) -> str:
    label = escape(text("beats.label", number=number, beat=beat.label, level=story.curve[beat.key]))
    scenes = len(story.scenes_of(beat.key))
    if scenes:
        label += f" · {count('beats.scenes', scenes)}"
    return f"{label} :orange-badge[{text('beats.out_of_date')}]" if stale else label


def _beat(story: Story, beat: Beat, marked: set[str], writers: Writers) -> str:
    parts = []
    texts: tuple[tuple[str, Kind, str], ...] = (
        ("beats.content", "beatContent", story.contents.get(beat.key, "")),
        ("beats.key_action", "keyAction", story.key_actions.get(beat.key, "")),
    )
    for title, kind, words in texts:
        key = piece_key(beat.key, kind)
        parts.append(f"<h4>{text(title)}{_marks(key, marked, writers)}</h4>")
        parts.append(paragraphs(words) if words.strip() else note(text("beats.nothing")))
    scenes = story.scenes_of(beat.key)
    parts += [_scene(scene, beat.key, marked, writers) for scene in scenes]
    if not scenes:
        parts.append(note(text("beats.no_scenes")))
    return f'<div class="arc-beat">{"".join(parts)}</div>'


def _scene(scene: Scene, beat_key: str, marked: set[str], writers: Writers) -> str:
    name = scene_name(scene)
    plot_key, script_key = (
        piece_key(beat_key, "scenePlot", scene.number),
        piece_key(beat_key, "script", scene.number),
    )
    plot = paragraphs(scene.plot) if scene.plot.strip() else note(text("beats.no_plot"))
    script_marks = _marks(script_key, marked, writers)
    if scene.script.strip():
        script = (
            f"<details><summary>{text('beats.script')}{script_marks}</summary>"
            f"{screenplay(scene.script, name)}</details>"
        )
    else:
        script = note(text("beats.no_script"))
    shots = _shots(scene, _marks(piece_key(beat_key, "shots", scene.number), marked, {}))
    heading = f"<h4>{html.escape(name)}{_marks(plot_key, marked, writers)}</h4>"
    return f'<section class="arc-scene">{heading}{plot}{script}{shots}</section>'


def _shots(scene: Scene, marks: str) -> str:
    if not scene.shots:
        return ""
    items = "".join(f"<li>{html.escape(_shot(shot))}</li>" for shot in scene.shots)
    title = count("beats.shots", len(scene.shots))
    return f"<details><summary>{title}{marks}</summary><ol>{items}</ol></details>"


def _shot(shot: Any) -> str:
    """A shot in words; documents may give one as a text or as an object of any keys."""
    if not isinstance(shot, Mapping):
        return str(shot)
    words = [str(value) for name, value in shot.items() if name != "number" and value]
    return ": ".join(words)


def _marks(key: str, marked: set[str], writers: Writers) -> str:
    """What must be said beside a piece: that it is out of date, and what wrote it."""
    marks = ""
    if key in marked:
        marks += f' <span class="arc-mark stale">{text("beats.out_of_date")}</span>'
    if key in writers:
        marks += f' <span class="arc-mark">{html.escape(byline(*writers[key]))}</span>'
    return marks
