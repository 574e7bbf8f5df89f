"""Texts of stories on the page: shown as they are, never read as Markdown or HTML."""

from __future__ import annotations

import html
import re

from cascade.story.document import Scene, Story
from cascade.story.fountain import heading
from cascade.story.plan import Step
from cascade.ui.texts import text

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!$:~|<>&^=])")
_LONGEST_NAME = 80


def escape(words: str) -> str:
    """Words for a place that reads Markdown, such that it shows them as they are."""
    return _MARKDOWN.sub(r"\\\1", words)


def paragraphs(words: str, css_class: str = "arc-prose") -> str:
    """Prose as HTML paragraphs: a blank line ends one, a single break stays a break."""
    parts = [html.escape(part.strip()) for part in re.split(r"\n\s*\n", words) if part.strip()]
    body = "".join("<p>{}</p>".format(part.replace("\n", "<br>")) for part in parts)
    return f'<div class="{css_class}">{body}</div>'


def note(words: str, tone: str = "") -> str:
    """A remark in the place of a text, as HTML; quiet, or of the `tone` of a class."""
    return f'<p class="{f"arc-note {tone}".strip()}">{html.escape(words)}</p>'


def first_words(words: str, most: int = 90) -> str:
    """How a text begins, on one line and cut between two words."""
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[:most].rsplit(' ', 1)[0]}…"


def scene_name(scene: Scene) -> str:
    """A scene by number and heading: the one in its script, else how its plot begins."""
    for line in scene.script.splitlines():
        if place := heading(line):
            return _named(scene.number, place)
    first = scene.plot.strip().split("\n")[0]
    if first:
        return _named(scene.number, first)
    if scene.number is None:
        return text("scene.unnumbered")
    return text("scene.bare", number=scene.number)


def step_name(story: Story, step: Step) -> str:
    """What a step of a run writes, by kind and scene: `Plot of scene 9: INT. KITCHEN - NIGHT`."""
    if step.scene_number is None:
        return text(f"step.{step.kind}")
    scene = story.scene(step.beat_key, step.scene_number)
    name = scene_name(scene) if scene else text("scene.bare", number=step.scene_number)
    return text(f"step.{step.kind}", scene=name[:1].lower() + name[1:])


def _named(number: int | None, place: str) -> str:
    place = first_words(place, _LONGEST_NAME)
    if number is None:
        return text("scene.unnumbered_name", heading=place)
    return text("scene.name", number=number, heading=place)
