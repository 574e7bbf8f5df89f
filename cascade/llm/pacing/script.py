"""The pacing edit in a script: only plain action lines are touched, everything else stays as it is.

A walk over the lines instead of a parser's tree, because a tree written out again changes spacing
and case: here every heading, cue, parenthetical, dialogue line and transition keeps its bytes. When
it is not certain that a line is action, it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cascade.llm.pacing.lines import ACTIONS
from cascade.llm.pacing.text import one_line, sentences
from cascade.story.fountain import is_card, is_heading, is_transition

_OPEN = re.compile(r"/\*|\*/|\[\[|\]\]")
# As much of a line as tells a heading, so that a very long one is not taken for action.
_HEAD = 200


def rewritten(script: str, repace: Callable[[list[str]], list[str]]) -> str:
    """The script with its plain action lines given to `repace`, which gives back as many."""
    lines = script.split("\n")
    places = list(_action_lines(lines))
    bodies = [lines[place].strip() for place in places]
    for place, body, new in zip(places, bodies, repace(bodies), strict=True):
        # An edit that would read as another element is not made.
        if new != body and _plain(new):
            lines[place] = lines[place].replace(body, new, 1)
    return "\n".join(lines)


def spread(script: str, pick: Callable[[int], set[int]], thorough: bool) -> str:
    """The script with some action paragraphs broken up, so that the eye falls faster.

    The last sentence gets a line of its own; if `thorough` the first one too.
    """
    lines = script.split("\n")
    found = [
        (place, pieces)
        for place in _action_lines(lines)
        if _alone(lines, place) and (pieces := _broken(lines[place], thorough))
    ]
    for number in sorted(pick(len(found)), reverse=True):
        place, pieces = found[number]
        lines[place : place + 1] = [line for piece in pieces for line in (piece, "")][:-1]
    return "\n".join(lines)


def _broken(line: str, thorough: bool) -> list[str]:
    parts = sentences(line)
    if len(parts) < 2 or not all(part.editable for part in parts) or line[:1].isspace():
        return []
    cuts = {len(parts) - 1} | ({1} if thorough else set())
    pieces = [""]
    for number, part in enumerate(parts):
        if number in cuts:
            pieces.append("")
        pieces[-1] += part.text + part.gap
    pieces = [piece.strip() for piece in pieces]
    # A line of one word may be a sound or a name; and each must read as action on its own.
    fit = all(_plain(piece) and len(piece.split()) > 1 for piece in pieces)
    return pieces if fit else []


def gathered(script: str, pick: Callable[[int], set[int]]) -> str:
    """The script with some neighbouring action paragraphs made one, so that the eye rests."""
    lines = script.split("\n")
    action = {place for place in _action_lines(lines) if _alone(lines, place)}
    found: list[int] = []
    for place in sorted(action):
        # Three in a row would make a wall of text.
        third = found[-1:] == [place - 2]
        if place + 2 in action and not third and _fits(lines[place], lines[place + 2]):
            found.append(place)
    for number in sorted(pick(len(found)), reverse=True):
        place = found[number]
        lines[place : place + 3] = [f"{lines[place].rstrip()} {lines[place + 2].strip()}"]
    return "\n".join(lines)


def _fits(one: str, two: str) -> bool:
    ends = one.rstrip().endswith((".", "!", "?")) and not one[:1].isspace()
    return ends and two[:1].isupper() and len(one.split()) + len(two.split()) <= 48


def _alone(lines: list[str], place: int) -> bool:
    """Whether a line is a paragraph of its own."""
    return not any(lines[max(0, place - 1) : place]) and not any(lines[place + 1 : place + 2])


def bare(script: str) -> str:
    """The script without the action line of an earlier edit, and with plain line ends.

    Fountain parsers take the carriage return on an empty line for "the speech goes on".
    """
    lines = script.replace("\r\n", "\n").split("\n")
    kept: list[str] = []
    for place, line in enumerate(lines):
        if line.removeprefix("!") in ACTIONS and _alone(lines, place):
            # One of the two empty lines around it goes too.
            if kept and not kept[-1]:
                kept.pop()
            continue
        kept.append(line)
    return "\n".join(kept)


def closed(script: str, line: str) -> str:
    """The script with one action line at its end, before a transition that ends it."""
    lines = script.split("\n")
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    body, rest = lines[:end], lines[end:]
    if not body:
        return line + "\n" * max(0, len(lines) - 1)
    if len(body) > 1 and not body[-2] and is_transition(body[-1]):
        head = body[:-2]
        while head and not head[-1].strip():
            head.pop()
        start = [*head, "", _marked(head, line)] if head else [line]
        return "\n".join([*start, "", body[-1], *rest])
    return "\n".join([*body, "", _marked(body, line), *rest])


def _marked(before: list[str], line: str) -> str:
    """The line, forced to be action where a speech in capitals ("NO.") stands before it.

    Parsers look past the empty line to tell such a speech from a cue; plain action behind it makes
    a cue of it.
    """
    spoken = len(before) > 1 and before[-2].strip() and not any(map(str.islower, before[-1]))
    return "!" + line if spoken else line


def action(text: str) -> str:
    """One paragraph as one line of action, whatever it begins with."""
    line = one_line(_OPEN.sub(" ", text))
    return line if _plain(line) or not line else "!" + line.lstrip("!")


def _plain(line: str) -> bool:
    """Whether a line on its own can be nothing but action."""
    text = line.strip()
    return (
        (text[:1].isalnum() or text[:1] in {'"', "“", "‘", "'"})
        and any(char.islower() for char in text)
        and not is_heading(text[:_HEAD])
        and not is_card(text)
        and not _OPEN.search(text)
        and "^" not in text
        and not text.endswith("TO:")
        # What a natural cue may hold in lower case is only its extension: "MAYA (on phone)".
        and not re.match(r"[^a-z(]*\([^)]*\)[\s^]*\Z", text)
    )


def _action_lines(lines: list[str]) -> Iterator[int]:
    """The places of the lines that are plain action."""
    locked = commented = noted = False
    fresh = opening = True
    for place, line in enumerate(lines):
        text = line.strip()
        if not text:
            # An empty line ends a speech; one with spaces on it keeps it open.
            if not line or not locked:
                fresh, locked = True, False
            continue
        if commented or noted or _OPEN.search(text):
            if not noted:
                commented = (
                    text.rfind("/*") > text.rfind("*/") if not commented else "*/" not in text
                )
            noted = text.rfind("[[") > text.rfind("]]") if not noted else "]]" not in text
            locked, fresh, opening = True, False, False
            continue
        # A first line with a colon may be a title page: it and what belongs to it stay.
        if opening and ":" in text and not is_heading(text[:_HEAD]):
            locked = True
        opening = False
        if fresh and is_heading(text[:_HEAD]):
            fresh = False
            continue
        fresh = False
        if locked or not _plain(text):
            locked = True
            continue
        yield place
