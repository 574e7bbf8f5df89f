"""From a brief to the messages of one call: fills in the words that stand in `prompts/`."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TYPE_CHECKING

from cascade.llm.lengths import length_wanted
from cascade.story import kinds
from cascade.story.brief import Brief, Seam, Sibling
from cascade.story.kinds import CASCADE
from cascade.story.story import Language
from cascade.story.structures import structure

if TYPE_CHECKING:
    # Imported where it is used: most commands write no prompt.
    from jinja2 import Environment

FENCE_OPEN, FENCE_CLOSE = "<<<STORY TEXT", ">>>"

# How much of a neighbouring scene a script sees, in words: enough to join on to, not to retell.
SEAM_WORDS = 120
# Of a beat with more scenes than these, the plots of the nearest.
MOST_SIBLINGS = 12
# Names are cheap, but a list without end is not.
MOST_SPEAKERS = 60
_MOST_COMPLAINT = 500

_LEVEL_NAMES: Mapping[Language, tuple[str, ...]] = MappingProxyType(
    {
        "en": ("calm", "uneasy", "pressing", "strained", "breaking point"),
        "id": ("tenang", "waswas", "mendesak", "genting", "puncak"),
    }
)
_FENCE_MARK = re.compile(r"<{3,}|>{3,}")
_QUOTED_PROPERTY = re.compile('"(' + "|".join(row.answer for row in CASCADE) + ')"')


@dataclass(frozen=True, slots=True)
class Prompt:
    """The two messages of one call. `system` is the same bytes for every call of one run."""

    system: str
    user: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The messages as a chat completion takes them."""
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.user},
        ]

    @property
    def folded(self) -> list[dict[str, str]]:
        """The same as one message, for models that take none from the system."""
        return [{"role": "user", "content": f"{self.system}\n\n{self.user}"}]

    @property
    def hash(self) -> str:
        """Names exactly these messages: 16 hex digits, kept with what was written from them."""
        return hashlib.sha256(json.dumps(self.messages).encode()).hexdigest()[:16]


@cache
def prompt_version() -> str:
    """Names the prompts in force: 12 hex digits over every file in `prompts/`."""
    total = hashlib.sha256()
    for file in sorted(_folder().iterdir(), key=lambda file: file.name):
        if file.is_file():
            total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def render(brief: Brief, complaint: str | None = None) -> Prompt:
    """The prompt for one text; with what was wrong with the last one, at the very end.

    Raises UnknownStructure, UnknownBeat.
    """
    plan = structure(brief.structure_type)
    place = plan.index(brief.beat_key)
    names = _LEVEL_NAMES[brief.language]
    low, high = length_wanted(brief)
    story = {
        "structure_name": plan.name,
        "structure_author": plan.author,
        "title": brief.title,
        "genre": brief.genre.strip(),
        "tone": brief.tone.strip(),
        "synopsis": brief.synopsis.strip(),
        "fence_open": FENCE_OPEN,
        "fence_close": FENCE_CLOSE,
    }
    step = {
        "structure_name": plan.name,
        "beat_label": brief.beat_label,
        "beat_number": place + 1,
        "beat_count": len(plan.beats),
        "beat_job": beat_jobs(brief.language)[plan.type][brief.beat_key],
        "stays": brief.stays,
        "rising": brief.rising,
        "previous_level": brief.previous_level,
        "previous_name": names[brief.previous_level - 1],
        "new_level": brief.new_level,
        "new_name": names[brief.new_level - 1],
        "steps": abs(brief.new_level - brief.previous_level),
        "prev_beat_level": brief.prev_beat_level,
        "prev_beat_name": names[(brief.prev_beat_level or 1) - 1],
        "next_beat_level": brief.next_beat_level,
        "next_beat_name": names[(brief.next_beat_level or 1) - 1],
        "prev_beat_content": brief.prev_beat_content.strip(),
        "next_beat_content": brief.next_beat_content.strip(),
        "direction": brief.direction.strip(),
        "old_text": brief.old_text.strip(),
        "sources": {row.name: brief.sources.get(row.name, "").strip() for row in CASCADE},
        "speakers": ", ".join(brief.speakers[:MOST_SPEAKERS]),
        "scene_number": brief.scene_number,
        "siblings": _nearest(brief),
        "before": _trimmed(brief.before, end=True),
        "after": _trimmed(brief.after, end=False),
        "low": low,
        "high": high,
        "property": kinds.row(brief.kind).answer,
        "complaint": _tame(" ".join((complaint or "").split()))[:_MOST_COMPLAINT].rstrip(". "),
    }
    templates = _templates()
    return Prompt(
        system=templates.get_template(f"system.{brief.language}.j2").render(story).strip(),
        user=templates.get_template(f"{brief.kind}.{brief.language}.j2").render(step).strip(),
    )


def fenced(text: str, label: str) -> str:
    """A story's text between the marks that make it data; nothing for an empty text.

    What looks like such a mark inside, or like a property's name, is written with other signs,
    so that no text can end its own fence or pass for the form of the answer.
    """
    if not text.strip():
        return ""
    return f"{FENCE_OPEN}: {label}\n{_tame(text).strip()}\n{FENCE_CLOSE}"


def _tame(text: str) -> str:
    safe = _FENCE_MARK.sub(lambda mark: ("‹" if mark[0][0] == "<" else "›") * len(mark[0]), text)
    return _QUOTED_PROPERTY.sub(r"“\1”", safe)


def _trimmed(seam: Seam | None, *, end: bool) -> Seam | None:
    """The end (or the opening) of a neighbour scene, cut to SEAM_WORDS; None if it is empty."""
    if seam is None or not seam.text.strip():
        return None
    return Seam(seam.scene_number, seam.source, _cut(seam.text, end=end))


def _cut(text: str, *, end: bool) -> str:
    """The last words of a text, or its first ones; all of them where there are few."""
    words = re.findall(r"\S+\s*", text.strip())  # with their white space: lines stay lines
    if len(words) <= SEAM_WORDS:
        return "".join(words)
    if end:
        return "… " + "".join(words[-SEAM_WORDS:])
    return "".join(words[:SEAM_WORDS]).rstrip() + " …"


def _nearest(brief: Brief) -> list[Sibling]:
    """The beat's other texts of the kind, the nearest scenes' in story order, cut to SEAM_WORDS."""
    own = brief.scene_number or 0
    near = sorted(brief.siblings, key=lambda one: abs(one.scene_number - own))[:MOST_SIBLINGS]
    return [
        Sibling(one.scene_number, _cut(one.text, end=False))
        for one in sorted(near, key=lambda one: one.scene_number)
    ]


def _folder() -> Traversable:
    return resources.files("cascade.llm").joinpath("prompts")


@cache
def beat_jobs(language: Language) -> dict[str, dict[str, str]]:
    """What each beat is there to do, in one sentence: `{structure type: {beat key: sentence}}`."""
    return tomllib.loads(_folder().joinpath(f"beatJobs.{language}.toml").read_text("utf-8"))


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def load(name: str) -> str:
        return _folder().joinpath(name).read_text("utf-8")

    # No autoescape: this is no HTML. Story text goes in as values and is never a template itself.
    environment = Environment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - a prompt is no HTML; `fenced` guards it
    )
    environment.filters["fenced"] = fenced
    return environment
