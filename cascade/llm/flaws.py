"""What is wrong with a written text, by name, and in words for the editor and for the writer."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from cascade.llm.provider import RejectedText, Usage
from cascade.story.story import Language

# What the languages are called in each of them, as the sentences need it.
LANGUAGE_NAMES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "en": MappingProxyType({"en": "English", "id": "Indonesian"}),
        "id": MappingProxyType({"en": "Inggris", "id": "Indonesia"}),
    }
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """One reason why a text may not be saved: a name out of `prompts/flaws.*.toml`.

    `details` are what its sentence has in braces: numbers, or the `language` a text should be in;
    `names` are words of the text itself, which go to the writer only.
    """

    name: str
    details: Mapping[str, int | str] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def reason(self, language: Language = "en") -> str:
        """Half a sentence, without a word of the story."""
        details = dict(self.details)
        if "language" in details:
            details["language"] = LANGUAGE_NAMES[language][str(details["language"])]
        return _sentences(language)[self.name].format(**details)

    def complaint(self, language: Language) -> str:
        """The same for the writer, with the names it is about."""
        names = f" ({', '.join(self.names)})" if self.names else ""
        return self.reason(language) + names


def flaw_in_words(fields: Mapping[str, Any], language: Language) -> str:
    """Why a text was rejected, as half a sentence after "because", from the fields of its error.

    Empty where they are of no flaw that is known.
    """
    details = {name: value for name, value in fields.items() if name != "cause"}
    try:
        return Flaw(str(fields.get("cause")), details).reason(language)
    except KeyError:
        return ""


def rejected(
    flaw: Flaw, text: str, language: Language, *, prompt_hash: str, usage: Usage, model: str
) -> RejectedText:
    """The error for a text with that flaw, which keeps the text and says none of it."""
    return RejectedText(
        f"The model wrote something that cannot be saved: {flaw.reason()}. Nothing was replaced; "
        "try again.",
        flaw=flaw.name,
        details=flaw.details,
        why=flaw.reason(),
        complaint=flaw.complaint(language),
        text=text,
        prompt_hash=prompt_hash,
        usage=usage,
        model=model,
    )


@cache
def _sentences(language: Language) -> dict[str, str]:
    file = resources.files("cascade.llm").joinpath("prompts", f"flaws.{language}.toml")
    return tomllib.loads(file.read_text("utf-8"))
