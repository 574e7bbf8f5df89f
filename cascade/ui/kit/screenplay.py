"""A script set as a screenplay: headings, cues, dialogue and the rest in their places, as HTML.

What each line is `story.fountain` says; the fountain package marks emphasis and writes the HTML.
Where things stand on the page is in `style.css`, in the measures of a typed screenplay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, groupby

from fountain import (
    ElementType,
    FountainDocument,
    FountainElement,
    FountainParser,
    HTMLRenderer,
)
from fountain.elements import FormatSpan, MetadataValue
from markupsafe import Markup

from cascade.story.fountain import Element, ElementKind, bracketed, read, title_fields
from cascade.ui.kit.html import render

# Left out of a printed screenplay, as Fountain has it; an editor wants to see that they are there.
_UNPRINTED = frozenset({"note", "boneyard", "section", "synopsis"})
_TYPES: dict[ElementKind, ElementType] = {
    "heading": ElementType.SCENE_HEADING,
    "action": ElementType.ACTION,
    "card": ElementType.ACTION,
    "cue": ElementType.CHARACTER,
    "parenthetical": ElementType.PARENTHETICAL,
    "speech": ElementType.DIALOGUE,
    "lyric": ElementType.LYRICS,
    "transition": ElementType.TRANSITION,
    "centred": ElementType.CENTERED,
    "page_break": ElementType.PAGE_BREAK,
}
_SPOKEN = (ElementType.DIALOGUE, ElementType.PARENTHETICAL)
# Of more than this the asterisks are shown as they are: the package looks at each sign of a line
# or a paragraph once for each stretch of emphasis in it.
_MOST_MARKS, _LONGEST_MARKED = 40, 4_000
_MARK = re.compile(r"[*_\\]")
# Stands for a note while its line is set: nothing in a note is emphasis.
_HELD = "\ue000"


def screenplay(script: str, name: str) -> Markup:
    """A script as a region that a screen reader finds by `name`; its words are never markup."""
    return render("kit/script", name=name, page=_set(script))


@lru_cache(maxsize=256)
def _set(script: str) -> Markup:
    return Markup().join(_parts(read(script)))


def _parts(elements: Iterable[Element]) -> Iterator[Markup]:
    for kind, group in groupby(elements, _stands):
        if kind == "aside":
            for element in group:
                yield render("kit/aside", words=element.text)
        elif kind == "title_page":
            for element in group:
                yield _as_html(FountainDocument([], title_fields(element.text)))
        else:
            notes: list[str] = []
            printed = list(_printed(group, notes))
            first, *rest = _as_html(FountainDocument(list(_paired(printed)))).split(_HELD)
            yield first + Markup().join(chain.from_iterable(zip(notes, rest, strict=True)))


def _as_html(document: FountainDocument) -> Markup:
    return Markup(HTMLRenderer().render(document))  # noqa: S704 - the package escapes every word


def _stands(element: Element) -> str:
    if element.kind == "title_page":
        return "title_page"
    # A page break is a line across: what is noted at it would not be seen.
    noted = element.kind == "page_break" and element.text.strip("=")
    return "aside" if noted or element.kind in _UNPRINTED else "printed"


def _printed(elements: Iterable[Element], notes: list[str]) -> Iterator[FountainElement]:
    """The elements as the package has them, and the notes in them as HTML, in order.

    Lines of action that stand under one another are one paragraph.
    """
    paragraph: FountainElement | None = None
    for element in elements:
        new = _element(element, notes)
        if paragraph and element.kind == "action" and element.joined and _fits(paragraph, new):
            offset = len(paragraph.text) + 1
            paragraph.text += f"\n{new.text}"
            paragraph.formatting += [
                FormatSpan(span.start + offset, span.end + offset, span.format_type)
                for span in new.formatting
            ]
            continue
        if paragraph:
            yield paragraph
        paragraph = new if element.kind == "action" else None
        if not paragraph:
            yield new
    if paragraph:
        yield paragraph


def _fits(paragraph: FountainElement, line: FountainElement) -> bool:
    marks = len(paragraph.formatting) + len(line.formatting)
    return marks <= _MOST_MARKS and len(paragraph.text) + len(line.text) <= _LONGEST_MARKED


def _element(element: Element, notes: list[str]) -> FountainElement:
    text = _held(element.text, notes)
    metadata: dict[str, MetadataValue] = {}
    if element.kind == "cue" and text.endswith(")") and "(" in text:
        text, _, extension = text[:-1].partition("(")
        text, metadata["extension"] = text.rstrip(), extension
    if element.number:
        metadata["scene_number"] = element.number
    if element.dual:
        metadata["dual_dialogue"] = True
    text, formatting = _emphasised(text)
    return FountainElement(_TYPES[element.kind], text, formatting, 0, metadata)


def _held(text: str, notes: list[str]) -> str:
    """The text with one sign for each note and comment in it, which go to `notes` as HTML."""
    inline, _ = bracketed(text) if "[[" in text or "/*" in text else ([], -1)
    kept: list[str] = []
    at = 0
    for start, end in [*inline, (len(text), len(text))]:
        plain = text[at:start]
        notes += [_HELD] * plain.count(_HELD)  # the story's own: it stands for itself
        kept.append(plain)
        if start < end:
            kept.append(_HELD)
            notes.append(render("kit/inline_note", words=text[start:end]))
        at = end
    return "".join(kept)


def _emphasised(text: str) -> tuple[str, list[FormatSpan]]:
    """The text without the marks of emphasis, and where it is emphasised."""
    if len(text) > _LONGEST_MARKED or not 0 < len(_MARK.findall(text)) <= _MOST_MARKS:
        return text, []
    # Forced action is text and nothing else.
    match FountainParser().parse(f"!{text}").elements:
        case [FountainElement(type=ElementType.ACTION) as line]:
            return line.text, line.formatting
        case _:
            return text, []


def _paired(elements: list[FountainElement]) -> Iterator[FountainElement]:
    """The elements, with those who speak at the same time beside each other."""
    blocks: list[list[FountainElement]] = []
    for element in elements:
        if element.type in _SPOKEN and blocks and blocks[-1][0].type is ElementType.CHARACTER:
            blocks[-1].append(element)
        else:
            blocks.append([element])
    waiting: list[FountainElement] = []
    for block in blocks:
        if waiting[1:] and block[1:] and block[0].metadata.get("dual_dialogue"):
            sides: dict[str, MetadataValue] = {
                "left_character": waiting[0],
                "left_dialogue": waiting[1:],
                "right_character": block[0],
                "right_dialogue": block[1:],
            }
            yield FountainElement(ElementType.DUAL_DIALOGUE, "", [], 0, sides)
            waiting = []
            continue
        yield from waiting
        waiting = block
        if block[0].type is not ElementType.CHARACTER:
            yield from block
            waiting = []
    yield from waiting
