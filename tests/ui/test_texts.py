"""The catalogue: every text is used, every text that is used is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cascade.errors import InsufficientCredits, StalePlan, UnknownStory, UnknownStructure
from cascade.ui import texts

UI = Path(texts.__file__).parent
SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for path in UI.glob("*.py") if path.name != "texts.py"
)
# Keys that the code puts together: the part before the brace, then anything.
BUILT = [
    re.compile(re.escape(prefix) + r"[A-Za-z_]+" + re.escape(suffix))
    for prefix, suffix in re.findall(r'f[\'"]([a-z.]+)\{[^}]*\}([a-z_]*)[\'"]', SOURCE)
]
ALL = [*texts.TEXTS, *texts.PLURALS]


@pytest.mark.parametrize("key", ALL)
def test_every_text_is_used(key: str) -> None:
    own = {"duration.seconds", "duration.minutes"}
    forms = {key, key.removesuffix("_offline").removesuffix("_model")}
    used = any(f"{quote}{form}{quote}" in SOURCE for form in forms for quote in "\"'") or key in own
    assert used or key.startswith("problem.") or any(one.fullmatch(key) for one in BUILT)


def test_every_text_used_is_there() -> None:
    used = set(re.findall(r"(?:text|count|writer_words)\(\s*[\"']([a-zA-Z._]+)[\"']", SOURCE))
    assert used
    known = set(ALL) | {key.removesuffix("_model") for key in ALL}
    assert used <= known


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 second"), (16.4, "about 16 seconds"), (150, "about 2 minutes")],
)
def test_durations_are_rough(seconds: float, words: str) -> None:
    assert texts.duration(seconds) == words


def test_errors_are_explained_in_the_words_of_the_page() -> None:
    assert "cascade stories" not in texts.explain(UnknownStory("x"))
    assert "33 credits are missing" in texts.explain(InsufficientCredits(45, 12))
    assert "(its scenes)" in texts.explain(StalePlan("its scenes"))
    other = UnknownStructure("x", ("cat",))
    assert texts.explain(other) == other.message
