"""Small original texts in both languages, briefs over them, and the sample stories there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cascade.story.brief import Brief
from cascade.story.kinds import Kind
from cascade.story.story import Language
from tests.helpers.briefs import make_brief

SAMPLES = sorted((Path(__file__).parents[2] / "cascade" / "samples").glob("*.json"))

EN_BEAT = """\
Ines slowly walks to the lighthouse with the letter in her coat, and she knows that her brother \
has read it. The keeper asks why she came alone. She looks at the dead lamp; nobody has lit it \
since the storm. He takes the letter from the table and reads it twice. She waits. Outside the \
wind drops, and the harbour goes quiet.

Tomas arrives at dusk. He is afraid of the stairs. But he climbs them. Ines says that the \
letter was never meant for him, and he says nothing. Suddenly the lamp turns. She closes the \
door and sets the key on the sill."""

EN_SCRIPT = """\
INT. LIGHTHOUSE - LAMP ROOM - NIGHT

Rain on the glass. INES, 30, sets the letter on the sill and turns to the dead lamp.

She waits. Nobody comes.

TOMAS (O.S.)
(from the stairs)
You read it, and you said nothing.

Tomas climbs the last steps slowly, holding the rail. He looks at the letter.

INES
It was never yours.

He picks up the envelope, folds it and puts it in his coat. She closes the door.

CUT TO:

EXT. HARBOUR - DAWN

The boats lie still. Ines walks to the end of the pier; the wind has dropped.

@tomas
Wait.

> FADE OUT."""

ID_BEAT = """\
Sari berjalan ke mercusuar dengan surat di saku jaketnya, dan ia tahu kakaknya sudah \
membacanya. Penjaga itu bertanya mengapa ia datang sendirian. Sari memandang lampu yang mati; \
tak seorang pun menyalakannya sejak badai. Ia mengambil surat dari meja, lalu membacanya dua \
kali. Ia menunggu. Angin reda, tetapi pelabuhan tetap gelap.

Bayu tiba saat senja. Ia agak gugup. Namun, ia naik juga. Sari mengatakan bahwa surat itu bukan \
untuknya, dan ia diam saja. Tiba-tiba lampu berputar. Sari menutup pintu dan meletakkan kunci \
di ambang jendela."""

ID_SCRIPT = """\
INT. MERCUSUAR - RUANG LAMPU - MALAM

Hujan di kaca. SARI, 30, meletakkan surat di ambang dan menoleh ke lampu yang mati.

Ia menunggu. Tak ada yang datang.

BAYU (O.S.)
(dari tangga)
Kau sudah membacanya, dan kau diam saja.

Bayu menaiki anak tangga terakhir perlahan, memegang pegangan. Ia memandang surat itu.

SARI
Surat itu bukan untukmu.

Bayu mengambil amplop, melipatnya, lalu menyimpannya di jaket. Sari menutup pintu.

CUT TO:

EXT. PELABUHAN - SUBUH

Perahu-perahu diam. Sari berjalan ke ujung dermaga; angin sudah reda."""

BLANK = make_brief()

FIXTURES: tuple[Brief, ...] = (
    replace(BLANK, old_text=EN_BEAT),
    replace(BLANK, kind="keyAction", old_text="Ines burns the letter, and she lets him watch."),
    replace(BLANK, kind="keyAction", old_text="Ines burns the letter. Tomas lets her."),
    replace(BLANK, kind="scenePlot", scene_number=5, old_text=EN_BEAT.split("\n\n", 1)[0]),
    replace(BLANK, kind="script", scene_number=5, old_text=EN_SCRIPT),
    replace(BLANK, language="id", old_text=ID_BEAT),
    replace(
        BLANK, language="id", kind="keyAction", old_text="Sari membakar surat itu di depan Bayu."
    ),
    replace(
        BLANK, language="id", kind="scenePlot", scene_number=6, old_text=ID_BEAT.split("\n\n", 1)[0]
    ),
    replace(BLANK, language="id", kind="script", scene_number=6, old_text=ID_SCRIPT),
)


def _sample(path: Path) -> Iterator[Brief]:
    story: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    language: Language = story["language"]
    base = replace(
        BLANK,
        language=language,
        title=story["title"],
        synopsis=story["synopsis"],
        structure_type=story["structureType"],
    )
    for beat in story["beats"]:
        here = replace(
            base,
            beat_key=beat["key"],
            sources={"beatContent": beat["content"], "keyAction": beat["keyAction"]},
        )
        yield replace(here, kind="beatContent", old_text=beat["content"])
        yield replace(here, kind="keyAction", old_text=beat["keyAction"])
        for scene in story["scenes"]:
            if scene.get("beatKey") == beat["key"]:
                sources: dict[Kind, str] = {**here.sources, "scenePlot": scene["plot"]}
                there = replace(here, sources=sources, scene_number=scene["number"])
                yield replace(there, kind="scenePlot", old_text=scene["plot"])
                yield replace(there, kind="script", old_text=scene["script"])


def sample_briefs(path: Path, *kinds: Kind) -> list[Brief]:
    """Briefs over every text of one sample story that has one, of these kinds (or of all)."""
    return [
        brief
        for brief in _sample(path)
        if brief.old_text.strip() and (not kinds or brief.kind in kinds)
    ]
