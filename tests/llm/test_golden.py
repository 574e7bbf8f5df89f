"""Every prompt whole, as the model gets it, in `golden/`: what a change of words does shows there.

After a change that is meant, write the files anew and read the difference before committing it:

    REGENERATE_GOLDEN=1 pytest tests/llm/test_golden.py
    git diff tests/llm/golden
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cascade.llm.flaws import Flaw
from cascade.llm.prompting import render
from cascade.story.brief import Brief, Seam, Sibling
from cascade.story.kinds import KINDS, Kind, row
from cascade.story.story import LANGUAGES, Language
from tests.helpers.pacing_texts import BLANK, EN_BEAT, EN_SCRIPT, ID_BEAT, ID_SCRIPT

GOLDEN = Path(__file__).parent / "golden"
REGENERATE = bool(os.environ.get("REGENERATE_GOLDEN"))

# The English one rises by two in the middle of the story, with a wish; the Indonesian one falls by
# one and stands first, so that between them they show most of what a prompt may say.
ENGLISH = replace(
    BLANK,
    synopsis="Ines has kept a dead man's letter for nine years. When the lighthouse is to be "
    "sold, her brother finds it.",
    genre="Drama",
    tone="Quiet, dry, close to the sea",
    prev_beat_content="The buyer's agent measures the lamp room. Ines hides the letter.",
    next_beat_content="The deed is signed. Tomas leaves without a word.",
    direction="Keep the betrayal off-stage.",
    speakers=("INES", "TOMAS", "KEEPER"),
)
INDONESIAN = replace(
    BLANK,
    language="id",
    title="Surat di Ambang",
    synopsis="Sembilan tahun Sari menyimpan surat dari orang yang sudah tiada. Ketika mercusuar "
    "akan dijual, kakaknya menemukan surat itu.",
    genre="Drama",
    tone="Hening, dekat dengan laut",
    structure_type="harmon",
    beat_key="you",
    beat_label="You",
    previous_level=3,
    new_level=2,
    prev_beat_level=None,
    next_beat_level=2,
    next_beat_content="Bayu bertanya siapa yang menulis surat itu. Sari tidak menjawab.",
    speakers=("SARI", "BAYU", "PENJAGA"),
)
NEW = {
    "en": ("Ines reads the letter aloud in front of her brother.\n\nHe bars the door.",
           "Ines reads the letter aloud, and Tomas bars the door.",
           "On the stairs Tomas says that he has read it. Ines burns the envelope.",
           "He puts the key on the nail. The door does not close.",
           "The agent comes up with two witnesses and a lamp."),
    "id": ("Sari melipat surat itu dan membiarkannya di meja.\n\nBayu menyeduh teh.",
           "Sari membiarkan surat itu di meja, dan Bayu tidak menyentuhnya.",
           "Di tangga Bayu mengaku sudah membacanya. Sari membuka jendela.",
           "Ia menggantungkan kunci pada paku. Pintu tidak menutup.",
           "Seorang pembeli datang membawa dua saksi dan sebuah lampu."),
}  # fmt: skip
OLD: dict[Language, dict[Kind, str]] = {
    "en": {
        "beatContent": EN_BEAT,
        "keyAction": "Ines burns the letter, and she lets him watch.",
        "scenePlot": EN_BEAT.split("\n\n")[0],
        "script": EN_SCRIPT,
    },
    "id": {
        "beatContent": ID_BEAT,
        "keyAction": "",
        "scenePlot": ID_BEAT.split("\n\n")[0],
        "script": ID_SCRIPT,
    },
}


def golden_brief(kind: Kind, language: Language) -> Brief:
    content, action, plot, before, after = NEW[language]
    base = ENGLISH if language == "en" else INDONESIAN
    brief = replace(base, kind=kind, old_text=OLD[language][kind])
    new: dict[Kind, str] = {"beatContent": content, "keyAction": action, "scenePlot": plot}
    brief = replace(brief, sources={source: new[source] for source in row(kind).written_from})
    if "siblings" in row(kind).beside:
        brief = replace(brief, siblings=(Sibling(4, before), Sibling(6, after)))
    if row(kind).per_scene:
        brief = replace(brief, scene_number=5)
    if "seams" not in row(kind).beside:
        return brief
    return replace(brief, before=Seam(4, "script", before), after=Seam(6, "plot", after))


def compare(name: str, brief: Brief, complaint: str | None = None) -> None:
    prompt = render(brief, complaint)
    shown = f"==== system ====\n{prompt.system}\n\n==== user ====\n{prompt.user}\n".encode()
    path = GOLDEN / f"{name}.txt"
    if REGENERATE:
        path.write_bytes(shown)
    assert path.read_bytes().decode() == shown.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_is_word_for_word_the_reviewed_one(kind: Kind, language: Language) -> None:
    compare(f"{kind}.{language}", golden_brief(kind, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_so_is_one_that_asks_again(language: Language) -> None:
    flaw = Flaw("unknown_speaker", names=("BORIS",))
    compare(f"again.{language}", golden_brief("script", language), flaw.complaint(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_so_is_one_under_a_level_that_stays(language: Language) -> None:
    brief = golden_brief("script", language)
    compare(f"stays.{language}", replace(brief, previous_level=brief.new_level))


def test_there_is_no_other_file() -> None:
    others = ("again", "stays")
    names = {f"{kind}.{language}.txt" for kind in (*KINDS, *others) for language in LANGUAGES}
    assert {path.name for path in GOLDEN.iterdir()} == names
