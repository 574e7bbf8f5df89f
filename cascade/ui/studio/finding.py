"""Words searched for in the story: a field beside the modes, and the texts that have them."""

from __future__ import annotations

import streamlit as st

from cascade.story.search import Hit, search
from cascade.story.story import Story
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import scene_name, text_name
from cascade.ui.kit.texts import count, text
from cascade.ui.shell import Bring, announce
from cascade.ui.studio.bending import LOOSE

# As many are read through; who finds more says more.
MOST = 40
# What nobody types; a page of somebody's clipboard is not taken along in every address.
LONGEST = 100
_FIELD = "find"


def draw_search() -> None:
    """The field; what is asked for stands in the address, so that Back leads out of it again."""
    st.session_state[_FIELD] = _words()
    st.text_input(
        text("find.label"),
        key=_FIELD,
        max_chars=LONGEST,
        placeholder=text("find.here"),
        label_visibility="collapsed",
        width=180,
        on_change=_ask,
    )


def _ask() -> None:
    # Of a field that is gone Streamlit says what stood there before, or nothing at all.
    words: str | None = st.session_state.get(_FIELD)
    if words is not None and (words := words.strip()) != _words():
        address.go(mode="find" if words else None, find=words or None)


def draw_found(story: Story) -> None:
    """The texts of the story that have the words, each a way to where it stands."""
    words = _words()
    hits, total = search(story, words, MOST)
    title = count("find.found", total, words=words) if total else text("find.none", words=words)
    with st.container(key="found"):
        st.html(
            render(
                "studio/found",
                title=title,
                help="" if total else text("find.help"),
                hits=[_shown(story, hit) for hit in hits],
                rest=count("find.rest", total - len(hits)) if total > len(hits) else "",
                back=address.link(mode=None),
            )
        )
    announce(
        "found",
        bring=Bring(to=".st-key-found", time=words, how="focus"),
        regions={"found": {"role": "region", "name": title}},
    )


def _words() -> str:
    return (address.asked_for("find") or "")[:LONGEST]


def _shown(story: Story, hit: Hit) -> dict[str, object]:
    beat = story.structure.beat(hit.beat_key).label if hit.beat_key else text("beats.loose")
    number = hit.scene.number if hit.scene is not None else None
    return {
        "where": beat,
        "what": text_name(hit.kind, scene_name(hit.scene) if hit.scene is not None else ""),
        "times": count("find.times", hit.times) if hit.times > 1 else "",
        "address": address.link(
            beat=hit.beat_key or LOOSE,
            scene=str(number) if number is not None else None,
            mode=None,
        ),
        "line": (hit.before, hit.found, hit.after),
    }
