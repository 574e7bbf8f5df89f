"""A first text where there is none yet: put together from what the brief has, and saying so."""

from __future__ import annotations

from typing import assert_never

from cascade.llm.pacing import script
from cascade.llm.pacing.text import ended, one_line, opening
from cascade.story import kinds
from cascade.story.brief import Brief
from cascade.story.story import Language

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "beat": "This beat is still to be written, at tension level {level} of 5.",
        "action": "{label}: what happens here is still to be written.",
        "plot": "This scene belongs to {label} and is still to be written, at tension level "
        "{level} of 5.",
        "heading": "INT./EXT. SCENE{number} - CONTINUOUS",
    },
    "id": {
        "beat": "Beat ini masih harus ditulis, pada tingkat tension {level} dari 5.",
        "action": "{label}: apa yang terjadi di sini masih harus ditulis.",
        "plot": "Adegan ini bagian dari {label} dan masih harus ditulis, pada tingkat tension "
        "{level} dari 5.",
        "heading": "INT./EXT. ADEGAN{number} - LANJUTAN",
    },
}


def drafted(brief: Brief, language: Language, line: str) -> str:
    """A short honest text of the brief's kind, closed by `line`. Never empty, never the old one."""
    words = _WORDS[language]
    label = one_line(brief.beat_label) or brief.beat_key or "Beat"
    number = "" if brief.scene_number is None else f" {brief.scene_number}"
    blanks = {"label": label, "level": brief.new_level, "number": number}
    form = kinds.row(brief.kind).form
    match form:
        case "prose":
            told = opening(brief.synopsis, 2)
            first = f"{ended(label)} {told}".strip()
            return f"{first}\n\n{words['beat'].format(**blanks)} {line}"
        case "action":
            return opening(brief.source("prose"), 1) or words["action"].format(**blanks)
        case "plot":
            told = opening(brief.source("prose"), 2) or opening(brief.source("action"), 1)
            return f"{told or words['plot'].format(**blanks)} {line}"
        case "fountain":
            told = brief.source("plot") or brief.source("prose") or words["plot"].format(**blanks)
            blocks = [script.action(part) for part in told.split("\n\n")]
            heading = words["heading"].format(**blanks)
            return "\n\n".join([heading, *(block for block in blocks if block), line]) + "\n"
        case _:
            assert_never(form)
