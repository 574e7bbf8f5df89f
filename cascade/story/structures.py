"""The three story structures: their beats in order, and the tension a new story starts from.

Sources of the beat sheets: hero, Christopher Vogler, *The Writer's Journey* (twelve stages);
cat, Blake Snyder, *Save the Cat!* (fifteen beats); harmon, Dan Harmon's Story Circle (eight steps).
Their act breaks: Vogler's three acts end with Crossing the Threshold and with Reward; Snyder's
second and third begin with the beats named for it; Harmon crosses into the unknown with Go and
back out of it with Return.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cascade.errors import UnknownBeat, UnknownStructure


@dataclass(frozen=True, slots=True)
class Beat:
    """One stage of a structure; `default_tension` is the level of a new story (1-5)."""

    key: str
    label: str
    default_tension: int


@dataclass(frozen=True, slots=True)
class Structure:
    """A beat sheet: its short type, its name, who described it, and its beats in order.

    `act_openings` are the beats with which its second and third act begin.
    """

    type: str
    name: str
    author: str
    beats: tuple[Beat, ...]
    act_openings: tuple[str, str]

    @property
    def keys(self) -> tuple[str, ...]:
        """The beat keys in structure order."""
        return tuple(beat.key for beat in self.beats)

    def beat(self, key: str) -> Beat:
        """The beat of that key. Raises UnknownBeat, which names the keys there are."""
        for beat in self.beats:
            if beat.key == key:
                return beat
        raise UnknownBeat(key, self.name, self.keys)

    def index(self, key: str) -> int:
        """The beat's place in the structure, from 0. Raises UnknownBeat."""
        return self.beats.index(self.beat(key))

    @property
    def acts(self) -> tuple[int, ...]:
        """Where each of the three acts begins: places in the structure, from 0."""
        return (0, *(self.index(key) for key in self.act_openings))

    @property
    def default_levels(self) -> dict[str, int]:
        """The tension curve of a new story: `{beatKey: level}` in structure order."""
        return {beat.key: beat.default_tension for beat in self.beats}


def _structure(
    type_: str, name: str, author: str, act_openings: tuple[str, str], *beats: tuple[str, str, int]
) -> Structure:
    return Structure(type_, name, author, tuple(Beat(*beat) for beat in beats), act_openings)


STRUCTURES: Mapping[str, Structure] = MappingProxyType(
    {
        "hero": _structure(
            "hero",
            "Hero's Journey",
            "Vogler",
            ("testsAlliesEnemies", "theRoadBack"),
            ("ordinaryWorld", "Ordinary World", 1),
            ("callToAdventure", "Call to Adventure", 3),
            ("refusalOfTheCall", "Refusal of the Call", 2),
            ("meetingTheMentor", "Meeting the Mentor", 2),
            ("crossingTheThreshold", "Crossing the Threshold", 3),
            ("testsAlliesEnemies", "Tests, Allies, Enemies", 3),
            ("approachToTheInmostCave", "Approach to the Inmost Cave", 4),
            ("ordeal", "Ordeal", 5),
            ("reward", "Reward", 3),
            ("theRoadBack", "The Road Back", 4),
            ("resurrection", "Resurrection", 5),
            ("returnWithTheElixir", "Return with the Elixir", 2),
        ),
        "cat": _structure(
            "cat",
            "Save the Cat",
            "Snyder",
            ("breakIntoTwo", "breakIntoThree"),
            ("openingImage", "Opening Image", 2),
            ("themeStated", "Theme Stated", 1),
            ("setup", "Setup", 2),
            ("catalyst", "Catalyst", 3),
            ("debate", "Debate", 3),
            ("breakIntoTwo", "Break Into Two", 3),
            ("bStory", "B Story", 2),
            ("funAndGames", "Fun and Games", 3),
            ("midpoint", "Midpoint", 4),
            ("badGuysCloseIn", "Bad Guys Close In", 4),
            ("allIsLost", "All Is Lost", 5),
            ("darkNightOfTheSoul", "Dark Night of the Soul", 4),
            ("breakIntoThree", "Break Into Three", 3),
            ("finale", "Finale", 5),
            ("finalImage", "Final Image", 1),
        ),
        "harmon": _structure(
            "harmon",
            "Story Circle",
            "Harmon",
            ("go", "return"),
            ("you", "You", 1),
            ("need", "Need", 2),
            ("go", "Go", 3),
            ("search", "Search", 3),
            ("find", "Find", 4),
            ("take", "Take", 5),
            ("return", "Return", 4),
            ("change", "Change", 2),
        ),
    }
)

# Of all structures: no key is in two of them.
BEATS: tuple[Beat, ...] = tuple(beat for one in STRUCTURES.values() for beat in one.beats)


def structure(type_: str) -> Structure:
    """The structure of that type (`hero`, `cat`, `harmon`). Raises UnknownStructure."""
    try:
        return STRUCTURES[type_]
    except KeyError:
        raise UnknownStructure(type_, tuple(STRUCTURES)) from None
