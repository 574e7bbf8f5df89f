"""A script that opens, speaks and is annotated as people do it: imported, and written anew so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.model_http import Call, Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.small_run import Studio, server, studio

__all__ = ["server", "studio"]

ENGLISH: dict[str, Any] = {
    "title": "Light fade",
    "language": "en",
    "structureType": "harmon",
    "synopsis": "Maya keeps a lighthouse.",
    "beats": [
        {
            "key": "you",
            "content": "Maya keeps the light alone. She counts the ships.",
            "keyAction": "Maya counts the ships every night.",
            "tension": 2,
        }
    ],
}
INDONESIAN: dict[str, Any] = {
    "title": "Lampu padam",
    "language": "id",
    "structureType": "harmon",
    "synopsis": "Maya menjaga mercusuar.",
    "beats": [
        {
            "key": "you",
            "content": "Maya menjaga lampu seorang diri. Ia menghitung kapal.",
            "keyAction": "Maya menghitung kapal setiap malam.",
            "tension": 2,
        }
    ],
}
PLOTS = {
    "en": "Maya climbs the stairs to the lamp and counts the ships.",
    "id": "Maya menaiki tangga ke lampu dan menghitung kapal di laut.",
}
# What a script of each language is made of: what it opens with, what is told and what is said in
# the old one, and the same in the new one.
TOLD = {
    "en": (
        "Maya slowly climbs the stairs and looks at the sea.",
        "MAYA\nOne. Two. Three.",
        "She writes it down and puts the book away.",
        "Maya runs up the last of the stairs, both hands on the rail, and stares out at the black "
        "water below the lamp [[how high?]] as the wind rises.",
        "MAYA\nOne. Two. Where is the third?\n\nRADIO (V.O.)\nKapal ketiga sudah hilang sejak "
        "sore, tidak ada yang menjawab panggilan kami.",
        "She tears the page out of the book and throws the door open to the storm outside, where "
        "nothing is to be seen but rain.",
    ),
    "id": (
        "Maya pelan-pelan menaiki tangga dan memandang laut.",
        "MAYA\nSatu. Dua. Tiga.",
        "Ia mencatatnya dan menyimpan buku itu.",
        "Maya berlari menaiki anak tangga terakhir, kedua tangannya di pegangan, dan menatap air "
        "hitam di bawah lampu [[setinggi apa?]] ketika angin bangkit.",
        "MAYA\nSatu. Dua. Mana yang ketiga?\n\nNARATOR\nThe third ship has been gone since the "
        "afternoon, and nobody out there answers us any more.",
        "Ia merobek halaman itu dari buku dan membuka pintu lebar-lebar ke arah badai, tempat "
        "tidak ada yang terlihat selain hujan.",
    ),
}
OPENINGS = {
    "fade": ("en", "FADE IN:\n\nINT. LAMP ROOM - NIGHT"),
    "cold open": ("en", "COLD OPEN\n\nOVER BLACK:\n\nINT. LAMP ROOM - NIGHT"),
    "act and break": ("en", "===\n\n# Act one\n\n> ACT ONE <\n\nEXT/INT. LAMP ROOM - NIGHT"),
    "card": ("en", "SUPER: TEN YEARS LATER\n\n1 INT. LAMP ROOM - NIGHT 1"),
    "bold": ("en", "**INT. LAMP ROOM - NIGHT**"),
    "colon": ("en", "INT: LAMP ROOM"),
    "action first": ("en", "The light turns. Nobody sees it."),
    "memudar": ("id", "MEMUDAR MASUK:\n\nTEKS: SEPULUH TAHUN KEMUDIAN\n\nINT. RUANG LAMPU - MALAM"),
    "judul": ("id", "Judul: Lampu padam\n\nINT. RUANG LAMPU - MALAM"),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_a_run_over_a_script_takes_one_that_opens_like_it(
    studio: Studio, server: ModelServer, tmp_path: Path, name: str
) -> None:
    language, opening = OPENINGS[name]
    told = TOLD[language]
    old = "\n\n".join([opening, *told[:3]]) + "\n"
    new = "\n\n".join([opening, *told[3:]]) + "\n"
    document = ENGLISH if language == "en" else INDONESIAN
    scene = {"number": 1, "beatKey": "you", "plot": PLOTS[language], "script": old}
    path = tmp_path / "story.json"
    path.write_text(json.dumps(document | {"scenes": [scene]}), "utf-8")

    def behave(call: Call) -> Reply | None:
        return Reply(content=json.dumps({"script": new})) if call.property == "script" else None

    server.behave = behave
    story_id = studio.service.operator().import_story(path)
    [before] = studio.service.operator().story(story_id).scenes
    assert before.script == old
    plan = studio.service.desk(studio.actor).plan(story_id, {"you": 4}).plan
    run, events = studio.ended(studio.service.desk(studio.actor).start(plan))
    assert (run.status, run.error) == ("done", None)
    assert not [event for event in events if event["type"] == "retry"]
    [after] = studio.service.operator().story(story_id).scenes
    assert after.script.strip() == new.strip()
    assert run.used_credits == 12
    studio.credits()
