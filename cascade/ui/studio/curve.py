"""The tension curve as a component: drawn by Plotly.js, with a draggable slider on every point.

The drawing code comes out of the installed plotly package; `routes` serves it to the browser.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import plotly
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cascade.display import readable
from cascade.service import beat_jobs
from cascade.story.estimate import credits_of_beat
from cascade.story.story import Story, digest
from cascade.story.tension import HIGHEST, LOWEST, check_level
from cascade.ui import session
from cascade.ui.kit.html import render
from cascade.ui.kit.language import language
from cascade.ui.kit.prose import first_words
from cascade.ui.kit.texts import count, text

# What a run is doing to a beat: its turn has not come, it is at work on it, it is through.
BeatState = Literal["waiting", "rewriting", "rewritten"]

HERE = Path(__file__).parent
# One script, of how the curve is drawn and of how it is moved.
SCRIPT = b"".join((HERE / name).read_bytes() for name in ("drawing.js", "curve.js"))
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
# The version, or what is in it, is in the address, so that a browser may keep the file for good.
# Relative to the page, as Streamlit's own files are: a proxy may serve it below a path of its own.
PLOTLY_URL = f"./assets/plotly-{plotly.__version__}.min.js"
SCRIPT_URL = f"./assets/curve-{digest(SCRIPT.decode())}.js"

_draw = st.components.v2.component(
    "cascade.curve",
    html=render("studio/curve"),
    # Only where the script is: Streamlit sends these words along with every edit.
    js=f"const script = await import(new URL('{SCRIPT_URL}', document.baseURI));\n"
    "export default script.default;\n",
    # Its styles are among the page's, which come once: they would go along with every edit too.
    # Plotly puts its own into the document, where a shadow root would not see them.
    isolate_styles=False,
)


def routes() -> list[BaseRoute]:
    """The routes the component needs beside Streamlit's own."""
    return [*_routes(PLOTLY_URL, PLOTLY.read_bytes), *_routes(SCRIPT_URL, lambda: SCRIPT)]


@cache
def _compressed(read: Callable[[], bytes]) -> bytes:
    """Once, for the first reader, and kept: the server would do it anew for every one."""
    return gzip.compress(read(), compresslevel=6, mtime=0)


def _routes(url: str, read: Callable[[], bytes]) -> list[Route]:
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

    async def serve(request: Request) -> Response:
        own = dict(headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            words = await asyncio.to_thread(_compressed, read)
            own["Content-Encoding"] = "gzip"
        else:
            words = await asyncio.to_thread(read)
        return Response(words, media_type="text/javascript", headers=own)

    path = url.removeprefix(".")
    # And below whatever path the server is told to serve the page (`--server.baseUrlPath`).
    return [Route(path, serve), Route(f"/{{base:path}}{path}", serve)]


def curve(
    story: Story,
    levels: Mapping[str, int],
    *,
    why_not: str,
    states: Mapping[str, BeatState],
    before: Mapping[str, int] | None,
    chosen: str,
    on_edit: Callable[[Mapping[str, int]], None],
    on_refused: Callable[[str], None],
    on_select: Callable[[str], None],
    on_undo: Callable[[], None],
    on_redo: Callable[[], None],
) -> None:
    """Draws the saved curve and, over it, `levels`; the beat `chosen` is the selected one.

    `on_edit` gets the levels a person moved to, `on_refused` the beat for which they typed a number
    that is none, `on_select` the beat that they clicked; `on_undo` and `on_redo` are by keyboard.
    Each is part of a callback. Where it cannot be bent `why_not` is not empty.

    `states` says which beats a run is at work on; `before` is the curve as it was before the run
    that the page shows, where that moved it.
    """
    key = f"curve/{story.id}"
    acknowledged = f"{key}/acknowledged"

    def take_over() -> None:
        given = st.session_state.get(key)
        edit = given.edit if given is not None else None
        if not edit:
            return
        known = st.session_state.get(acknowledged, 0)
        # Acknowledged whatever becomes of it: from here on Python's levels are the truth.
        st.session_state[acknowledged] = edit["count"]
        # One that is sent again because its answer was late is no action of anybody's.
        if fresh := [one for one in edit["edits"] if one["count"] > known]:
            take(fresh)

    @session.guarded()
    def take(edits: Sequence[Mapping[str, Any]]) -> None:
        on_edit(
            {
                story.structure.beat(one["beat"]).key: check_level(one["level"], one["beat"])
                for one in edits
            }
        )

    @session.guarded()
    def say_refused() -> None:
        given = st.session_state.get(key)
        if given is not None and (typed := given.refused):
            on_refused(story.structure.beat(typed["beat"]).key)

    @session.guarded()
    def select() -> None:
        given = st.session_state.get(key)
        if given is not None and (clicked := given.select):
            on_select(story.structure.beat(clicked["beat"]).key)

    @session.guarded()
    def go_through_edits() -> None:
        given = st.session_state.get(key)
        if given is not None and (pressed := given.history):
            (on_redo if pressed["redo"] else on_undo)()

    structure = story.structure
    saved, jobs = story.curve, beat_jobs(language())[structure.type]
    _draw(
        key=key,
        data={
            "plotly": PLOTLY_URL,
            "beats": [
                {
                    "key": beat.key,
                    "label": beat.label,
                    "job": jobs[beat.key],
                    "saved": saved[beat.key],
                    "level": levels[beat.key],
                    "state": states.get(beat.key),
                    "cost": (cost := credits_of_beat(story, beat.key)),
                    "price": count("credits", cost),
                }
                for beat in structure.beats
            ],
            "acts": [
                {"name": text(f"curve.act_{number}"), "from": start}
                for number, start in enumerate(structure.acts, 1)
            ],
            "before": [before[key] for key in structure.keys] if before else None,
            "running": bool(states),
            "enabled": not why_not,
            "chosen": chosen,
            "acknowledged": st.session_state.get(acknowledged, 0),
            "texts": {**_texts(story), "help": why_not or text("curve.help")},
        },
        on_edit_change=take_over,
        on_refused_change=say_refused,
        on_select_change=select,
        on_history_change=go_through_edits,
    )


def _texts(story: Story) -> dict[str, Any]:
    names = ("saved", "pending", "target", "rising", "falling", "before", "failed")
    states: tuple[BeatState, ...] = ("waiting", "rewriting", "rewritten")
    # Filled in by the component, which knows the levels while a point is being dragged.
    open_places = {name: f"{{{name}}}" for name in ("level", "name", "saved", "price")}
    return {
        **{name: text(f"curve.{name}") for name in names},
        **{state: text(f"curve.{state}") for state in states},
        "levels": [text(f"level.{level}") for level in range(LOWEST, HIGHEST + 1)],
        "name": text("curve.name", story=first_words(readable(story.title))),
        "value": text("curve.value", **open_places),
        "changed": text("curve.value_changed", **open_places),
    }
