"""A plan: what a set of tension changes will do, in order, for how many credits. Writes nothing.

A plan names the revision (`digest`) of every text it will replace and of every neighbour it reads,
so that whoever starts it later can tell whether the story is still the one it was made from.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, assert_never

from cascade.errors import UnreadablePieces
from cascade.story import kinds
from cascade.story.kinds import Kind
from cascade.story.piece import Piece
from cascade.story.speakers import speakers
from cascade.story.story import Part, Scene, Story, digest
from cascade.story.tension import pending_changes

# Part of every hash. Raised where what a hash covers, or how it is written, changes; a hash that
# was made before then matches no plan.
HASH_VERSION = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One beat's change of level. Neighbour levels are those after the run; None past the ends.

    Where only texts that are out of date are rewritten the new level is the previous one.
    `expected_level` is what the story has when the run starts: the previous level, or, in a
    resumed run whose first part has saved it already, the new one.
    """

    beat_key: str
    beat_label: str
    previous_level: int
    new_level: int
    prev_beat_level: int | None
    next_beat_level: int | None
    direction: str
    expected_level: int

    @property
    def stays(self) -> bool:
        """True where the level is not changed: texts of the beat are brought back in line."""
        return self.new_level == self.previous_level


@dataclass(frozen=True, slots=True)
class Step:
    """One unit that is generated, saved and charged as one; `replaces` is a revision.

    `scene_id` is of the scene that is meant, whatever its number comes to be; empty for a beat's
    own texts, and in plans of before it was kept.
    """

    key: str
    beat_key: str
    kind: Kind
    scene_number: int | None
    credits: int
    replaces: str
    scene_id: str = ""

    @property
    def piece(self) -> Piece:
        """The piece that it writes."""
        return Piece(self.beat_key, self.kind, self.scene_number)


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps for a set of changes; `reads` maps pieces only read to their revisions.

    `scenes` are the ids of those that hang off each changed beat, so that one that is added or
    taken away is noticed; a plan of before it was kept has none. `speakers` are all who speak in
    the story when the plan is made: every prompt names them, and a text that lets others speak is
    not saved.
    """

    story_id: str
    header: str
    speakers: tuple[str, ...]
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    reads: Mapping[str, str]
    exclusions: tuple[str, ...]
    prompt_version: str
    scenes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def estimated_credits(self) -> int:
        """The sum over the steps: what a run that completes uses, always."""
        return sum(step.credits for step in self.steps)

    def price_list(self) -> list[tuple[Kind, int, int]]:
        """The kinds of its steps at each of their prices: `(kind, how many, credits each)`."""
        counts: dict[tuple[Kind, int], int] = {}
        for step in self.steps:
            counts[step.kind, step.credits] = counts.get((step.kind, step.credits), 0) + 1
        return [
            (kind, count, credits)
            for (kind, credits), count in sorted(
                counts.items(), key=lambda one: (kinds.KINDS.index(one[0][0]), one[0][1])
            )
        ]

    @property
    def affected_scenes(self) -> tuple[int, ...]:
        """The numbers of the scenes of which something is rewritten, in order."""
        return tuple(sorted({s.scene_number for s in self.steps if s.scene_number is not None}))

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over all the plan read: equal plans only from equal stories and changes."""
        hashed = {"hashVersion": HASH_VERSION, **self.to_json()}
        text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def change(self, beat_key: str) -> Change:
        """The change of that beat, which must be one of the plan's."""
        return next(change for change in self.changes if change.beat_key == beat_key)

    def step(self, key: str) -> Step:
        """The step of that key, which must be one of the plan's."""
        return next(step for step in self.steps if step.key == key)

    def steps_of(self, beat_key: str) -> tuple[Step, ...]:
        """The steps of one beat, in order."""
        return tuple(step for step in self.steps if step.beat_key == beat_key)

    def groups(self) -> list[list[str]]:
        """The step keys as they run: one group after the other, a group's steps at the same time.

        Which kinds' steps make groups of more than one, all of one beat, the cascade says.
        """
        groups: list[list[str]] = []
        previous: tuple[str, Kind] | None = None
        for step in self.steps:
            place = (step.beat_key, step.kind)
            if place == previous and kinds.row(step.kind).together:
                groups[-1].append(step.key)
            else:
                groups.append([step.key])
            previous = place
        return groups

    def to_json(self) -> dict[str, Any]:
        """As it is stored with its run; `from_json` reads it back."""
        return {
            "storyId": self.story_id,
            "header": self.header,
            "speakers": list(self.speakers),
            "changes": [asdict(change) for change in self.changes],
            "steps": [asdict(step) for step in self.steps],
            "reads": dict(self.reads),
            "exclusions": list(self.exclusions),
            "promptVersion": self.prompt_version,
            "scenes": {beat_key: list(ids) for beat_key, ids in self.scenes.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        """A plan as `to_json` wrote it."""
        return cls(
            story_id=stored["storyId"],
            header=stored["header"],
            speakers=tuple(stored["speakers"]),
            changes=tuple(Change(**change) for change in stored["changes"]),
            steps=tuple(Step(**step) for step in stored["steps"]),
            reads=dict(stored["reads"]),
            exclusions=tuple(stored["exclusions"]),
            prompt_version=stored["promptVersion"],
            scenes={key: tuple(ids) for key, ids in stored.get("scenes", {}).items()},
        )


def make_plan(
    story: Story,
    levels: Mapping[str, int],
    *,
    directions: Mapping[str, str] | None = None,
    stale: Collection[str] = (),
    exclusions: Iterable[str] = (),
    prompt_version: str = "",
) -> Plan:
    """The plan for new levels on a story; without steps where no level differs from the saved one.

    `stale` are keys of texts that are rewritten under the level that their beat has; a beat that
    gets a new one is planned whole, once. `directions` are the editor's sentences by beat key;
    those of other beats are left out. `exclusions` are keys of pieces that stay as they are.
    Raises UnknownBeat, BadLevel, and UnreadablePieces where it would replace something that could
    not be read, or write from it.
    """
    pending = pending_changes(story.structure, story.levels, levels)
    curve = story.curve | pending
    keys = story.structure.keys
    excluded = set(exclusions)
    beats = pending.keys() | {Piece.parse(key).beat for key in stale}
    steps = tuple(
        step
        for beat_key in keys
        if beat_key in beats
        for step in _steps_of_beat(story, beat_key)
        if (beat_key in pending or step.key in stale) and step.key not in excluded
    )
    _refuse_unreadable(story, pending, excluded, steps)
    changes = []
    touched = pending.keys() | {step.beat_key for step in steps}
    for beat_key in (key for key in keys if key in touched):
        new_level = curve[beat_key]
        at = keys.index(beat_key)
        changes.append(
            Change(
                beat_key=beat_key,
                beat_label=story.structure.beat(beat_key).label,
                previous_level=story.curve[beat_key],
                new_level=new_level,
                prev_beat_level=curve[keys[at - 1]] if at else None,
                next_beat_level=curve[keys[at + 1]] if at + 1 < len(keys) else None,
                direction=(directions or {}).get(beat_key, "").strip(),
                expected_level=story.curve[beat_key],
            )
        )
    reads = {key: digest(story.text(key)) for key in _keys_read(story, steps)}
    return Plan(
        story_id=story.id,
        header=header_digest(story),
        speakers=speakers(story),
        changes=tuple(changes),
        steps=steps,
        reads=reads,
        exclusions=tuple(sorted(excluded)),
        prompt_version=prompt_version,
        scenes={change.beat_key: _scene_ids(story, change.beat_key) for change in changes},
    )


def resume_plan(first: Plan, saved: Mapping[str, str], story: Story) -> Plan:
    """The unfinished part of a plan; `saved` maps the finished step keys to what they saved.

    Previous levels and the texts to replace stay those of the first plan, so that RISING and
    FALLING stay what they were. `stale_part` then says whether the story still allows it.
    """
    steps = tuple(step for step in first.steps if step.key not in saved)
    known = {step.key: step.replaces for step in first.steps} | dict(first.reads) | dict(saved)
    changes = []
    for change in first.changes:
        beat_steps = [step.key for step in first.steps_of(change.beat_key)]
        if all(key in saved for key in beat_steps):
            continue
        begun = any(key in saved for key in beat_steps)
        changes.append(replace(change, expected_level=change.new_level) if begun else change)
    reads = {key: known.get(key) or digest(story.text(key)) for key in _keys_read(story, steps)}
    return replace(first, changes=tuple(changes), steps=steps, reads=reads)


def stale_part(plan: Plan, story: Story) -> Part | None:
    """The first part of the story that is no longer as the plan found it; None if all is."""
    if header_digest(story) != plan.header:
        return Part("header")
    changed = {change.beat_key for change in plan.changes}
    keys = story.structure.keys
    for change in plan.changes:
        if story.curve[change.beat_key] != change.expected_level:
            return Part("level", change.beat_key)
        at = keys.index(change.beat_key)
        for place, level in ((at - 1, change.prev_beat_level), (at + 1, change.next_beat_level)):
            read = level is not None and keys[place] not in changed
            if read and story.curve[keys[place]] != level:
                return Part("level", keys[place])
    for beat_key, scene_ids in plan.scenes.items():
        if beat_key in changed and _scene_ids(story, beat_key) != scene_ids:
            return Part("scenes")
    for step in plan.steps:
        moved = changed_scene(step, story)
        if moved is not None:
            return moved
        if digest(story.text(step.key)) != step.replaces:
            return Part("piece", step.key)
    for key, revision in plan.reads.items():
        if digest(story.text(key)) != revision:
            return Part("piece", key)
    return None


def header_digest(story: Story) -> str:
    """The revision of what every prompt reads: title, synopsis, genre, tone, language, beats."""
    parts = (story.title, story.synopsis, story.genre, story.tone, story.language)
    return digest(json.dumps([*parts, story.structure_type]))


def changed_scene(step: Step, story: Story) -> Part | None:
    """What has become of the scene that a step writes, where it is gone or hangs elsewhere now.

    None where it is as the step names it, and for a beat's own texts.
    """
    if step.scene_number is None:
        return None
    if not step.scene_id:
        found = story.scene(step.beat_key, step.scene_number)
        return Part("scene_gone", step.key) if found is None else None
    scene = story.scene_by_id(step.scene_id)
    if scene is None:
        return Part("scene_gone", step.key)
    if (scene.beat_key, scene.number) != (step.beat_key, step.scene_number):
        return Part("scene_moved", step.key)
    return Part("scenes") if story.keyless(scene) else None


def neighbours(story: Story, scene: Scene) -> tuple[Scene | None, Scene | None]:
    """The scenes right before and right after a scene, in story order.

    One without a number of its own has no place in that order.
    """
    named = Counter((one.beat_key, one.number) for one in story.scenes)
    order = [
        one
        for one in story.scenes
        if one.number is not None and named[one.beat_key, one.number] == 1
    ]
    at = order.index(scene)
    before, after = order[:at], order[at + 1 :]
    return before[-1] if before else None, after[0] if after else None


def _scene_ids(story: Story, beat_key: str) -> tuple[str, ...]:
    return tuple(scene.id for scene in story.planned_scenes(beat_key))


def _refuse_unreadable(
    story: Story, changed: Collection[str], excluded: set[str], steps: Sequence[Step]
) -> None:
    """Raises UnreadablePieces where a plan needs what could not be read.

    Under a beat that gets a new level that is all that is not excluded; elsewhere what a step
    replaces or is written from.
    """
    needed: dict[Piece, None] = {
        piece: None
        for beat in changed
        for piece in story.unreadable_under(beat)
        if str(piece) not in excluded
    }
    for step in steps:
        if step.beat_key not in changed:
            sources = map(step.piece.beside, kinds.row(step.kind).written_from)
            needed |= dict.fromkeys((Piece(step.beat_key, "level"), *sources, step.piece))
    found = [piece for piece in needed if story.why_unreadable(piece) is not None]
    if found:
        named = [piece.describe(story.structure) for piece in found]
        why = {str(piece): str(story.why_unreadable(piece)) for piece in found}
        raise UnreadablePieces(named, why)
    if (changed or steps) and "language" in story.unreadable:
        raise UnreadablePieces(["its language"], {"language": str(story.unreadable["language"])})


def _steps_of_beat(story: Story, beat_key: str) -> list[Step]:
    steps = []
    for piece in story.pieces_of(beat_key):
        kind = piece.text_kind
        scene = story.scene_of(piece)
        steps.append(
            Step(
                key=str(piece),
                beat_key=beat_key,
                kind=kind,
                scene_number=piece.scene,
                credits=kinds.row(kind).credits,
                replaces=digest(story.text(piece)),
                scene_id=scene.id if scene is not None else "",
            )
        )
    return steps


def around(story: Story, beat_key: str) -> tuple[str | None, str | None]:
    """The beats right before and right after a beat; None past the ends."""
    keys = story.structure.keys
    at = keys.index(beat_key)
    return keys[at - 1] if at else None, keys[at + 1] if at + 1 < len(keys) else None


def seam_piece(neighbour: Scene, kind: Kind, to_go: Container[str]) -> Piece:
    """The piece of a neighbour scene that a text of a kind must join on to.

    Where the neighbour's own is still to be rewritten (the old one is about to go), what that is
    written from, as it stands by then: its plot for a script.
    """
    piece = Piece(neighbour.beat_key or "", kind, neighbour.number)
    return piece if str(piece) not in to_go else piece.beside(kinds.row(kind).written_from[-1])


def still_to_go(steps: Sequence[Step]) -> dict[str, set[str]]:
    """By beat, the texts that a plan has yet to rewrite when it comes to that beat: keys.

    Its own and those of later beats; what earlier beats wrote, and earlier parts, is saved by then.
    """
    to_go: dict[str, set[str]] = {}
    later: set[str] = set()
    for step in reversed(steps):
        if step.beat_key not in to_go:
            later = to_go[step.beat_key] = set(later)
        later.add(step.key)
    return to_go


def siblings(story: Story, piece: Piece) -> tuple[Piece, ...]:
    """The beat's other texts of a scene's kind, in story order."""
    numbers = [scene.number for scene in story.planned_scenes(piece.beat)]
    others = (Piece(piece.beat, piece.kind, number) for number in numbers)
    return tuple(other for other in others if other != piece)


def _keys_read(story: Story, steps: tuple[Step, ...]) -> list[str]:
    """The pieces that the steps read but do not replace themselves, in a stable order.

    What each is written from (in a resumed run that is not among the steps), and what it reads
    beside.
    """
    replaced = {step.key for step in steps}
    to_go = still_to_go(steps)
    read: dict[str, None] = {}
    for step in steps:
        sources = kinds.row(step.kind).written_from
        read |= dict.fromkeys(str(step.piece.beside(source)) for source in sources)
        read |= dict.fromkeys(map(str, _read_beside(story, step, to_go[step.beat_key])))
    return [key for key in read if key not in replaced]


def _read_beside(story: Story, step: Step, to_go: Container[str]) -> Iterator[Piece]:
    for beside in kinds.row(step.kind).beside:
        match beside:
            case "around":
                for beat in around(story, step.beat_key):
                    if beat is not None:
                        yield Piece(beat, kinds.AROUND)
            case "siblings":
                yield from siblings(story, step.piece)
            case "seams":
                own = story.scene_of(step.piece)
                for scene in neighbours(story, own) if own is not None else ():
                    if scene is not None:
                        yield seam_piece(scene, step.kind, to_go)
            case _:
                assert_never(beside)
