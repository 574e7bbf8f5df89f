"""The cascade: every kind of text that is written under a beat, one row each, in the order written.

What a kind is called, costs, is kept in, is written from and looks like stands here and nowhere
else; everybody loops over the rows, or asks one. A new kind is a name below, a row, a column with
its migration, a place on the page, and its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

# Those a beat has one of, and those that each of its scenes has.
BeatKind = Literal["beatContent", "keyAction"]
SceneKind = Literal["scenePlot", "script"]
Kind = Literal[BeatKind, SceneKind]
BEAT_KINDS: tuple[BeatKind, ...] = get_args(BeatKind)
SCENE_KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
KINDS: tuple[Kind, ...] = get_args(Kind)

# `prose`: paragraphs; `action`: a sentence or two; `plot`: what a scene shows, as prose;
# `fountain`: a screenplay.
Form = Literal["prose", "action", "plot", "fountain"]
# What a text reads without being made from it. `around`: the content of the beats before and
# after; `siblings`: the beat's other texts of the kind, so that it stays inside its own; `seams`:
# how the scene before ends and the one after opens.
Beside = Literal["around", "siblings", "seams"]

# What stands in a prompt for a neighbouring beat.
AROUND: BeatKind = "beatContent"


@dataclass(frozen=True, slots=True)
class TextKind:
    """One kind of text. It is written after the kinds above it in `CASCADE`, and from some of them.

    `kept` is the column of a scene's text, or the end of the name of the map that holds a text for
    each beat (`hero_beats`). `written_from` are the texts above it at its own beat and scene, so
    what makes it out of date, the nearest last. A script's seam is the neighbour's script or, where
    that is about to go, the text that it will be written from.
    """

    name: Kind
    event: str  # in events
    answer: str  # the one property of a model's answer
    document: str  # the property in a story's JSON document
    kept: str
    credits: int
    written_from: tuple[Kind, ...]
    beside: tuple[Beside, ...]
    together: bool  # a beat's steps of it run at the same time
    form: Form
    words: tuple[int, int]  # what the sample stories have, rounded outwards
    measured_from: int  # an old text of fewer words says little about a new one: a note
    limit: int  # in characters
    noun: str  # "the … of Midpoint"
    one: str
    many: str

    @property
    def per_scene(self) -> bool:
        """Whether each scene has one, and not each beat."""
        return self.name in SCENE_KINDS


CASCADE: tuple[TextKind, ...] = (
    TextKind(
        name="beatContent",
        event="beatContent",
        answer="beatContent",
        document="content",
        kept="beats",
        credits=3,
        written_from=(),
        beside=("around",),
        together=False,
        form="prose",
        words=(110, 180),
        measured_from=40,
        limit=50_000,
        noun="beat content",
        one="a beat's content",
        many="beat contents",
    ),
    TextKind(
        name="keyAction",
        event="keyAction",
        answer="keyAction",
        document="keyAction",
        kept="key_actions",
        credits=2,
        written_from=("beatContent",),
        beside=("around",),
        together=False,
        form="action",
        words=(10, 30),
        measured_from=10,
        limit=5_000,
        noun="key action",
        one="a key action",
        many="key actions",
    ),
    TextKind(
        name="scenePlot",
        event="scenePlots",
        answer="plot",
        document="plot",
        kept="plot",
        credits=3,
        written_from=("beatContent", "keyAction"),
        beside=("around", "siblings"),
        together=True,
        form="plot",
        words=(45, 75),
        measured_from=25,
        limit=50_000,
        noun="plot",
        one="a plot",
        many="scene plots",
    ),
    TextKind(
        name="script",
        event="scripts",
        answer="script",
        document="script",
        kept="script",
        credits=4,
        written_from=("beatContent", "keyAction", "scenePlot"),
        beside=("around", "seams"),
        together=True,
        form="fountain",
        words=(150, 225),
        measured_from=40,
        limit=200_000,
        noun="script",
        one="a script",
        many="scripts",
    ),
)
_ROWS: Mapping[str, TextKind] = MappingProxyType({row.name: row for row in CASCADE})
assert tuple(_ROWS) == KINDS, "a row for each kind, in the order of the cascade"


def row(kind: Kind) -> TextKind:
    """The row of a kind."""
    return _ROWS[kind]


def named(name: str) -> TextKind | None:
    """The row of that name, as it stands in keys; None for a level, shots and anything else."""
    return _ROWS.get(name)


def in_events(name: str) -> TextKind | None:
    """The row of that name in events; None where there is none."""
    return next((row for row in CASCADE if row.event == name), None)
