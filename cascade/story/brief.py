"""A brief: everything one step's text is written from, for prompts and the offline writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cascade.story.plan import Plan, Step, neighbours, seam_piece
from cascade.story.story import Kind, Language, Scene, Story, piece_key


@dataclass(frozen=True, slots=True)
class Seam:
    """What a script must join on to: the neighbour scene's script, or its new plot.

    A neighbour that the same run rewrites gives its plot, because its script is about to go.
    """

    scene_number: int
    source: Literal["plot", "script"]
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """One text to write. Levels are 1-5; a missing neighbour (first or last beat) is None.

    `old_text` is the text that will be replaced (empty if there was none); `beat_content`,
    `key_action` and `plot` are the newest ones, where this kind of step comes after them.
    `seed` is the same for the same (run, step) and differs between runs. `speakers` are all who
    spoke in the story when the plan was made.
    """

    kind: Kind
    language: Language
    title: str
    synopsis: str
    genre: str
    tone: str
    structure_type: str
    beat_key: str
    beat_label: str
    previous_level: int
    new_level: int
    prev_beat_level: int | None
    next_beat_level: int | None
    prev_beat_content: str
    next_beat_content: str
    direction: str
    old_text: str
    beat_content: str
    key_action: str
    plot: str
    scene_number: int | None
    before: Seam | None
    after: Seam | None
    seed: str
    speakers: tuple[str, ...] = ()

    @property
    def rising(self) -> bool:
        """True where the new level is above the one before."""
        return self.new_level > self.previous_level


def brief_for(plan: Plan, step: Step, story: Story, seed: str) -> Brief:
    """The brief of one step of a plan, from the story as it is now (earlier steps are saved)."""
    change = plan.change(step.beat_key)
    keys = story.structure.keys
    at = keys.index(step.beat_key)
    replaced = {one.key for one in plan.steps}
    before = after = None
    plot = ""
    if step.scene_number is not None and step.kind == "script":
        plot = story.text(piece_key(step.beat_key, "scenePlot", step.scene_number))
        own = story.scene(step.beat_key, step.scene_number)
        if own is not None:
            before, after = (_seam(scene, story, replaced) for scene in neighbours(story, own))
    return Brief(
        kind=step.kind,
        language=story.language,
        title=story.title,
        synopsis=story.synopsis,
        genre=story.genre,
        tone=story.tone,
        structure_type=story.structure_type,
        beat_key=step.beat_key,
        beat_label=change.beat_label,
        previous_level=change.previous_level,
        new_level=change.new_level,
        prev_beat_level=change.prev_beat_level,
        next_beat_level=change.next_beat_level,
        prev_beat_content=story.contents.get(keys[at - 1], "") if at else "",
        next_beat_content=story.contents.get(keys[at + 1], "") if at + 1 < len(keys) else "",
        direction=change.direction,
        old_text=story.text(step.key),
        beat_content="" if step.kind == "beatContent" else story.contents.get(step.beat_key, ""),
        key_action=story.key_actions.get(step.beat_key, "")
        if step.scene_number is not None
        else "",
        plot=plot,
        scene_number=step.scene_number,
        before=before,
        after=after,
        seed=seed,
        speakers=plan.speakers,
    )


def _seam(scene: Scene | None, story: Story, replaced: set[str]) -> Seam | None:
    if scene is None:
        return None
    key = seam_piece(scene, replaced)
    text = story.text(key)
    if not text or scene.number is None:
        return None
    return Seam(scene.number, "plot" if "/scenePlot/" in key else "script", text)
