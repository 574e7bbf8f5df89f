"""English: where the sentences of the pacing edit may be cut, joined or given a breath."""

from __future__ import annotations

import re

from cascade.llm.pacing.english_words import ALARMS, CALMER, HEDGES, SHARPER
from cascade.llm.pacing.rules import Direction, Insert, index
from cascade.llm.pacing.text import Sentence, capitalised, lowered, word_set, words

_KEEP_BEFORE = word_set(
    "more most too so very as how less but and or quite rather not never a an the this that no "
    "only than pretty however such every"
)
_KEEP_AFTER = word_set("and but or as than enough after before when to")

# Auxiliaries make a clause but are no verb that could stand at the head of a fragment.
_BE = word_set(
    """is are has have does was were had will would can cannot could must may might should did"""
)
_THIRD = _BE | word_set(
    """goes answers appears arrives asks backs begins bends blinks blows breaks breathes brings
    calls carries catches checks climbs closes comes counts crosses cuts decides digs drags
    draws dries drinks drives drops eases eats empties enters explains faces falls feels fetches
    finds finishes fishes flicks folds follows forces gathers gets gives glances grabs grips
    hands hangs hears heads hesitates hides hits holds hurries intercepts jumps keeps kicks
    kneels knocks knows lands laughs lays leads leans learns leaves lets lies lifts lights
    listens locks looks loses lowers makes meets moves nods notices offers opens orders passes
    pauses pays peels picks places pockets points pours presses prints props pulls pushes puts
    races raises reaches reads realises realizes recites refuses remembers removes replaces
    reports returns rings rises rolls rubs runs says searches seems sees sells sends sets
    settles shakes shoves shows shrugs shuts sighs signs sinks sits slams slides slips smiles
    snaps snatches speaks spins spots spreads squares squeezes stamps stands stares starts stays
    steadies steps stops strides studies supposes swallows sweeps swings takes taps tears tells
    thinks throws tips touches tries tucks turns types unfolds unlocks unscrews unwraps uses
    waits wakes walks wants watches weighs whispers wins winds wipes works wraps writes yanks"""
)
_PRONOUNS = word_set("he she it they we i nobody everyone someone everything nothing")
_DETERMINERS = word_set("the his her their its a an this that these those")
_SUBORDINATE = word_set(
    """that who whom whose which where when whenever if unless as while because what how why until
    before after since though although once whether so"""
)
_NEGATIVE = word_set("not never no nor nobody none neither only without cannot hardly")
_NOT_ING = word_set(
    """nothing something everything anything ceiling building evening morning king ring thing
    string spring wing sibling wedding clothing during including according being lightning"""
)

_JOINTS = word_set("and but or then so yet not")

_CLAUSE = re.compile(
    r",? (?P<conj>and|but|so|yet) (?=(?:he|she|they|it|we|I|there|nobody|no one|everyone|nothing)\b"
    r"(?!,| and | or )|"
    r"(?:[A-Z][\w’']+ ){1,2}(?P<name>\w+)|(?:the|his|her|their|its) \w+ (?P<noun>\w+))"
)
_VP = re.compile(r"(?P<mark>,? and then|,? then|,? and|,) (?P<verb>[a-z]+)\b")
_MEMBER = re.compile(r", [a-z]+s\b")
_TAIL = re.compile(
    r", (?=(?:(?P<ing>[a-z]+ing) |(?:one hand|both hands|hands|eyes|arms|face|head|jaw|fists) )"
    r"[^,;:]+[.]$)"
)
_DASH = re.compile(r" ?(?:—|–| -- ) ?")


def _clean(text: str) -> bool:
    return not any(mark in text for mark in "()[]{}/*_")


def cut(text: str, script: bool) -> list[str] | None:
    """One sentence as two or more, by the first cut that is safe; None where there is none.

    In a script a cut may leave a verb without its subject ("Lifts it free."), as screenwriters do.
    """
    if not text.endswith((".", "!")) or not _clean(text):
        return None
    if text.count(";") == 1:
        left, right = text.split(";")
        # Behind a colon semicolons part a list.
        if ":" not in left and len(left.split()) > 2 and len(right.split()) > 2:
            return [left + ".", capitalised(right.strip())]
    first = words(text)[:1]
    if not first or first[0] in _SUBORDINATE or first[0] in {"not", "either", "neither", "both"}:
        return None
    return (
        _cut_clause(text) or _cut_predicate(text, script) or (_cut_tail(text) if script else None)
    )


def _cut_clause(text: str) -> list[str] | None:
    for match in _CLAUSE.finditer(text):
        left, right = text[: match.start()], text[match.end() :]
        if not match.group().startswith(",") and match["conj"] != "and":
            continue
        finite = match["name"] or match["noun"]
        if finite is not None and finite not in _THIRD:
            continue
        before = words(left)
        # Two commas before the cut may be a list whose last member this is.
        if left.count(",") > 1 or ":" in left or len(before) < 3 or len(right.split()) < 3:
            continue
        if not match.group().startswith(",") and _SUBORDINATE & set(before):
            continue
        if {"if", "whether", "between", "when", "either", "so"} & set(before):
            continue
        if not (_THIRD & set(before) or before[0] in _PRONOUNS) or _is_series(left):
            continue
        conj = "" if match["conj"] == "and" else capitalised(match["conj"]) + " "
        return [left + ".", conj + (right if conj else capitalised(right))]
    return None


def _is_series(left: str) -> bool:
    """Whether the last comma before a cut already parts two clauses: "a is b, c is d, and ..."."""
    if "," not in left:
        return False
    last = left.rsplit(",", 1)[1].strip()
    start = last.split()[0] if last else ""
    opens = start[:1].isupper() or start in _DETERMINERS | _PRONOUNS
    return opens and bool(_THIRD & set(words(last)))


def _cut_predicate(text: str, script: bool) -> list[str] | None:
    start = text.split(maxsplit=2)
    if len(start) < 3:
        return None
    subject = start[0]
    pronoun = subject.lower() in {"he", "she", "it"}
    named = subject[:1].isupper() and subject.lower() not in _DETERMINERS | _NEGATIVE | _PRONOUNS
    if not pronoun and not (script and named and start[1] in _THIRD):
        return None
    hits = [hit for hit in _VP.finditer(text) if hit["verb"] in _THIRD - _BE]
    if not hits or (hits[0]["mark"] == "," and not script):
        return None
    pieces: list[str] = []
    begin = 0
    for hit in hits:
        piece = text[begin : hit.start()]
        found = set(words(piece))
        if (
            len(piece.split()) < 3
            or piece.split()[-1] in _THIRD | _JOINTS
            or ":" in piece
            or "—" in piece
        ):
            return None
        if found & (_SUBORDINATE | _NEGATIVE) or (begin == 0 and len(found & _PRONOUNS) > pronoun):
            return None
        # A verb behind a comma makes this one series: "drives a wedge in, has it measured and".
        if _MEMBER.search(piece):
            return None
        pieces.append(piece)
        begin = hit.start("verb")
    pieces.append(text[begin:])
    if len(pieces[-1].split()) < 2:
        return None
    lead = "" if script else f"{subject} "
    rest = [lead + piece if lead else capitalised(piece) for piece in pieces[1:]]
    return [piece if piece.endswith((".", "!")) else piece + "." for piece in [pieces[0], *rest]]


def _cut_tail(text: str) -> list[str] | None:
    match = _TAIL.search(text)
    if not match or match["ing"] in _NOT_ING or text.count(",") > 1:
        return None
    left, right = text[: match.start()], text[match.end() :]
    if len(left.split()) < 2 or len(right.split()) < 3 or " and " in left:
        return None
    return [left + ".", capitalised(right)]


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
    body, lead = one[:-1], two.split()[0]
    joined = {"and", "but"} & set(have) or "," in body
    if lead in {"But", "And", "So", "Yet", "Then"}:
        # "So does she" turns round on its subject: it needs its own sentence.
        if joined or come[1] in _BE | {"do"}:
            return None
        return f"{body}, {'and ' if lead == 'Then' else ''}{lowered(two)}"
    # "And" would read as "therefore" between a wish and what is done instead, and twice is a list:
    # a semicolon claims nothing.
    apart = (
        bool(joined) or ", and " in two or bool({"could", "would", "should", "might"} & set(have))
    )
    apart = apart or bool((_NEGATIVE | {"instead", "still", "even"}) & set(come))
    if lead != "I" and lead.lower() in _PRONOUNS:
        return f"{body}; {lowered(two)}" if apart else _joined(body, two, have, come)
    finite = next((word for word in come[1:5] if word in _THIRD), None)
    if finite is None or _SUBORDINATE & set(come[1:4]):
        return None
    mark = ";" if apart or finite in _BE else ", and"
    if lead.lower() in _DETERMINERS - {"a", "an"}:
        return f"{body}{mark} {lowered(two)}"
    if lead in names and come[1] in _THIRD and have[0] != come[0]:
        return f"{body}{mark} {two}"
    return None


def _states(have: list[str]) -> bool:
    """Whether the words are a statement with a verb of its own, fit to be joined to another."""
    if have[0] in _SUBORDINATE | {"and", "but", "then", "yet", "there", "i"}:
        return False
    if have[0] in _PRONOUNS:
        return True
    verb = next((place for place, word in enumerate(have) if word in _THIRD), None)
    return verb is not None and not _SUBORDINATE & set(have[:verb])


def _joined(body: str, two: str, have: list[str], come: list[str]) -> str:
    doing = _THIRD - _BE - {"wants", "knows", "says", "remembers", "sees", "hears", "thinks"}
    plain = not set(have) & (_NEGATIVE | _SUBORDINATE) and len(have) <= 7
    if have[0] == come[0] and plain and have[1] in doing and come[1] in doing:
        return f"{body} and {two.split(maxsplit=1)[1]}"
    return f"{body}; {lowered(two)}" if come[1] in _BE else f"{body}, and {lowered(two)}"


def _insert(mark: str, verbs: str, template: str) -> Insert:
    return Insert(
        mark, re.compile(rf"(?P<who>[A-Z][a-zé]+) (?P<verb>{verbs})(?![\w'’-])"), template
    )


_SLOW = (
    r"opens|closes|lowers|lifts|unfolds|folds|shuts|rises|climbs|puts (?=the|his|her)|"
    r"sets (?=the|his|her|it)"
)
# One verb only: "for a moment she waits, and goes" would hold for the going too.
_ONE_VERB = r"(?:(?! and | then )[^,;])*\.\Z"
_INSERTS = (
    _insert(
        "For a moment, ",
        rf"(?:looks at|watches|waits|listens|hesitates|says nothing)(?={_ONE_VERB})",
        "For a moment, {low} {verb}",
    ),
    _insert(
        "After a moment, ",
        r"nods|turns (?=the|to|back|away)|opens|closes|answers|leaves|goes|looks up|puts|"
        r"sets (?=the|it)|lifts",
        "After a moment, {low} {verb}",
    ),
    _insert("slowly ", _SLOW, "{who} slowly {verb}"),
    _insert(
        "quietly ",
        r"closes|shuts|answers|leaves|sets (?=the|his|her|it)|puts (?=the|his|her)",
        "{who} quietly {verb}",
    ),
)

_ARTICLES = frozenset({"a", "an"})
_SOFT = word_set("softly gently quietly carefully slowly calmly tenderly")
RISING = Direction(
    swaps=index(SHARPER),
    removals=index(HEDGES),
    keep_before=_KEEP_BEFORE,
    keep_after=_KEEP_AFTER,
    articles=_ARTICLES,
    split=cut,
    negatives=_NEGATIVE,
    soft=_SOFT,
)
FALLING = Direction(
    swaps=index(CALMER),
    removals=index(ALARMS),
    keep_before=_KEEP_BEFORE,
    keep_after=_KEEP_AFTER,
    articles=_ARTICLES,
    fuse=fuse,
    inserts=_INSERTS,
    negatives=_NEGATIVE,
    soft=frozenset(),
    pronouns=word_set("he she"),
    leads=word_set("but and so yet then"),
)
