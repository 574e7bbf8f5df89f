"""The writer by name, and always with the words that say what the offline one is not."""

from __future__ import annotations

from cascade.service import offline_label as label
from cascade.ui.kit.language import language
from cascade.ui.kit.texts import text


def writer_words(key: str, provider: str, model: str) -> str:
    """The text of `key` about a writer: its `_offline` form for the one that is no model."""
    if provider == "offline":
        return text(f"{key}_offline", model=model, label=offline_label())
    return text(f"{key}_model", model=model)


def offline_label() -> str:
    """What must stand beside every text of the offline writer, in the reader's language."""
    return label(language())


def byline(provider: str, model: str) -> str:
    """A few words to stand beside a text that a run wrote."""
    if provider == "offline":
        return offline_label()
    return text("beats.written_model", model=model)
