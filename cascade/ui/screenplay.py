"""A script set as a screenplay: headings, cues, dialogue and the rest in their places, as HTML.

The format is Fountain (fountain.io, syntax 1.1), read and rendered by the fountain package; where
things stand on the page is in `style.css`, in the measures of a typed screenplay.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from fountain import ElementType, FountainDocument, FountainParser, HTMLRenderer

# Left out of a printed screenplay, as Fountain has it; an editor wants to see that they are there.
_UNPRINTED = (
    ElementType.NOTE,
    ElementType.BONEYARD,
    ElementType.SECTION,
    ElementType.SYNOPSIS,
)


def screenplay(script: str, name: str) -> str:
    """A script as a region that a screen reader finds by `name`; its words are never markup."""
    return (
        f'<div class="arc-script" role="region" aria-label="{html.escape(name)}">'
        f"{_set(script)}</div>"
    )


@lru_cache(maxsize=256)
def _set(script: str) -> str:
    if "/*" in script:
        # Of what is cut out over several lines the parser keeps only the ends.
        return f"<pre>{html.escape(script.strip())}</pre>"
    return "".join(_parts(FountainParser().parse(script)))


def _parts(document: FountainDocument) -> Iterator[str]:
    render = HTMLRenderer().render
    if document.metadata:
        yield render(FountainDocument([], document.metadata))
    for element in document.elements:
        # Would be printed as (CONT'D); an editor reads what is written and nothing besides.
        element.metadata.pop("continuation", None)
    for unprinted, elements in groupby(document.elements, lambda one: one.type in _UNPRINTED):
        if unprinted:
            for element in elements:
                yield f'<p class="arc-aside">{html.escape(element.text)}</p>'
        else:
            yield render(FountainDocument(list(elements)))
