"""What makes a script one: its form as Fountain, and who speaks in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cascade.llm.flaws import Flaw
from cascade.story.brief import Brief
from cascade.story.fountain import ASIDES, OPENINGS, Element, read

_WORD = re.compile(r"[^\W\d_]+")
_SEVERAL = re.compile(r"(?:/|&|,|\+|\b(?:AND|DAN)\b)")
# They go with any name, so that they make none known. English, then Indonesian.
_ANY_NAMES = """the a an of in on at mr mrs ms miss dr sir old young voice
    si sang di pak bu bapak ibu mas mbak bang kak tuan nyonya nona suara"""
_TITLES = frozenset(_ANY_NAMES.split())
# Nobody is invented by these: who is on the screen together, a crowd, what plays or announces,
# and who tells the story. English, then Indonesian.
_NOBODY = """all both everyone everybody together others crowd mob people public audience spectators
    onlookers bystanders passengers guests villagers neighbours neighbors protesters demonstrators
    reporters journalists soldiers students children kids men women boys girls voices chorus choir
    congregation mourners workers
    radio tv television telly newsreader newscaster announcer announcement loudspeaker tannoy
    intercom answerphone voicemail gps satnav
    narrator narration narrating storyteller
    semua bersama berdua bertiga keduanya mereka kerumunan massa warga penonton hadirin jemaah
    jamaah khalayak pelayat rombongan pengunjung penumpang para wartawan
    televisi tivi penyiar pengumuman pengeras speaker interkom
    narator pencerita dalang"""
_NOBODY_NEW = frozenset(_NOBODY.split())
# "ORANG-ORANG", "ANAK-ANAK": said twice it is many.
_TWICE = re.compile(r"([^\W\d_]{2,})-\1\b", re.IGNORECASE)


def check_script(brief: Brief, text: str) -> Flaw | None:
    """The first flaw in a script's form, or a speaker whom the story does not know.

    What the old script did is its writer's habit, which the new one may keep.
    """
    new, old = _Form.of(text), _Form.of(brief.old_text)
    if new.has_title_page and not old.has_title_page:
        return Flaw("title_page")
    if not new.opens_as_a_scene and (old.opens_as_a_scene or not old.body):
        return Flaw("no_heading")
    if new.ends_in_a_heading and not old.ends_in_a_heading:
        return Flaw("only_heading")
    if not new.is_closed and old.is_closed:
        return Flaw("not_closed")
    known = {*brief.speakers, *new.speakers, *old.speakers}
    if (new.silent(known) | new.unspoken) - old.silent(known) - old.unspoken:
        return Flaw("no_dialogue")
    if strangers := unknown_speakers(brief, new.speakers):
        return Flaw("unknown_speaker", names=strangers)
    return None


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of one script. `body` is all of it but notes, comments, sections and the like."""

    elements: tuple[Element, ...]
    body: tuple[Element, ...]

    @classmethod
    def of(cls, script: str) -> _Form:
        elements = tuple(read(script)) if script.strip() else ()
        return cls(elements, tuple(one for one in elements if one.kind not in ASIDES))

    @property
    def has_title_page(self) -> bool:
        return bool(self.elements) and self.elements[0].kind == "title_page"

    @property
    def opens_as_a_scene(self) -> bool:
        """With a heading, or with what may stand before one: "FADE IN:", a card."""
        if not self.body or self.body[0].kind == "heading":
            return bool(self.body)
        return self.body[0].kind in OPENINGS and any(one.kind == "heading" for one in self.body)

    @property
    def ends_in_a_heading(self) -> bool:
        return bool(self.body) and self.body[-1].kind == "heading"

    @property
    def is_closed(self) -> bool:
        return all(one.closed for one in self.elements)

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.name for one in self.body if one.kind == "cue"))

    @property
    def unspoken(self) -> set[str]:
        """The cues under which nobody says a word."""
        return {
            one.name
            for place, one in enumerate(self.body)
            if one.kind == "cue" and not _speaks(self.body, place + 1)
        }

    def silent(self, known: set[str]) -> set[str]:
        """The lines that are the name of a known speaker with an empty line under it.

        Of nobody's name it is a card ("LATER") or a noise ("BOOM").
        """
        return {one.name for one in self.body if one.kind == "card"} & known


def _speaks(body: Sequence[Element], place: int) -> bool:
    while place < len(body) and body[place].kind == "parenthetical":
        place += 1
    return place < len(body) and body[place].kind in {"speech", "lyric"}


def unknown_speakers(brief: Brief, cues: Iterable[str]) -> tuple[str, ...]:
    """The speakers of whom the story has never heard: not in its scripts, nor in what is told.

    One word of a name is enough (the officer may speak as OFFICER, Nieves as YOUNG NIEVES), but
    no title: a PAK whom nobody knows is not known by other men's being called so. A crowd, a
    radio and a narrator are nobody in particular.
    """
    told = [*brief.speakers, brief.title, brief.synopsis, brief.direction, brief.old_text]
    told += [brief.prev_beat_content, brief.next_beat_content, *brief.sources.values()]
    told += [one.text for one in brief.siblings]
    told += [seam.text for seam in (brief.before, brief.after) if seam is not None]
    known = _NOBODY_NEW.union(*map(_words, told))
    return tuple(
        dict.fromkeys(
            name
            for cue in cues
            for name in map(str.strip, _SEVERAL.split(cue.upper()))
            if (words := _words(name))
            and not (words - _TITLES or words) & known
            and not _TWICE.search(name)
        )
    )


def _words(text: str) -> set[str]:
    """The words of a text without case and accents."""
    # Sign by sign: a whole text with a heap of accents on one letter would be sorted for minutes.
    bare = {ord(sign): _bare(sign) for sign in set(text) if not sign.isascii()}
    return set(_WORD.findall(text.translate(bare).casefold()))


def _bare(sign: str) -> str:
    parts = unicodedata.normalize("NFKD", sign)
    return "".join(part for part in parts if not unicodedata.combining(part))
