"""A first text where there is none yet: put together from what the brief has, and saying so."""

from __future__ import annotations

from cascade.llm.pacing import script
from cascade.llm.pacing.text import ended, one_line, opening
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
    if brief.kind == "beatContent":
        told = opening(brief.synopsis, 2)
        first = f"{ended(label)} {told}".strip()
        return f"{first}\n\n{words['beat'].format(**blanks)} {line}"
    if brief.kind == "keyAction":
        return opening(brief.beat_content, 1) or words["action"].format(**blanks)
    if brief.kind == "scenePlot":
        told = opening(brief.beat_content, 2) or opening(brief.key_action, 1)
        return f"{told or words['plot'].format(**blanks)} {line}"
    told = brief.plot or brief.beat_content or words["plot"].format(**blanks)
    blocks = [script.action(part) for part in told.split("\n\n")]
    heading = words["heading"].format(**blanks)
    return "\n\n".join([heading, *(block for block in blocks if block), line]) + "\n"
