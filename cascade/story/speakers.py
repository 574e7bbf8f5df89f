"""Who speaks in a story: the names over the dialogue of its scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cascade.story.document import Story

_HEADING = re.compile(r"(?:INT|EXT|EST|I/E)[. /]")
_EXTENSION = re.compile(r"\s*\([^()]*\)")
# Forced action or heading, a transition, a section, a note: capitals in these name nobody.
_NO_CUE = ("!", ">", "#", "=", "[[", "/*", "~", ".")


def speakers(story: Story) -> tuple[str, ...]:
    """Everyone who speaks in the story's scripts, in the order of their first words."""
    return tuple(dict.fromkeys(name for scene in story.scenes for name in cues(scene.script)))


def cues(script: str) -> Iterator[str]:
    """The name of each speech in a Fountain script, by a plain rule a line.

    A cue is a line in capitals, or one that begins with "@", after an empty line and with words
    right under it.
    """
    lines = ["", *(line.strip() for line in script.splitlines()), ""]
    for place in range(1, len(lines) - 1):
        if not lines[place - 1] and lines[place + 1] and (name := cue_name(lines[place])):
            yield name


def cue_name(line: str) -> str:
    """The speaker in a cue, in capitals: without (V.O.), (CONT'D), "@" and "^"; "" for no cue."""
    line = line.strip()
    forced = line.startswith("@")
    name = _EXTENSION.sub("", line.removeprefix("@").rstrip("^ ")).strip()
    if not any(character.isalpha() for character in name):
        return ""
    if forced:
        return name.upper()
    if name != name.upper() or line.startswith(_NO_CUE) or _HEADING.match(line):
        return ""
    # "SILENCE." and "CUT TO:" are action and transition; a name may hold stops, not end in one.
    return "" if name[-1] in ".!?…:—–-" else name
