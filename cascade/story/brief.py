"""A brief: everything one step's text is written from, for prompts and the offline writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cascade.story import kinds
from cascade.story.kinds import Form, Kind
from cascade.story.plan import Plan, Step, around, neighbours, seam_piece, siblings, still_to_go
from cascade.story.story import Language, Scene, Story


@dataclass(frozen=True, slots=True)
class Seam:
    """What a script must join on to: the neighbour scene's script, or its new plot.

    A neighbour that the same run has yet to rewrite gives its plot, because its script is about to
    go. `source` says which it is, as a model's answer names it.
    """

    scene_number: int
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another text of the same kind in the beat, as it stands when this one is asked for."""

    scene_number: int
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """One text to write. Levels are 1-5; a missing neighbour (first or last beat) is None.

    `old_text` is the text that will be replaced (empty if there was none); `sources` are the
    newest texts that this one is written from, by their kind, the nearest last.
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
    scene_number: int | None
    before: Seam | None
    after: Seam | None
    seed: str
    speakers: tuple[str, ...] = ()
    sources: Mapping[Kind, str] = field(default_factory=dict)
    siblings: tuple[Sibling, ...] = ()

    @property
    def stays(self) -> bool:
        """True where the level is not changed: the text is brought back in line with the others."""
        return self.new_level == self.previous_level

    @property
    def rising(self) -> bool:
        """True where the new level is above the one before."""
        return self.new_level > self.previous_level

    def source(self, form: Form) -> str:
        """The newest text of that form that this one is written from; empty where there is none."""
        texts = [text for kind, text in self.sources.items() if kinds.row(kind).form == form]
        return texts[-1] if texts else ""


def brief_for(plan: Plan, step: Step, story: Story, seed: str) -> Brief:
    """The brief of one step of a plan, from the story as it is now (earlier steps are saved)."""
    change = plan.change(step.beat_key)
    row = kinds.row(step.kind)
    to_go = still_to_go(plan.steps)[step.beat_key]
    before = after = None
    own = story.scene_of(step.piece)
    if "seams" in row.beside and own is not None:
        before, after = (_seam(scene, step.kind, story, to_go) for scene in neighbours(story, own))
    prev_content, next_content = (
        story.texts.get(kinds.AROUND, {}).get(beat or "", "") if "around" in row.beside else ""
        for beat in around(story, step.beat_key)
    )
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
        prev_beat_content=prev_content,
        next_beat_content=next_content,
        direction=change.direction,
        old_text=story.text(step.piece),
        scene_number=step.scene_number,
        before=before,
        after=after,
        seed=seed,
        speakers=plan.speakers,
        siblings=_siblings(story, step) if "siblings" in row.beside else (),
        sources={kind: story.text(step.piece.beside(kind)) for kind in row.written_from},
    )


def _siblings(story: Story, step: Step) -> tuple[Sibling, ...]:
    """The beat's other texts of the step's kind that are not empty, in story order."""
    return tuple(
        Sibling(other.scene, text)
        for other in siblings(story, step.piece)
        if other.scene is not None and (text := story.text(other)).strip()
    )


def _seam(scene: Scene | None, kind: Kind, story: Story, to_go: set[str]) -> Seam | None:
    if scene is None:
        return None
    piece = seam_piece(scene, kind, to_go)
    text = story.text(piece)
    if not text or scene.number is None:
        return None
    return Seam(scene.number, kinds.row(piece.text_kind).answer, text)
