"""Two versions of a text, word by word: what went and what came. Pure values and their HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# A word carries the blanks after it; a break between lines is a token of its own.
_TOKENS = re.compile(r"\S+[^\S\n]*|\n\s*|[^\S\n]+")
# Fewer kept words than this between two changes are a coincidence ("the"), not a place to rest.
_FEWEST_KEPT = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the two versions: the same words in both, or what went and what came."""

    old: str
    new: str
    kept: bool


def differences(old: str, new: str) -> list[Part]:
    """The two versions as stretches that are kept or changed, in turn."""
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    matcher = SequenceMatcher(None, _words(before), _words(after), autojunk=False)
    parts: list[Part] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        kept = tag == "equal"
        if kept and parts and _is_slight(before[a:b]) and (b < len(before) or d < len(after)):
            # Drawn into the change before it; the change after it then goes on from there.
            kept = False
        part = Part("".join(before[a:b]), "".join(after[c:d]), kept)
        if parts and not kept and not parts[-1].kept:
            last = parts[-1]
            parts[-1] = Part(last.old + part.old, last.new + part.new, kept=False)
        else:
            parts.append(part)
    return parts


def side_by_side(old: str, new: str, titles: tuple[str, str], css_class: str = "") -> str:
    """Both versions as HTML, one beside the other, with what went and what came marked."""
    parts = differences(old.strip(), new.strip())
    columns = (
        "".join(_marked("del", part.old, part) for part in parts),
        "".join(_marked("ins", part.new, part) for part in parts),
    )
    return '<div class="arc-two">{}</div>'.format(
        "".join(
            f"<section><h5>{html.escape(title)}</h5>"
            f'<div class="arc-version {css_class}">{column}</div></section>'
            for title, column in zip(titles, columns, strict=True)
        )
    )


def _words(tokens: Sequence[str]) -> list[str]:
    """Tokens as they are compared: how many blanks stand between two words is no change."""
    return [token.strip() or "\n" * token.count("\n") for token in tokens]


def _is_slight(tokens: Sequence[str]) -> bool:
    """Whether a kept stretch is too short to be read as kept; a line's end is always worth it."""
    words = _words(tokens)
    return "\n" not in "".join(words) and sum(map(bool, words)) < _FEWEST_KEPT


def _marked(element: str, words: str, part: Part) -> str:
    shown = html.escape(words)
    inner = shown.strip()
    if part.kept or not shown:
        return shown
    if not inner:
        # A break between lines that went or came would not be seen by itself.
        return f"<{element}>¶</{element}>{shown}" if "\n" in shown else shown
    # White space at the edges would be underlined and struck through.
    at = shown.index(inner)
    return f"{shown[:at]}<{element}>{inner}</{element}>{shown[at + len(inner) :]}"
