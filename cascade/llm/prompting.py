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

from jinja2 import Environment, FunctionLoader, StrictUndefined

from cascade.llm.structured import PROPERTY
from cascade.story.brief import Brief, Seam
from cascade.story.document import Kind, Language
from cascade.story.structures import structure

FENCE_OPEN, FENCE_CLOSE = "<<<STORY TEXT", ">>>"

# How much of a neighbouring scene a script sees, in words: enough to join on to, not to retell.
SEAM_WORDS = 120

_LEVEL_NAMES: Mapping[Language, tuple[str, ...]] = MappingProxyType(
    {
        "en": ("calm", "uneasy", "pressing", "strained", "breaking point"),
        "id": ("tenang", "waswas", "menekan", "genting", "puncak"),
    }
)
# Words for a text with no old version to measure by.
_USUAL_LENGTH: Mapping[Kind, tuple[int, int]] = MappingProxyType(
    {
        "beatContent": (110, 200),
        "keyAction": (15, 45),
        "scenePlot": (60, 130),
        "script": (150, 350),
    }
)
_MEASURED_FROM = 40
_FENCE_MARK = re.compile(r"<{3,}|>{3,}")
_QUOTED_PROPERTY = re.compile('"(' + "|".join(PROPERTY.values()) + ')"')


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


def render(brief: Brief) -> Prompt:
    """The prompt for one text. Raises UnknownStructure, UnknownBeat."""
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
        "beat_job": _beat_jobs(brief.language)[plan.type][brief.beat_key],
        "rising": brief.rising,
        "previous_level": brief.previous_level,
        "previous_name": names[brief.previous_level - 1],
        "new_level": brief.new_level,
        "new_name": names[brief.new_level - 1],
        "steps": abs(brief.new_level - brief.previous_level),
        "prev_beat_level": brief.prev_beat_level,
        "next_beat_level": brief.next_beat_level,
        "prev_beat_content": brief.prev_beat_content.strip(),
        "next_beat_content": brief.next_beat_content.strip(),
        "direction": brief.direction.strip(),
        "old_text": brief.old_text.strip(),
        "beat_content": brief.beat_content,
        "key_action": brief.key_action,
        "plot": brief.plot,
        "scene_number": brief.scene_number,
        "before": _trimmed(brief.before, end=True),
        "after": _trimmed(brief.after, end=False),
        "low": low,
        "high": high,
        "property": PROPERTY[brief.kind],
    }
    templates = _templates()
    return Prompt(
        system=templates.get_template(f"system.{brief.language}.j2").render(story).strip(),
        user=templates.get_template(f"{brief.kind}.{brief.language}.j2").render(step).strip(),
    )


def length_wanted(brief: Brief) -> tuple[int, int]:
    """How many words to ask for, at least and at most: near the old text's where there is one."""
    old = len(brief.old_text.split())
    if old <= _MEASURED_FROM:
        return _USUAL_LENGTH[brief.kind]
    # More pressure needs no more words; well inside what the check on length lets through.
    return round(old * 0.75), round(old * 1.35)


def fenced(text: str, label: str) -> str:
    """A story's text between the marks that make it data; nothing for an empty text.

    What looks like such a mark inside, or like a property's name, is written with other signs,
    so that no text can end its own fence or pass for the form of the answer.
    """
    if not text.strip():
        return ""
    safe = _FENCE_MARK.sub(lambda mark: ("‹" if mark[0][0] == "<" else "›") * len(mark[0]), text)
    safe = _QUOTED_PROPERTY.sub(r"“\1”", safe)
    return f"{FENCE_OPEN}: {label}\n{safe.strip()}\n{FENCE_CLOSE}"


def _trimmed(seam: Seam | None, *, end: bool) -> Seam | None:
    """The end (or the opening) of a neighbour scene, cut to SEAM_WORDS; None if it is empty."""
    if seam is None or not seam.text.strip():
        return None
    words = re.findall(r"\S+\s*", seam.text.strip())  # with their white space: lines stay lines
    if len(words) <= SEAM_WORDS:
        text = "".join(words)
    elif end:
        text = "… " + "".join(words[-SEAM_WORDS:])
    else:
        text = "".join(words[:SEAM_WORDS]).rstrip() + " …"
    return Seam(seam.scene_number, seam.source, text)


def _folder() -> Traversable:
    return resources.files("cascade.llm").joinpath("prompts")


@cache
def _beat_jobs(language: Language) -> dict[str, dict[str, str]]:
    return tomllib.loads(_folder().joinpath(f"beatJobs.{language}.toml").read_text("utf-8"))


@cache
def _templates() -> Environment:
    def load(name: str) -> str:
        return _folder().joinpath(name).read_text("utf-8")

    # No autoescape: this is no HTML. Story text goes in as values and is never a template itself.
    environment = Environment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["fenced"] = fenced
    return environment
