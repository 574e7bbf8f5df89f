"""English: the curated words of the pacing edit.

Every entry keeps part of speech and inflection, and asks for a context in which the swap is safe
(`after` is what must follow). When an entry could read oddly, it is not here.
"""

from __future__ import annotations

from cascade.llm.pacing.rules import Rule, phrase
from cascade.llm.pacing.text import word_set

_AUX = word_set("has have had having been be being is are was were get gets got")
_NOT = word_set("""not never no less too hardly barely isn't aren't wasn't weren't don't doesn't""")


def _verb(source: str, target: str, after: str, tail: str = "") -> list[Rule]:
    """Rules for a verb: `source` and `target` are "base s past ing"; the base only after "to".

    The base form alone may be a noun, and a past form after an auxiliary a participle.
    """
    base, third, past, ing = source.split()
    base_to, third_to, past_to, ing_to = target.split()
    rules = [phrase(third, third_to + tail, after), phrase(ing, ing_to + tail, after)]
    rules.append(phrase(past, past_to + tail, after, _AUX))
    rules.append(phrase(f"to {base}", f"to {base_to}{tail}", after))
    return rules


def _adjective(source: str, target: str, after: str = "") -> Rule:
    return phrase(
        source, target, after, [*_NOT, "has", "have", "had", "more", "most", "pleasantly"]
    )


_TOWARD = r"(?= (?:to|toward|towards|into|across|past|back to|over to) (?!work|bed|school|sleep))"
_DOOR = r"(?= the (?:doors?|drawer|lid|windows?|gates?|shutters?)\b)"
_HANDY = (
    r"(?= (?:the|his|her|their) (?:phone|receiver|keys|bag|letter|envelope|knife|gun|file|folder|"
    r"notebook|camera|torch|map|radio|papers|photograph|photo)\b"
    r"(?! (?:off|to|home|away|back|out)\b))"
)
_GRIP = (
    r"(?= (?:the|his|her|their) (?:hands?|arm|wrist|phone|letter|rope|railing|wheel|bag|knife|"
    r"handle|box|envelope|photograph|notebook|torch)\b)"
)
_WH = r"(?= (?:why|what|where|who|how|when|whether|if)\b)"
_ROOM = (
    r"(?= (?:the|his|her|their|a) (?:room|house|office|kitchen|flat|apartment|hall|shop|station)\b)"
)
_THING = r"(?= (?:the|his|her|their|a|an|it|him|them)\b)"
_PREDICATE = r"(?= (?:of|that)\b|[.,;])"

SHARPER: list[Rule] = [
    *_verb("walk walks walked walking", "stride strides strode striding", _TOWARD),
    *_verb("hurry hurries hurried hurrying", "race races raced racing", _TOWARD),
    *_verb("look looks looked looking", "stare stares stared staring", r"(?= at\b)"),
    *_verb("close closes closed closing", "slam slams slammed slamming", _DOOR),
    *_verb("ask asks asked asking", "demand demands demanded demanding", _WH, " to know"),
    *_verb("pull pulls pulled pulling", "yank yanks yanked yanking", rf"(?: ?(?= open\b)|{_DOOR})"),
    *_verb(
        "push pushes pushed pushing",
        "shove shoves shoved shoving",
        rf"(?:(?= (?:open|past)\b)|{_DOOR})",
    ),
    *_verb("hold holds held holding", "grip grips gripped gripping", _GRIP),
    *_verb("take takes took taking", "grab grabs grabbed grabbing", _HANDY),
    *_verb("worry worries worried worrying", "fear fears feared fearing", r"(?= that\b)"),
    *_verb(
        "knock knocks knocked knocking",
        "pound pounds pounded pounding",
        r"(?= on (?:the|his|her) door\b)",
    ),
    *_verb(
        "try tries tried trying", "struggle struggles struggled struggling", r"(?= to (?!be\b))"
    ),
    phrase("wants to", "needs to", r"(?= (?!be\b))", _NOT),
    phrase("wanted to", "needed to", "", [*_NOT, *_AUX]),
    phrase("says that", "insists that"),
    phrase("said that", "insisted that", "", _AUX),
    phrase("has to", "must", r"(?= (?!do\b|be\b|say\b))", ["only", "all", "never", "it"]),
    phrase("is unable to", "cannot"),
    phrase("are unable to", "cannot"),
    phrase("was unable to", "could not"),
    phrase("in order to", "to", "", ["not"]),
    phrase("due to the fact that", "because"),
    phrase("despite the fact that", "although"),
    phrase("makes his way", "heads", _TOWARD),
    phrase("makes her way", "heads", _TOWARD),
    phrase("make their way", "head", _TOWARD),
    phrase("made his way", "headed", _TOWARD, _AUX),
    phrase("made her way", "headed", _TOWARD, _AUX),
    phrase("made their way", "headed", _TOWARD, _AUX),
    _adjective("afraid", "terrified", _PREDICATE),
    _adjective("frightened", "terrified", _PREDICATE),
    _adjective("scared", "terrified", _PREDICATE),
    _adjective("surprised", "stunned", r"(?= (?:by|that|to)\b|[.,;])"),
    _adjective("angry", "furious"),
    _adjective("difficult", "hard"),
]

CALMER: list[Rule] = [
    *_verb("stride strides strode striding", "walk walks walked walking", _TOWARD),
    *_verb("race races raced racing", "hurry hurries hurried hurrying", _TOWARD),
    *_verb("rush rushes rushed rushing", "hurry hurries hurried hurrying", _TOWARD),
    *_verb("sprint sprints sprinted sprinting", "run runs ran running", ""),
    *_verb(
        "storm storms stormed storming",
        "walk walks walked walking",
        r"(?= (?:into|out|off|past|in)\b)",
    ),
    *_verb("barge barges barged barging", "walk walks walked walking", r"(?= (?:into|in|past)\b)"),
    *_verb(
        "burst bursts burst bursting",
        "come comes came coming",
        r"(?= into (?:the|a|his|her) (?:room|house|office|kitchen|flat|hall|shop)\b)",
    ),
    *_verb("stare stares stared staring", "look looks looked looking", r"(?= at\b)"),
    *_verb("glare glares glared glaring", "look looks looked looking", r"(?= at\b)"),
    *_verb("slam slams slammed slamming", "close closes closed closing", _DOOR),
    *_verb("spin spins spun spinning", "turn turns turned turning", r"(?= a?round\b)"),
    *_verb("demand demands demanded demanding", "ask asks asked asking", r" to know" + _WH),
    *_verb("yank yanks yanked yanking", "pull pulls pulled pulling", ""),
    *_verb(
        "shove shoves shoved shoving",
        "push pushes pushed pushing",
        r"(?= (?:open|past|aside|the|him|her|them|it)\b)",
    ),
    *_verb("grip grips gripped gripping", "hold holds held holding", _THING),
    *_verb("clutch clutches clutched clutching", "hold holds held holding", _THING),
    *_verb("grab grabs grabbed grabbing", "take takes took taking", _THING),
    *_verb("snatch snatches snatched snatching", "take takes took taking", _THING),
    *_verb("seize seizes seized seizing", "take takes took taking", _THING),
    *_verb("hurl hurls hurled hurling", "throw throws threw throwing", _THING),
    *_verb(
        "pound pounds pounded pounding",
        "knock knocks knocked knocking",
        r"(?= on (?:the|his|her) door\b)",
    ),
    *_verb("fear fears feared fearing", "worry worries worried worrying", r"(?= that\b)"),
    *_verb("struggle struggles struggled struggling", "try tries tried trying", r"(?= to\b)"),
    *_verb("shout shouts shouted shouting", "call calls called calling", r"(?= (?:for|to|out)\b)"),
    *_verb("scream screams screamed screaming", "call calls called calling", r"(?= (?:for|to)\b)"),
    *_verb(
        "plead pleads pleaded pleading",
        "speak speaks spoke speaking",
        r"(?= with (?:him|her|them)[.,])",
    ),
    phrase("insists that", "says that"),
    phrase("insisted that", "said that", "", _AUX),
    phrase("desperate to", "eager to", "", _NOT),
    _adjective("terrified", "frightened", r"(?= (?:of|that)\b|[.,;])"),
    _adjective("furious", "angry"),
    _adjective("stunned", "surprised", r"(?= (?:by|that|to)\b|[.,;])"),
    _adjective("crucial", "important"),
    _adjective("urgent", "pressing"),
    _adjective("brutal", "hard"),
]

HEDGES: list[Rule] = [
    *(phrase(word, "") for word in ("slowly", "gradually", "gently", "softly", "calmly")),
    phrase("slightly", "", r"(?= (?!above|below|more|less))"),
    phrase("somewhat", "", r"(?= (?!of\b|like\b))"),
    phrase("a little", "", r"(?= (?:too|more|longer|closer|faster|harder|later|further)\b)"),
    *(
        phrase(f"{verb} a little", verb, r"(?=[.,;])")
        for verb in ("smiles", "nods", "laughs", "hesitates", "shrugs", "trembles", "relaxes")
    ),
    *(
        phrase(f"{verb} for a moment", verb, r"(?=[.,;])")
        for verb in ("pauses", "hesitates", "stops", "waits")
    ),
    phrase("for a moment", "", r"(?=, (?:he|she|they|it|nobody|no one|nothing|the)\b)"),
    phrase("after a moment", "", r"(?=, (?:he|she|they|it|nobody|no one|nothing|the)\b)"),
    phrase("in a while", "", r"(?=, (?:he|she|they|it)\b)"),
]
ALARMS: list[Rule] = [
    *(
        phrase(word, "")
        for word in sorted(
            word_set(
                "suddenly abruptly instantly immediately frantically desperately urgently "
                "hurriedly sharply"
            )
        )
    ),
    *(
        phrase(word, "", r"(?= (?!much|well|first|last|same|own|little|few|best|idea)\w)")
        for word in ("very", "extremely")
    ),
]
