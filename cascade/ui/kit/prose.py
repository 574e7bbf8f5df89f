"""Texts of stories on the page: shown as they are, never read as Markdown or HTML."""

from __future__ import annotations

import re

from markupsafe import Markup

from cascade.display import readable
from cascade.story.fountain import heading
from cascade.story.kinds import Kind
from cascade.story.plan import Step
from cascade.story.story import Scene, Story
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!$:~|<>&^=/])")
# What the page's Markdown makes of plain words even where every sign of theirs is escaped: links
# out of addresses, icons and emojis out of names between colons, arrows and dashes out of signs.
_LIVELY = re.compile(
    r"(?i:(?<=http:)|(?<=https:))(?=//)"
    r"|(?i:(?<=www))(?=\.)"
    r"|(?<=[-.\w+])(?=@[-\w])"
    r"|(?<=:)(?=(?:[-+\w]*[a-z][-+\w]*|[-+]1|100|1234):)"
    r"|(?:(?<=\s<)|(?<=^<))(?=-)"
    r"|(?:(?<=\s[->~])|(?<=^[->~]))(?=[->=](?:\s|$))"
    r"|(?:(?<=\s<)|(?<=^<))(?==(?:\s|$))"
)
# Keeps two signs apart to the page, and together to whoever reads them: it has no width.
_APART = "\N{WORD JOINER}"
_LONGEST = 1000
_LONGEST_NAME = 80


def escape(words: str, most: int = _LONGEST) -> str:
    """Words for a place that reads Markdown, such that it shows them as they are, on one line.

    Every text or name that somebody else has written comes through here on its way to Markdown.
    """
    return _inert(first_words(readable(words), most))


def _inert(line: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _LIVELY.sub(_APART, line))


def sentences(words: str) -> str:
    """Our own sentences for a place that reads Markdown, others' names in them as they are.

    What stands between backticks is a command to copy, and set as one.
    """
    parts = first_words(readable(words), _LONGEST).split("`")
    commands = parts[1::2]
    if len(parts) % 2 == 0 or not all(one.strip() for one in commands):
        return escape(words)
    # Between backticks Markdown reads nothing, and there is none left in a part.
    return "".join(f"`{one}`" if n % 2 else _inert(one) for n, one in enumerate(parts))


def paragraphs(words: str) -> Markup:
    """Prose as HTML paragraphs: a blank line ends one, a single break stays a break."""
    parts = [part.strip() for part in re.split(r"\n\s*\n", words)]
    return render("kit/paragraphs", parts=[readable(part).split("\n") for part in parts if part])


def note(words: str, tone: str = "") -> Markup:
    """A remark in the place of a text, as HTML; quiet, or of the `tone` of a class."""
    return render("kit/note", words=words, tone=tone)


def first_words(words: str, most: int = 90) -> str:
    """How a text begins, on one line and cut between two words, or in one that has no end."""
    # Cut first: it may be a whole book.
    line = " ".join(words[: 9 * most].split())
    if len(line) <= most and len(words) <= 9 * most:
        return line
    begin = line[:most].rsplit(" ", 1)[0]
    return f"{begin if len(begin) >= most // 2 else line[:most]}…"


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
        return text_name(step.kind)
    scene = story.scene(step.beat_key, step.scene_number)
    name = scene_name(scene) if scene else text("scene.bare", number=step.scene_number)
    return text_name(step.kind, name)


def text_name(kind: Kind, scene: str = "") -> str:
    """What a text is: its kind and, of one of a scene's, that by its name."""
    return text(f"step.{kind}", scene=scene[:1].lower() + scene[1:])


def _named(number: int | None, place: str) -> str:
    place = first_words(place, _LONGEST_NAME)
    if number is None:
        return text("scene.unnumbered_name", heading=place)
    return text("scene.name", number=number, heading=place)
