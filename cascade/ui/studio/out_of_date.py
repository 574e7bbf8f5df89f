"""What of a story is out of date: why, and the ways to bring it back in line, with their price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from cascade.service import Desk, Studio
from cascade.story.piece import Piece
from cascade.story.stale import Stale, price, rewritable
from cascade.story.story import Story
from cascade.story.structures import Beat
from cascade.ui import session
from cascade.ui.kit.changes import beats_of, stale_texts
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import count, moment, text
from cascade.ui.session import guarded
from cascade.ui.studio import confirm


def mark(piece: Piece, stale: Stale) -> str:
    """The mark beside a piece that is out of date."""
    if piece.kind == "shots" and stale.source == "script":
        return text("beats.shots_older")
    return text("beats.out_of_date")


def why_stale(stale: Stale) -> str:
    """Why a text is out of date, in the reader's language."""
    source = stale.source or "level"
    if stale.cause == "marked":
        return text("stale.marked")
    if stale.cause == "above":
        return text("stale.above", what=text(f"stale.of.{source}"))
    who = stale.by or text("stale.outside")
    if stale.since is None:
        when = text("stale.outside")
    else:
        day = moment(stale.since, session.zone())
        when = text("stale.since", when=day, who=who) if stale.by else day
    if stale.cause == "level" and stale.before is not None:
        return text("stale.level", before=stale.before, now=stale.now, when=when)
    return text("stale.source", what=text(f"stale.of.{source}"), when=when)


def draw_summary(studio: Studio, story: Story, stale: Mapping[str, Stale]) -> None:
    """What of the whole story is out of date, and the order to bring all of it back in line."""
    keys = rewritable(stale, story.structure.keys)
    if not keys:
        return
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key="stale-summary"
    ):
        words = stale_texts(story, keys)
        if why_not := _why_not(studio):
            words = f"{words} {why_not}"
        st.markdown(escape(words), width="stretch")
        if not why_not:
            label = text("stale.rewrite", credits=count("credits", price(keys)))
            _offer(story, "all", label, beats_of(story, keys))


def draw_of_beat(
    desk: Desk, studio: Studio, story: Story, beat: Beat, stale: Mapping[str, Stale]
) -> None:
    """The ways to bring what is out of date in one beat back in line."""
    keys = rewritable(stale, [beat.key])
    with st.container(horizontal=True, gap="small", key="beat-stale"):
        if keys and not _why_not(studio):
            credits = count("credits", price(keys))
            label = text("stale.rewrite_beat", beat=beat.label, credits=credits)
            _offer(story, beat.key, label, [beat.key])
        if "fits" in studio.may:
            _offer_checks(desk, story, beat, stale)


def _why_not(studio: Studio) -> str:
    """Why nothing can be rewritten now; empty where it can."""
    if "start" not in studio.may:
        return text("stale.role")
    return text("stale.at_work") if studio.runs.get().active is not None else ""


def _offer(story: Story, place: str, label: str, beat_keys: Sequence[str]) -> None:
    st.button(
        label,
        key=f"stale-{story.id}-{place}",
        icon=":material/sync:",
        help=text("stale.rewrite_help"),
        on_click=guarded()(confirm.ask),
        args=(story.id, beat_keys),
    )


def _offer_checks(desk: Desk, story: Story, beat: Beat, stale: Mapping[str, Stale]) -> None:
    """A button for each shot list that may be looked at and found right."""

    def check(key: str) -> None:
        desk.fits(story.id, key)

    for scene in story.planned_scenes(beat.key):
        key = str(Piece(beat.key, "shots", scene.number))
        if key in stale and stale[key].cause != "above":
            st.button(
                text("beats.check_shots", number=scene.number),
                key=f"fits-{story.id}-{key}",
                type="tertiary",
                icon=":material/check:",
                on_click=guarded()(check),
                args=(key,),
            )
