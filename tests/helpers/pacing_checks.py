"""What must hold of any text that the offline writer has edited."""

from __future__ import annotations

import re
from dataclasses import replace

from fountain import ElementType, FountainParser

from cascade.llm.pacing import edited
from cascade.llm.pacing.lines import ACTIONS, PROSE
from cascade.story.brief import Brief


def at(brief: Brief, old: int, new: int, seed: str = "s") -> Brief:
    return replace(brief, previous_level=old, new_level=new, seed=seed)


def elements(script: str) -> list[tuple[ElementType, str]]:
    return [(part.type, part.text) for part in FountainParser().parse(script).elements]


def kept(script: str) -> list[tuple[ElementType, str]]:
    # Spaces on a last empty line make an empty speech, which nobody misses.
    return [part for part in elements(script) if part[0] is not ElementType.ACTION and part[1]]


def errors(script: str) -> set[str]:
    return {issue.code for issue in FountainParser().validate(script)}


def paragraph_count(text: str) -> int:
    return len([part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()])


def naive_sentences(text: str) -> int:
    return len(re.findall(r"[.!?]+(?:\s|$)", text.strip()))


def check(brief: Brief) -> str:
    """What holds for every edit of a real text; gives back the edit."""
    new, old = edited(brief), brief.old_text
    assert new != old
    if brief.kind == "script":
        assert kept(new) == kept(old)
        assert errors(new) <= errors(old)
        added = [text for kind, text in elements(new) if kind is ElementType.ACTION]
        assert sum(text in ACTIONS for text in added) == 1
    elif brief.kind == "keyAction":
        assert 1 <= naive_sentences(new) <= 2
        assert "\n" not in new
    else:
        assert paragraph_count(new) == paragraph_count(old)
        assert sum(new.count(line) for line in PROSE) == 1
    return new
