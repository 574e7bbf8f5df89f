"""What a model says about its task instead of doing it: refusals, and remarks before a text."""

from __future__ import annotations

import re

# A first line about the text: "Sure! Here is the new scene:" and its like, in both languages.
_EAGER = re.compile(
    r"(?:sure|certainly|of course|tentu(?: saja)?|baik(?:lah)?)\s?[,!.:]\s", re.IGNORECASE
)
_SHOWN = re.compile(
    r"(?:here(?:'s|’s| is| are| it is| they are| you (?:go|are))|below is|"
    r"berikut(?: ini| adalah)?|ini(?:lah)?)\b"
    r"(?P<what>[^\n]{0,120}):[^\S\n]*\Z",
    re.IGNORECASE,
)
# What such a line announces. "Here is what she never told them:" announces none of it.
_A_TEXT = re.compile(
    r"\b(?:plots?|scenes?|scripts?|screenplay|texts?|versions?|rewrit\w*|revis\w*|drafts?|beats?|"
    r"key actions?|paragraphs?|synopsis|json|fountain|plotnya|adegan\w*|naskah\w*|teks\w*|versi\w*|"
    r"revisi\w*|aksi kunci\w*|paragraf\w*|tulisan\w*|penulisan\w*|konten\w*|draf\w*)\b",
    re.IGNORECASE,
)
# "Here it is:", "Berikut hasilnya:" say nothing but that something comes.
_NOTHING = """it the a your my new result output answer content object requested
    adalah ini itu dia baru hasil hasilnya jawaban jawabannya isi isinya permintaan anda"""
_NOTHING_SAID = frozenset(_NOTHING.split())
_NOT_ABLE = r"can(?:['’]?t|not| not)|won['’]t|(?:am|['’]m) (?:not able|unable)|will not"
# What a model is asked for; "I cannot help but wonder" and "I can't write the letter" are not it.
_TASKS = (
    r"(?:assist|help(?: you)?(?! but\b| \w+ing\b| it\b| myself\b)|fulfil\w*|comply|"
    r"do (?:that|this)|"
    r"(?:continue|provide|write|rewrite|create|generate|produce)(?= ?[.,!]?\s*\Z| (?:with )?"
    r"(?:this|that|it|such|your|any|content|explicit|"
    r"the (?:scene|script|story|text|plot|request|content|beat|rewrite))\b))"
)
_ID_NOT_ABLE = r"(?:tidak|tak|belum) (?:bisa|dapat|mampu)"
# Only as a text's first words: what somebody says in a story stands after a name or a mark.
_REFUSAL = re.compile(
    rf"(?:(?:i['’]m|i am) (?:so |very |really )?sorry\b|sorry,|i apologi[sz]e|unfortunately,)"
    rf"[^.\n]{{0,60}}?\bi?\s?(?:{_NOT_ABLE})\b"
    rf"|i (?:{_NOT_ABLE})(?: to)? {_TASKS}"
    # "As an AI, Aria was never meant to dream" is about somebody; a model speaks of itself.
    rf"|as an? (?:artificial intelligence|ai)(?: [^.,\n]{{0,40}})?,? i (?:{_NOT_ABLE}|must decline|"
    r"(?:do not|don['’]t) (?:write|create|generate|produce|provide|have (?:personal|the ability)|"
    r"feel comfortable))\b"
    r"|as an? (?:helpful |harmless |large |text[- ]based |ai |artificial intelligence )*"
    r"(?:language model|ai model|ai assistant)(?: [^.,\n]{0,40})?,? (?:i|my)\b"
    rf"|(?:mohon )?maaf,?[^.\n]{{0,40}}?\b(?:saya|kami|aku) {_ID_NOT_ABLE}"
    r"|(?:saya|kami) (?:tidak|tak) (?:bisa|dapat|mampu) "
    r"(?:membantu|memenuhi|menulis|melanjutkan|membuat|memproses|menyediakan|melakukan)"
    r"|sebagai (?:sebuah )?(?:ai|kecerdasan buatan)(?: [^.,\n]{0,40})?,? (?:saya|kami) "
    rf"(?:{_ID_NOT_ABLE}|(?:tidak|tak) (?:menulis|membuat|memiliki|diizinkan|diperbolehkan))\b"
    r"|sebagai (?:sebuah )?(?:model bahasa|asisten (?:ai|virtual)|model ai)(?: [^.,\n]{0,40})?,? "
    r"(?:saya|kami)\b",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """True where a text begins as a model does that declines."""
    return _REFUSAL.match(text.lstrip()) is not None


def is_preamble(text: str) -> bool:
    """True where a text begins with a remark about itself."""
    first, _, rest = text.lstrip()[:400].partition("\n")
    if _EAGER.match(f"{first}\n"):
        return True
    shown = _SHOWN.match(first)
    if shown is None or not rest.strip():
        return False
    if _A_TEXT.search(shown["what"]):
        return True
    return _NOTHING_SAID.issuperset(re.findall(r"\w+", shown["what"].lower()))
