"""What may be saved and what may not."""

from __future__ import annotations

import itertools
import json
import re
import socket
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from cascade.formats.json import read_document
from cascade.llm import checks, prompting
from cascade.llm.checks import check
from cascade.llm.flaws import Flaw
from cascade.llm.languages import JUDGED_FROM, in_language
from cascade.story.brief import Brief
from cascade.story.kinds import BEAT_KINDS, Kind, row
from cascade.story.limits import LIMITS
from cascade.story.speakers import speakers
from cascade.story.story import LANGUAGES, Language
from tests.helpers.briefs import brief
from tests.helpers.pacing_texts import (
    EN_BEAT,
    EN_SCRIPT,
    FIXTURES,
    ID_BEAT,
    ID_SCRIPT,
    SAMPLES,
)

GOOD: list[tuple[Kind, str]] = [
    ("beatContent", "One paragraph.\n\nAnother one."),
    ("beatContent", "One paragraph.\n \nAnother one.\n\nA third."),
    ("beatContent", "One paragraph.\nAnother one."),
    ("keyAction", "Mira opens the ledger."),
    ("keyAction", "Mira opens the ledger. Nobody speaks."),
    ("keyAction", "Dr. Sato asks Mr. J. Tan to sign on p. 4 at No. 7, and he does. He leaves."),
    ("keyAction", '"Stop!" she says, and lifts the lid… then drops it.'),
    ("keyAction", "Mira membuka buku di Jl. Merdeka No. 4"),
    ("scenePlot", "Here is the place where it began: a shop. It is shut."),
    ("scenePlot", "Sure of herself, Mira goes in."),
    ("scenePlot", "Baik Mira maupun Tan diam."),
    ("scenePlot", "Here is what she never told them:\n\nThe shop was never hers."),
    ("scenePlot", "Inilah yang tak pernah Mira katakan:\n\nToko itu bukan miliknya."),
    ("keyAction", "As an AI, Aria was never meant to dream, and tonight she does."),
    ("keyAction", "As an artificial mind, I watched them go. I did not call."),
    ("keyAction", "As an AI, Aria knows what I cannot say."),
    ("keyAction", "As an assistant, my days were long."),
    ("keyAction", "Sebagai asisten, saya menunggu di luar."),
    ("keyAction", "Sebagai AI, Aria tak pernah dirancang untuk bermimpi."),
    ("keyAction", "I cannot help but watch him go."),
    ("scenePlot", "I can't write the letter he wants. I burn the pen."),
    ("scenePlot", "Saya tidak bisa tidur. Hujan turun."),
    ("scenePlot", "She cannot help it. \"I'm sorry, but I can't stay.\""),
    ("scenePlot", "Unfortunately for Tan, the door is open. He can hear them."),
    ("scenePlot", "He asks why (nobody says.)"),
    ("script", "INT. SHOP - NIGHT\n\nRain.\n\nMIRA\n(quietly)\nGo.\n\nShe goes."),
    ("script", "INT. SHOP - NIGHT\n\nMIRA\nI'm sorry, but I can't help you."),
    ("script", "EXT. PASAR - PAGI\n\nSEPI.\n\nMIRA (V.O.)\nAku pulang.\n\n> FADE OUT:"),
    ("script", ".THE SHOP\n\nMIRA\nGo.\n\nTAN ^\nNo.\n\n@Mira\nWell."),
    ("script", "INT. SHOP - NIGHT\n\nTAN\nBut I--"),
    ("script", "INT. SHOP - NIGHT\n\nRain.\n\n> THE END <"),
    ("script", "INT. SHOP - NIGHT\n\nOnly rain."),
    ("script", "INT. SHOP - NIGHT\n\nRain.\n\nEXT. STREET - NIGHT\n\nMore rain."),
]

BAD: list[tuple[Kind, str, str]] = [
    ("scenePlot", " \n ", "empty"),
    ("scenePlot", "```\nMira goes.\n```", "fence"),
    ("script", "```fountain\nINT. SHOP - DAY\n\nRain.\n```", "fence"),
    ("scenePlot", "<<<STORY TEXT: previous version\nMira goes.\n>>>", "marks"),
    ("scenePlot", "Mira goes.</think>", "marks"),
    ("beatContent", "Mira goes.\\n\\nShe comes back.", "escapes"),
    ("scenePlot", "Here is the new plot:\n\nMira goes.", "preamble"),
    ("scenePlot", "Sure! Mira goes.", "preamble"),
    ("script", "Certainly, INT. SHOP - DAY", "preamble"),
    ("scenePlot", "Berikut plot barunya:\nMira pergi.", "preamble"),
    ("scenePlot", "Tentu saja, Mira pergi.", "preamble"),
    ("scenePlot", "Here it is:\n\nMira goes.", "preamble"),
    ("scenePlot", "Here's the rewritten scene, with more tension:\nMira goes.", "preamble"),
    ("scenePlot", "Berikut hasilnya:\n\nMira pergi.", "preamble"),
    ("keyAction", "As an AI I cannot", "refusal"),
    ("keyAction", "As an AI, I am unable to go on with this.", "refusal"),
    ("keyAction", "As an artificial intelligence, I must decline.", "refusal"),
    ("keyAction", "As an AI developed by people, I can’t do that.", "refusal"),
    ("keyAction", "As a helpful AI assistant, I keep to the rules.", "refusal"),
    ("keyAction", "As a large language model, I have no views.", "refusal"),
    ("keyAction", "Sebagai AI, saya tidak dapat menulis kekerasan.", "refusal"),
    ("keyAction", "Sebagai asisten AI, saya harus menolak.", "refusal"),
    ("scenePlot", "I cannot continue.", "refusal"),
    ("scenePlot", "I cannot help with that.", "refusal"),
    ("scenePlot", "Mira goes.\n\n\n  * One.\n\n  * Two.", "heading"),
    ("scenePlot", "I'm sorry, but I can't help with that.", "refusal"),
    ("beatContent", "I’m sorry, I cannot continue this story.\n\nPlease try another.", "refusal"),
    ("script", "I can't write this scene.", "refusal"),
    ("keyAction", "As an AI language model, I do not write violence.", "refusal"),
    ("scenePlot", "Unfortunately, I am unable to do this.", "refusal"),
    ("scenePlot", "I apologize, but I can not rewrite this.", "refusal"),
    ("scenePlot", "Maaf, saya tidak bisa membantu dengan itu.", "refusal"),
    ("scenePlot", "Mohon maaf, tetapi saya tidak dapat menulisnya.", "refusal"),
    ("script", "Saya tidak dapat melanjutkan adegan ini.", "refusal"),
    ("keyAction", "Sebagai model bahasa, saya netral.", "refusal"),
    ("scenePlot", "## Scene 5\nMira goes.", "heading"),
    ("scenePlot", "**Scene 5**\nMira goes.", "heading"),
    ("scenePlot", "- Mira goes.\n- Tan stays.", "heading"),
    ("scenePlot", "1. Mira goes.\n2. Tan stays.", "heading"),
    ("beatContent", "Only one paragraph.", "paragraphs"),
    ("beatContent", "a\n\nb\n\nc\n\nd", "paragraphs"),
    ("keyAction", "One goes. Two go. Three go.", "sentences"),
    ("keyAction", "One goes. Two go. Three go", "sentences"),
    ("scenePlot", "Mira goes in. She looks at the", "cut_off"),
    ("beatContent", "Mira goes in.\n\nShe looks at the ledger, and then", "cut_off"),
    ("script", "INT. SHOP - DAY\n\nMIRA\nYou know that I never wanted to", "cut_off"),
    ("script", "INT. SHOP - DAY\n\nMira walks slowly towards the", "cut_off"),
    ("script", "Mira goes in.", "no_heading"),
    ("script", "Rain.\n\nINT. SHOP - DAY\n\nMore rain.", "no_heading"),
    ("script", "INT. SHOP - DAY", "only_heading"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\nEXT. STREET - DAY", "only_heading"),
    ("script", "Title: The Shop\n\nINT. SHOP - DAY\n\nRain.", "title_page"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\nMIRA\n\nGo away.", "no_dialogue"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\nMIRA\n(quietly)\n\nGo away.", "no_dialogue"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\n@Mira", "no_dialogue"),
    ("script", "INT. SHOP - DAY\n\nRain. /* never closed", "not_closed"),
    ("script", "INT. SHOP - DAY\n\nBORIS\nGo.", "unknown_speaker"),
]


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_a_good_text_may_be_saved(kind: Kind, text: str) -> None:
    assert check(brief(kind), text) is None


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize(("kind", "text", "name"), BAD)
def test_a_bad_text_may_not(kind: Kind, text: str, name: str) -> None:
    flaw = check(brief(kind), text)
    assert flaw is not None
    assert flaw.name == name
    for language in LANGUAGES:
        assert "Mira" not in flaw.reason(language)
        assert "BORIS" not in flaw.reason(language)


# -- what the sample stories prove

STORIES = {path.stem: read_document(path) for path in SAMPLES}


def texts_of(name: str, kind: Kind) -> list[tuple[str, str]]:
    """Every text of a kind in a sample story, and the plot it goes with."""
    story = STORIES[name]
    if kind in BEAT_KINDS:
        return [(text, "") for text in story.texts[kind].values()]
    return [(scene.text(kind), scene.plot) for scene in story.scenes]


@pytest.mark.parametrize("kind", ["beatContent", "keyAction", "scenePlot", "script"])
@pytest.mark.parametrize("name", STORIES)
def test_every_text_of_the_samples_may_be_saved(name: str, kind: Kind) -> None:
    story = STORIES[name]
    base = brief(kind, language=story.language, speakers=speakers(story))
    texts = texts_of(name, kind)
    assert len(texts) >= 8
    for (old, _), (text, plot) in itertools.pairwise([texts[-1], *texts]):
        for previous in (old, ""):
            flaw = check(replace(base, old_text=previous, sources={"scenePlot": plot}), text)
            assert flaw is None, (flaw, text)
        same = check(replace(base, old_text=text), text)
        assert same == Flaw("unchanged")


@pytest.mark.parametrize("kind", ["beatContent", "keyAction", "scenePlot", "script"])
def test_the_usual_lengths_are_the_samples(kind: Kind) -> None:
    lengths = [len(text.split()) for name in STORIES for text, _ in texts_of(name, kind)]
    low, high = row(kind).words
    assert low <= min(lengths)
    assert max(lengths) <= high
    assert min(lengths) - low <= 10
    assert high - max(lengths) <= 10


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize("sample", FIXTURES, ids=lambda b: f"{b.language}-{b.kind}")
def test_a_text_in_the_other_language_may_not(sample: Brief) -> None:
    text = sample.old_text
    own = replace(sample, old_text="", speakers=("INES", "TOMAS", "SARI", "BAYU"))
    assert check(own, text) is None
    other = replace(own, language="id" if sample.language == "en" else "en")
    judged = len(text.split()) >= JUDGED_FROM
    flaw = Flaw("language", {"language": other.language})
    assert check(other, text) == (flaw if judged else None)


# -- language


FOREIGN = {
    "es": "Nieves baja la escalera con la carta en la mano y sabe que su hermano la ha leído.",
    "fr": "Elle descend lentement l'escalier avec la lettre à la main et sait qu'il l'a déjà lue.",
    "nl": "Ze loopt langzaam naar de vuurtoren met de brief in haar jas en weet dat hij hem las.",
    "de": "Sie geht langsam mit dem Brief im Mantel zum Leuchtturm und weiß, dass er ihn kennt.",
    "tl": "Dahan-dahan siyang naglakad papunta sa parola na may sulat sa bulsa at alam niya ito.",
    "zh": "她慢慢走向灯塔，口袋里装着那封信，她知道她的哥哥已经读过了。看守人问她为什么一个人来。",
    "ru": "Она медленно идёт к маяку с письмом в кармане.",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_third_language_is_seen(language: Language, text: str) -> None:
    assert not in_language(text, language, "scenePlot")


def test_malay_counts_as_indonesian() -> None:
    text = (
        "Dia berjalan perlahan-lahan ke rumah api dengan surat di dalam poket dan tahu abangnya "
        "sudah membacanya. Penjaga itu bertanya kenapa dia datang seorang diri."
    )
    assert in_language(text, "id", "scenePlot")
    assert not in_language(text, "en", "scenePlot")


def test_a_few_words_are_not_judged() -> None:
    assert in_language("Nieves, Aurelio y Xuan.", "en", "keyAction")


def test_one_paragraph_in_another_language_is_seen_in_prose_only() -> None:
    mixed = EN_BEAT.split("\n\n")[0] + "\n\n" + ID_BEAT.split("\n\n")[1]
    assert not in_language(mixed, "en", "beatContent")
    assert not in_language(mixed, "id", "beatContent")
    # Somebody in a script may speak another language.
    assert in_language(EN_SCRIPT + "\n\nSARI\nAku sudah bilang, surat itu bukan untukmu lagi, "
                       "dan kau tahu itu sejak dulu.", "en", "script")  # fmt: skip
    assert not in_language(ID_SCRIPT, "en", "script")


def test_no_network_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    from cascade.llm import languages

    languages._identifier.cache_clear()
    assert in_language(EN_BEAT, "en", "beatContent")


# -- the old text again


def test_an_unchanged_text_may_not_be_saved_however_it_is_written() -> None:
    old = "Mira opens  the ledger before all of them, and nobody dares to say a word.\n"
    for text in (" ".join(old.split()), old.upper(), old.replace(",", " –")):
        assert check(brief("keyAction", old), text) == Flaw("unchanged")
    other = "Mira shuts the ledger before all of them, and nobody has to say a word."
    assert check(brief("keyAction", old), other) is None


def test_a_text_with_a_few_other_words_is_the_old_one() -> None:
    base = brief("script", EN_SCRIPT, speakers=("INES", "TOMAS"))
    touched = EN_SCRIPT.replace("dead lamp", "dark lamp").replace("slowly", "quickly")
    assert check(base, touched) == Flaw("hardly_changed")
    # Where the level stays it may fit nearly as it is.
    stays = replace(base, previous_level=base.new_level)
    assert check(stays, touched) is None
    assert check(stays, EN_SCRIPT) is None
    lines = EN_SCRIPT.split("\n\n")
    lines[1:3] = ["Rain. INES, 30, holds the letter. She has stopped reading it.", "The stairs."]
    assert check(base, "\n\n".join(lines)) is None


def test_two_long_texts_of_the_same_words_are_compared_in_time() -> None:
    old = "the rain and the lamp and the door " * 300
    new = " ".join(reversed(old.split()))  # the quick estimates cannot tell them apart
    start = time.process_time()
    assert checks._check_novelty(brief("scenePlot", old), new) is None
    assert time.process_time() - start < 5


# -- length


def prose(count: int) -> str:
    said = "the lamp swings over the table and nobody reaches for it"
    words = itertools.cycle(said.split())
    return " ".join(itertools.islice(words, count)) + "."


@pytest.mark.parametrize(
    ("words", "name"), [(39, "too_short"), (40, None), (250, None), (251, "too_long")]
)
def test_the_length_goes_by_the_old_text(words: int, name: str | None) -> None:
    flaw = check(brief("scenePlot", "old " * 100), prose(words))
    assert (flaw and flaw.name) == name
    if flaw is not None:
        assert flaw.reason() == (
            f"the text is too {name.split('_')[1] if name else ''}: {words} words, where 40 to "
            "250 can be saved"
        )


@pytest.mark.parametrize("old", ["", "to be written"])
def test_without_an_old_text_the_usual_length_counts(old: str) -> None:
    for words, name in [(17, "too_short"), (18, None), (187, None), (188, "too_long")]:
        flaw = check(brief("scenePlot", old), prose(words))
        assert (flaw and flaw.name) == name


def test_a_short_old_text_may_stay_short_and_may_grow() -> None:
    old = "Maya climbs up to the lamp and counts the ships."  # ten words
    for words, name in [(3, "too_short"), (4, None), (30, None), (187, None), (188, "too_long")]:
        flaw = check(brief("scenePlot", old), prose(words))
        assert (flaw and flaw.name) == name
    script = (
        "FADE IN:\n\nINT. LAMP ROOM - NIGHT\n\nMira climbs the stairs.\n\nMIRA\n{}\n\nShe waits."
    )
    assert check(brief("script", script.format("One. Two.")), script.format("Where is it?")) is None


def test_a_text_beyond_every_limit_is_not_looked_at() -> None:
    text = "(" * (LIMITS["keyAction"] + 1)
    assert check(brief("keyAction"), text) == Flaw("too_large", {"count": 5001, "high": 5000})
    assert check(brief("keyAction"), text[1:]) != Flaw("too_large", {"count": 5001, "high": 5000})


def test_both_languages_have_a_sentence_for_every_flaw() -> None:
    folder = Path(prompting.__file__).parent
    tables = [
        tomllib.loads((folder / "prompts" / f"flaws.{one}.toml").read_text("utf-8"))
        for one in LANGUAGES
    ]
    sources = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    used = set(re.findall(r'(?:Flaw|AnswerError)\(\s*"(\w+)"', sources))
    used |= {"fence", "marks", "escapes", "too_short", "too_long"}
    assert set(tables[0]) == set(tables[1]) == used
    for name in used:
        fields = [re.findall(r"{\w+}", table[name]) for table in tables]
        assert sorted(fields[0]) == sorted(fields[1])
        assert json.dumps(tables[0][name]) != json.dumps(tables[1][name])
