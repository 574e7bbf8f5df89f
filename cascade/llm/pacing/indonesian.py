"""Bahasa Indonesia: the tables of the pacing edit, and where its sentences are cut or joined.

Indonesian verbs do not inflect, so an entry is one phrase; what must follow keeps the meaning fixed
(*mengambil surat* may become *menyambar surat*, *mengambil keputusan* may not).
"""

from __future__ import annotations

import re

from cascade.llm.pacing.rules import Direction, Insert, Rule, index, phrase
from cascade.llm.pacing.text import Sentence, capitalised, lowered, word_set, words

_NOT = word_set("tidak tak bukan belum jangan tanpa kurang")
_WAY = r"(?= (?:ke|menuju|memasuki|menghampiri|keluar|masuk|melintasi)\b)"
_HANDY = (
    r"(?= (?:surat|kunci|tas|ponsel|telepon|amplop|pisau|buku|map|senter|kertas|foto|radio|jaket|"
    r"kamera|berkas|gagang)\b)"
)
_GRIP = (
    r"(?= (?:tangan|lengan|pergelangan|surat|kemudi|setir|tali|pagar|gagang|pisau|tas|kotak|ponsel|"
    r"telepon|amplop|kunci|foto|pegangan)\b)"
)
_DOOR = r"(?= (?:pintu|jendela|laci|gerbang|pagar)\b)"
# A verb with me-, long enough not to be a noun (menu, meja) and not the pronoun.
_VERB = r"(?= (?!mereka\b|menteri\b|mertua\b|merek\b)me[mnlrwy]\w{4,})"
_WHETHER = r"(?= (?:mengapa|kenapa|apa|apakah|siapa|di mana|ke mana|kapan|bagaimana)\b)"

_SHARPER: list[Rule] = [
    phrase("berjalan", "bergegas", r"(?= (?:ke|menuju|memasuki|menghampiri|keluar|masuk)\b)", _NOT),
    phrase("melangkah", "bergegas", r"(?= (?:ke|menuju|memasuki|keluar|masuk)\b)", _NOT),
    phrase("melihat ke", "menatap ke"),
    phrase("memandang", "menatap", r"(?! rendah\b| sebelah\b| remeh\b)"),
    phrase("mengambil", "menyambar", _HANDY),
    phrase("menutup", "membanting", r"(?= pintu\b)"),
    phrase("memegang", "mencengkeram", _GRIP),
    phrase("menarik", "menyentak", r"(?= (?:tangan|lengan|laci|pintu|tali|gagang)\b)"),
    phrase("menoleh ke", "menoleh cepat ke"),
    phrase("berdiri dari", "bangkit dari"),
    phrase("bertanya", "menuntut tahu", _WHETHER, _NOT),
    phrase("berkata bahwa", "menegaskan bahwa"),
    phrase("mengatakan bahwa", "menegaskan bahwa"),
    phrase("mencoba", "berjuang", _VERB),
    phrase("berusaha", "berjuang", _VERB),
    phrase("berupaya", "berjuang", _VERB),
    phrase(
        "ingin", "bertekad", _VERB, [*_NOT, "rasa", "lebih", "hanya", "cuma", "paling", "sangat"]
    ),
    phrase("marah", "murka", r"(?= (?:kepada|pada)\b|[.,;])", [*_NOT, "rasa"]),
    phrase("terkejut", "terperanjat", "", [*_NOT, "agak", "sedikit", "sangat"]),
    phrase("di dalam", "dalam", r"(?= (?:hati|pikiran)\w*)"),
    phrase("pada saat itu", "saat itu"),
    phrase("akan tetapi", "tetapi"),
    phrase("oleh karena itu", "karena itu"),
]

_CALMER: list[Rule] = [
    phrase(
        "bergegas", "berjalan", r"(?= (?:ke|menuju|memasuki|menghampiri|keluar|masuk|pulang)\b)"
    ),
    phrase("berlari", "bergegas", _WAY),
    phrase("menatap tajam", "menatap"),
    phrase("menatap", "memandang", r"(?! tajam\b)"),
    phrase("memelototi", "memandang"),
    phrase("menyambar", "mengambil", _HANDY, word_set("petir kilat api listrik")),
    phrase("merebut", "mengambil", _HANDY),
    phrase("membanting", "menutup", r"(?= pintu\b)"),
    phrase("mencengkeram", "memegang"),
    phrase("menyentak", "menarik", r"(?= (?:tangan|lengan|laci|pintu|tali|gagang)\b)"),
    phrase("menoleh cepat", "menoleh"),
    phrase("berteriak memanggil", "memanggil"),
    phrase("berteriak bahwa", "berkata bahwa"),
    phrase("membentak", "menegur"),
    phrase("menuntut tahu", "bertanya", _WHETHER),
    phrase("menuntut agar", "meminta agar"),
    phrase("menegaskan bahwa", "mengatakan bahwa"),
    phrase("berjuang", "berusaha", _VERB),
    phrase("bertekad", "ingin", _VERB),
    phrase("murka", "marah"),
    phrase("terperanjat", "terkejut"),
    phrase("panik", "cemas", "", ["tombol", "serangan"]),
    phrase("menerobos masuk", "masuk"),
    phrase("melesat", "bergegas", _WAY),
    phrase("mendesak", "menekan", r"(?= (?:ia|dia|mereka)\b[.,])"),
]

_HEDGES: list[Rule] = [
    *(
        phrase(hedge, "")
        for hedge in (
            "perlahan",
            "perlahan-lahan",
            "pelan-pelan",
            "secara perlahan",
            "dengan perlahan",
            "dengan pelan",
            "dengan tenang",
            "dengan lembut",
            "agak",
        )
    ),
    phrase("sejenak", "", r"(?=[.,;])"),
    phrase("sejenak", "", r"(?= (?:ia|dia|mereka)\b)"),
    phrase("setelah beberapa saat", "", r"(?=, (?:ia|dia|mereka)\b)"),
    phrase(
        "sedikit",
        "",
        r"(?= (?:gugup|cemas|ragu|kaku|lelah|takut|tegang|marah|kecewa|gelisah|malu)\b)",
    ),
]
_ALARMS: list[Rule] = [
    phrase("tiba-tiba", ""),
    phrase("seketika", "", r"(?= (?:ia|dia|mereka|me\w{4,}|ber\w{3,})\b)", ["dalam", "pada"]),
    phrase("mendadak", "", r"(?= (?:ia|dia|mereka|me\w{4,}|ber\w{3,}|ter\w{3,})\b)"),
    phrase(
        "segera",
        "",
        r"(?= (?:me\w{4,}|ber\w{3,}|pergi|pulang|masuk|keluar)\b)",
        ["dengan", "agar", "harap"],
    ),
    phrase(
        "langsung",
        "",
        r"(?= (?:me\w{4,}|ber\w{3,}|pergi|pulang|masuk|keluar)\b)",
        ["secara", "tidak", "tak", "siaran"],
    ),
    phrase("dengan panik", ""),
    phrase("dengan tergesa", ""),
    phrase("dengan tergesa-gesa", ""),
    phrase("sangat", "", r"(?= (?!penting|perlu|mungkin)\w)"),
]
_KEEP_BEFORE = word_set(
    """lebih paling terlalu sangat begitu sangatlah cukup makin semakin dan atau tetapi tapi tidak
    tak bukan jangan secara dengan yang se"""
)
_KEEP_AFTER = word_set("dan atau tetapi tapi tetap namun pasti agar supaya sekali saja")

_PRONOUNS = word_set("ia dia mereka kami kita aku saya")
# Words that reach over what follows: cutting behind them would change who does what, or whether.
_REACHING = word_set(
    """untuk agar supaya yang bahwa ketika saat jika kalau bila apabila karena sebab harus ingin
    akan bisa dapat tidak tak belum bukan mau sambil hendak mulai tanpa setelah sebelum sejak
    sampai hingga seolah seakan antara baik entah apakah mengapa bagaimana meskipun walaupun
    selama sehingga jangan hanya mencoba berusaha membuat membiarkan menyuruh meminta melihat
    mendengar mendapati menemukan menyaksikan memandang menatap merasa merasakan sementara
    selagi begitu boleh perlu berjuang bertekad"""
)
_OPENING = word_set(
    """ketika saat jika kalau bila apabila karena setelah sebelum sejak meskipun walaupun selama
    sementara begitu agar supaya untuk sambil seolah seakan bukan tidak baik entah hingga sampai"""
)
_VERBAL = re.compile(r"(?:me[mnlrwy]\w{3,}|me\w{5,}|ber\w{3,}|di\w{4,}|ter\w{4,})\Z")
_NOT_VERBAL = word_set(
    """mereka menteri mertua merek berita berkas berkah dirinya dingin dinding terlalu terhadap
    tersebut terutama tertentu terakhir berapa beras bersama berupa berbagai beberapa bersih
    berat memang meskipun melainkan menurut mengenai menjelang melalui menuju menara mentari
    memori melodi menantu mendung mendadak merpati dinas digital diskusi direktur"""
)

_PLAIN_VERBS = word_set(
    """adalah ada duduk masuk keluar pergi pulang datang tiba naik turun tahu lupa ingat bangun
    jatuh tidur makan minum diam lari pindah kembali"""
)

_CLAUSE = re.compile(
    r", (?P<conj>dan|tetapi|tapi|namun|lalu|kemudian) (?P<next>[\w’'-]+)(?! (?:dan|atau)\b)"
)
_PREDICATE = re.compile(
    r"(?P<mark>, lalu| lalu|, kemudian| kemudian|, dan| dan|,) (?P<verb>[a-z]+)\b"
)
_SEMBARI = re.compile(
    r", (?=(?:kedua tangan|tangan|mata|wajah|kepala|bahu|satu tangan)\w* [^,;:]+\.$)"
)
_TURNS = {
    "tetapi": "Namun, ",
    "tapi": "Namun, ",
    "namun": "Namun, ",
    "lalu": "Lalu ",
    "kemudian": "Kemudian ",
    "dan": "",
}


def _verbal(word: str) -> bool:
    return word in _PLAIN_VERBS or (word not in _NOT_VERBAL and bool(_VERBAL.match(word)))


def _clean(text: str) -> bool:
    return not any(mark in text for mark in "()[]{}/*_")


def cut(text: str, script: bool) -> list[str] | None:
    """One sentence as two or more, by the first cut that is safe; None where there is none.

    In a script a cut may leave a verb without its subject, as screenwriters do.
    """
    if not text.endswith((".", "!")) or not _clean(text):
        return None
    if text.count(";") == 1:
        left, right = text.split(";")
        # Behind a colon semicolons part a list.
        if ":" not in left and len(left.split()) > 2 and len(right.split()) > 2:
            return [left + ".", capitalised(right.strip())]
    first = words(text)[:1]
    if not first or first[0] in _OPENING:
        return None
    return (
        _cut_clause(text) or _cut_predicate(text, script) or (_cut_tail(text) if script else None)
    )


def _cut_clause(text: str) -> list[str] | None:
    for match in _CLAUSE.finditer(text):
        left, conj, follow = text[: match.start()], match["conj"], match["next"]
        right = text[match.start("next") :]
        before = words(left)
        if left.count(",") > 1 or ":" in left or len(before) < 3 or len(right.split()) < 3:
            continue
        if conj in {"tetapi", "tapi", "namun"}:
            # "bukan/tidak hanya ..., tetapi ..." and "meskipun ..., tetapi ..." are one thought.
            if {"bukan", "hanya", "meskipun", "walaupun", "cuma"} & set(before):
                continue
            # Behind "Namun" a sentence needs a subject of its own.
            if not _has_subject(text[match.start("next") :]):
                continue
        elif {"jika", "kalau", "apakah", "antara", "jangan", "supaya", "agar"} & set(before) or (
            follow.lower() not in _PRONOUNS and not _is_clause(right)
        ):
            continue
        elif "," in left and any(map(_verbal, words(left.rsplit(",", 1)[1]))):
            # "A habis, B datang, dan C pergi" is one series.
            continue
        turn = _TURNS[conj]
        return [left + ".", turn + (right if turn else capitalised(right))]
    return None


def _is_clause(text: str) -> bool:
    """Whether a text opens with a name, or a noun with "itu", and what it does."""
    first, second, third = [*text.split(maxsplit=3)[:3], "", "", ""][:3]
    if second in {"itu", "ini"}:
        return _acts(third)
    return first[:1].isupper() and _acts(second)


def _has_subject(text: str) -> bool:
    first, second = [*words(text)[:2], "", ""][:2]
    if first in {"tidak", "tak"}:
        return second in {"ada", "satu", "seorang"}
    bare = {"juga", "hanya", "masih", "sudah", "telah", "akan", "bisa", "belum", "bukan", "tetap"}
    return first not in bare | _REACHING - {"yang"} and not _verbal(first)


def _cut_predicate(text: str, script: bool) -> list[str] | None:
    start = text.split(maxsplit=2)
    if len(start) < 3:
        return None
    subject = start[0]
    pronoun = subject.lower() in {"ia", "dia", "mereka"}
    if not _verbal(start[1].lower()) or not (pronoun or (script and subject[:1].isupper())):
        return None
    if not pronoun and (_verbal(subject.lower()) or subject.lower() in _REACHING):
        return None
    hits = [hit for hit in _PREDICATE.finditer(text) if _verbal(hit["verb"])]
    if not hits or (hits[0]["mark"] == "," and not script):
        return None
    pieces: list[str] = []
    marks: list[str] = []
    begin = 0
    for hit in hits:
        piece = text[begin : hit.start()]
        found = words(piece)
        if (
            len(found) < 3
            or _verbal(found[-1])
            or found[-1] in _TURNS
            or ":" in piece
            or "—" in piece
        ):
            return None
        if set(found) & _REACHING:
            return None
        pieces.append(piece)
        marks.append(hit["mark"].strip(", "))
        begin = hit.start("verb")
    pieces.append(text[begin:])
    if len(pieces[-1].split()) < 2:
        return None
    out = [pieces[0]]
    for mark, piece in zip(marks, pieces[1:], strict=True):
        then = mark if mark in {"lalu", "kemudian"} else ""
        # A comma of a list has no subject of its own even in prose: leave such lists whole.
        if not script and not mark:
            return None
        lead = "" if script else f"{subject} "
        out.append(capitalised(f"{lead}{then + ' ' if then else ''}{piece}"))
    return [piece if piece.endswith((".", "!")) else piece + "." for piece in out]


def _cut_tail(text: str) -> list[str] | None:
    match = _SEMBARI.search(text)
    if not match or text.count(",") > 1:
        return None
    left, right = text[: match.start()], text[match.end() :]
    return [left + ".", capitalised(right)] if len(left.split()) > 1 else None


def fuse(first: Sentence, second: Sentence, most: int, names: frozenset[str]) -> str | None:
    """Two short statements as one, or None where they should stay two.

    `most` words at most; only a word in `names` keeps its capital inside a sentence.
    """
    one, two = first.text, second.text
    if not (one.endswith(".") and two.endswith(".")) or one.endswith("..") or not _clean(one + two):
        return None
    if first.words + second.words > most or any(mark in one + two for mark in ";:—–"):
        return None
    have, come = words(one), words(two)
    if len(have) < 2 or len(come) < 2 or not _states(have):
        return None
    body = one[:-1]
    lead, rest = two.split(maxsplit=1)
    joined = {"dan", "lalu", "tetapi", "tapi", "kemudian"} & set(have) or "," in body
    if lead.rstrip(",") in {"Namun", "Tetapi", "Tapi"}:
        if joined or not rest[0].isalpha():
            return None
        return f"{body}, tetapi {rest if rest.split()[0].rstrip(',') in names else lowered(rest)}"
    if lead in {"Lalu", "Kemudian", "Dan"}:
        return None if joined else f"{body}, {lowered(two)}"
    # "Dan" twice makes a list, and before a "not" it says "therefore": a semicolon claims nothing.
    apart = bool(joined) or ", dan " in two or ", lalu " in two
    apart = apart or bool(_AGAINST & set(come))
    if lead in names and have[0] != come[0]:
        return f"{body}{';' if apart else ', dan'} {two}" if _acts(come[1]) else None
    if lead.lower() not in _PRONOUNS or lead == "Saya":
        return None
    same = lead == one.split()[0] and _verbal(come[1]) and _verbal(have[1])
    if same and not apart and first.words <= 7 and not set(have) & _REACHING:
        return f"{body} dan {rest}"
    return f"{body}{';' if apart else ', dan'} {lowered(two)}"


_AGAINST = word_set("tetapi tapi tidak tak belum bukan masih")


def _states(have: list[str]) -> bool:
    """Whether the words are a statement with a verb of its own, fit to be joined to another."""
    if have[0] in _OPENING | {"namun", "seharusnya", "lalu", "kemudian", "dan"}:
        return False
    # A ber- word alone may be no verb but a quality ("ruangan sempit berpendingin").
    verbs = [word for word in have if _verbal(word)]
    return have[0] in _PRONOUNS or any(not word.startswith("ber") for word in verbs)


def _acts(word: str) -> bool:
    return _verbal(word) or word in {"tidak", "tak", "belum", "sudah", "mulai", "hanya", "masih"}


def _insert(mark: str, verbs: str, template: str) -> Insert:
    return Insert(mark, re.compile(rf"(?P<who>[A-Z][a-z]+) (?P<verb>{verbs})(?![\w'’-])"), template)


# One verb only: what comes after "dan" or a comma would be said to last a moment too.
_ONE_VERB = r"(?:(?! dan | lalu )[^,;])*\.\Z"
_INSERTS = (
    _insert(
        "Sejenak ",
        rf"(?:memandang|menatap|menunggu|mendengarkan)(?={_ONE_VERB})",
        "Sejenak {low} {verb}",
    ),
    _insert(
        "Setelah beberapa saat, ",
        r"mengangguk|menjawab|pergi|keluar|membuka|menutup|meletakkan|bangkit",
        "Setelah beberapa saat, {low} {verb}",
    ),
    _insert(
        "perlahan ",
        r"membuka|menutup|meletakkan|mengangkat|menurunkan|melipat|memutar",
        "{who} perlahan {verb}",
    ),
    _insert("dengan tenang ", r"meletakkan|menjawab|mengunci", "{who} dengan tenang {verb}"),
)

_SOFT = frozenset(("perlahan", "pelan", "lembut", "hati-hati", "tenang"))
RISING = Direction(
    swaps=index(_SHARPER),
    removals=index(_HEDGES),
    keep_before=_KEEP_BEFORE,
    keep_after=_KEEP_AFTER,
    split=cut,
    negatives=word_set("tidak tak bukan belum jangan tanpa"),
    soft=_SOFT,
)
FALLING = Direction(
    swaps=index(_CALMER),
    removals=index(_ALARMS),
    keep_before=_KEEP_BEFORE,
    keep_after=_KEEP_AFTER,
    fuse=fuse,
    inserts=_INSERTS,
    negatives=word_set("tidak tak bukan belum jangan tanpa"),
    pronouns=_PRONOUNS,
    leads=word_set("namun tetapi tapi lalu kemudian dan"),
)
