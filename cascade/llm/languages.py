"""Whether a text is in the language it should be in, by letters and their frequencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from cascade.story import kinds
from cascade.story.fountain import read
from cascade.story.kinds import Kind
from cascade.story.story import Language

# Fewer words say too little.
JUDGED_FROM = 12
# What a passage can be taken for and still be right: Malay is nearly the same language, and
# dialogue in Indonesia is full of Javanese. English has its pidgins.
_RIGHT: Mapping[Language, frozenset[str]] = MappingProxyType(
    {
        "en": frozenset({"en", "pcm"}),
        "id": frozenset({"id", "ms", "jv", "ace"}),
    }
)
# How much likelier another language must be (natural logarithm). On 1,914 passages of twelve
# words from the sample stories, the right language was never behind, and the other of the two
# was always behind by 29 or more; French, Spanish, German and Dutch by over 90.
_MARGIN = 20.0

_LAST_LATIN = "\u024f"
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n")


def in_language(text: str, language: Language, kind: Kind) -> bool:
    """False where a text, or one of its paragraphs, is surely in another language.

    A script is judged by its action: people in it may speak whatever they speak. Only where there
    is hardly any does what they say count too.
    """
    if kinds.row(kind).form == "fountain":
        return _fits(_told(text), language)
    return all(_fits(part, language) for part in [text, *_EMPTY_LINE.split(text)])


def _told(script: str) -> str:
    """The action of a script; with what is said in it where the action is a few words."""
    elements = list(read(script))
    action = " ".join(one.text for one in elements if one.kind == "action")
    if len(action.split()) >= JUDGED_FROM:
        return action
    return " ".join(one.text for one in elements if one.kind in {"action", "speech", "lyric"})


def _fits(text: str, language: Language) -> bool:
    letters = [character for character in text if character.isalpha()]
    if sum(character > _LAST_LATIN for character in letters) > len(letters) / 2:
        return False
    words = text.lower().split()
    if len(words) < JUDGED_FROM:
        return True
    ranked = _identifier().rank(" ".join(words))
    best = max(score for name, score in ranked if name in _RIGHT[language])
    return bool(ranked[0][1] - best <= _MARGIN)


def load_languages() -> None:
    """Loads the model by which languages are told apart, where that has not been done yet."""
    _identifier()


@cache
def _identifier() -> Any:
    """The model out of the package's own file: most of a second, once; no network."""
    # Imported here: who never judges a text need not wait for it.
    from py3langid.langid import (  # type: ignore[import-untyped] # the package has none
        MODEL_FILE,
        LanguageIdentifier,
    )

    return LanguageIdentifier.from_model_file(MODEL_FILE)
