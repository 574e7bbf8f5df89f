"""What one browser session holds: the service behind it, whose page it is, what it has to say."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import Literal, ParamSpec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cascade.errors import CascadeError, DatabaseAway, SignedOut, Unexpected
from cascade.service import Actor, Desk, Identity, Service
from cascade.ui import signing
from cascade.ui.kit import address
from cascade.ui.kit.problems import explain
from cascade.ui.kit.prose import escape, sentences

P = ParamSpec("P")
log = logging.getLogger("cascade.ui")

_provided: list[Service] = []
# Whether a part that was drawn by itself has found the database away.
_AWAY = "away"
# Whether whose page it is has been shown one.
_BEGUN = "begun"
# By whose word it is known whose page it is: issuer and subject.
_SIGNED_IN = "signed-in"
# When it was kept last that they are here.
_SEEN, SEEN_EVERY_S = "seen", 60.0


def provide(service: Service | None) -> None:
    """Gives the pages of this process their service; the entry point does it once, at the start."""
    _provided[:] = [service] if service is not None else []


def provided() -> Service | None:
    """The service of this process, if the pages are served by the entry point."""
    return _provided[0] if _provided else None


def service() -> Service:
    """The service of this process."""
    return _provided[0]


def is_first_draw() -> bool:
    """Whether this session shows its viewer a page for the first time; asked once."""
    is_first = _BEGUN not in st.session_state
    st.session_state[_BEGUN] = True
    return is_first


def viewer() -> Actor | None:
    """Whose page it is, once that is known."""
    found: Actor | None = st.session_state.get("viewer")
    return found


def set_viewer(actor: Actor, *, by: Identity | None = None) -> None:
    """Says whose page it is from now on; by whose word, where they have signed in."""
    st.session_state["viewer"] = actor
    st.session_state[_SIGNED_IN] = None if by is None else (by.issuer, by.subject)


def note_seen() -> None:
    """Keeps that whoever's page it is is here; asks the database once a minute at most."""
    last, actor = st.session_state.get(_SEEN, -SEEN_EVERY_S), viewer()
    if actor is not None and time.monotonic() - last >= SEEN_EVERY_S:
        st.session_state[_SEEN] = time.monotonic()
        service().seen(actor)


def is_still_viewer() -> bool:
    """Whether whoever the page was drawn for has it still, as far as people sign in."""
    whose = st.session_state.get(_SIGNED_IN)
    if whose is None:
        return not signing.providers()
    found = signing.identity()
    return found is not None and (found.issuer, found.subject) == whose


def desk() -> Desk:
    """What the user of this page may see and do. Raises SignedOut where nobody is known."""
    actor = viewer()
    if actor is None:
        raise SignedOut
    return service().desk(actor)


def zone() -> tzinfo:
    """The reader's time zone; UTC where the browser names none that is known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


# Problems: an expected error of a callback waits here until its part of the page is drawn.

# Where a message is shown. A part that is drawn by itself shows its own: the rest stays as it is.
Place = Literal["page", "dialog", "rules"]


def guarded(place: Place = "page") -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Makes a callback whose errors become a message in a place, never a traceback."""

    def wrap(action: Callable[P, None]) -> Callable[P, None]:
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            st.session_state.pop("problem", None)
            st.session_state.pop("notice", None)
            st.session_state.pop("remark", None)
            try:
                check_viewer()
                action(*args, **kwargs)
            except Exception as error:
                keep_problem(place, expected(error))

        return run

    return wrap


def check_viewer() -> None:
    """Raises SignedOut where whoever the page was drawn for has it no more.

    What is to happen then was asked for by a page that another may be looking at.
    """
    if not is_still_viewer():
        raise SignedOut


def expected(error: Exception) -> CascadeError:
    """An error as one that the page has words for; one that nobody expected goes into the log."""
    if isinstance(error, CascadeError):
        return error
    log.error("an unexpected error on the page", exc_info=error)
    return Unexpected(error)


@contextmanager
def shielded() -> Iterator[None]:
    """A part of the page whose error is a message in its place, and takes no other part along.

    Without the database no part has anything to say: then the page as a whole does.
    """
    try:
        yield
    except DatabaseAway:
        raise
    except Exception as error:
        show_error(expected(error))


def keep_problem(place: Place, error: CascadeError) -> None:
    """Keeps an expected error until its place is drawn."""
    st.session_state["problem"] = (place, error)


def has_problem(place: Place) -> bool:
    """Whether the last action of a place went wrong."""
    found = st.session_state.get("problem")
    return found is not None and found[0] == place


def show_problem(place: Place) -> None:
    """Shows what went wrong in the last action of a place; it goes away with the next action."""
    if has_problem(place):
        show_error(st.session_state["problem"][1])


def alone() -> DeltaGenerator:
    """A place for one part that is drawn by itself, and for nothing that comes after it.

    Where such a part is drawn again before a draw of the whole page has left the server, Streamlit
    sends of the two only the part's own (1.67). The browser then takes the old part's place away,
    all that stands after it moves up by one, and the new part is put over the first of that.
    """
    return st.container(gap=None)


def fragment(
    draw: Callable[P, None], *, key: str | None = None, run_every: float | None = None
) -> Callable[P, None]:
    """A part of the page that is drawn by itself; what goes wrong in it is said in its place.

    Nothing comes after it where it stands (see `alone`).
    """

    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        address.settle()
        if not is_still_viewer():
            # The page as a whole says so.
            st.rerun()
        try:
            draw(*args, **kwargs)
        except Exception as error:
            if isinstance(error, DatabaseAway):
                # Its place is not drawn again by itself; the whole page is, by the next look.
                st.session_state[_AWAY] = True
            show_error(expected(error))

    made: Callable[P, None] = st.fragment(drawn, key=key, run_every=run_every)
    return made


def redraw(parts: Sequence[str]) -> None:
    """Draws these parts of the page anew, by the keys of their fragments; ends a callback.

    Where the page was not whole yet, so that one of them is not there, it is drawn anew as a whole:
    what is shown first can be used before the rest has come. So it is where a look found news just
    then: Streamlit makes one of both (1.67), and has told the browser already to look no more,
    which begins anew with the whole page only.
    """
    ctx = get_script_run_ctx(suppress_warning=True)
    if ctx is not None and not ctx.fragment_ids_this_run:
        return
    try:
        st.rerun(parts)
    except StreamlitAPIException:
        st.rerun()


def redraw_when(is_so: Callable[[], bool], every_s: float) -> None:
    """Looks every so many seconds, and draws the whole page anew once something is so.

    Also once it cannot be found out any more: the page as a whole says why.
    """
    is_full_run = True

    @st.fragment(run_every=every_s)
    def look() -> None:
        if is_full_run:
            return
        address.settle()
        try:
            so = is_so() or st.session_state.pop(_AWAY, False)
        except Exception as error:
            expected(error)
            so = True
        if so:
            st.rerun()

    with alone():
        look()
    is_full_run = False


def notify(words: str, place: Place = "page") -> None:
    """Keeps a message of success until its place is drawn; it goes away with the next action."""
    st.session_state["notice"] = (place, words)


def show_notice(place: Place = "page") -> None:
    """Shows what the last action achieved, where it has left a message in that place."""
    found, words = st.session_state.get("notice") or (place, "")
    if words and found == place:
        st.success(escape(words), icon=":material/check_circle:")


def remark(words: str) -> None:
    """Keeps a remark on what was done to the curve; it goes away with the next action."""
    st.session_state["remark"] = words


def remarked() -> str:
    """The remark on the last action; empty where there is none."""
    return st.session_state.get("remark") or ""


def show_error(error: CascadeError) -> None:
    """Shows an error as a message."""
    st.error(sentences(explain(error)), icon=":material/error:")


def forget(*, but: Collection[str] = ()) -> None:
    """Forgets all that this session knows of stories; for when they are no longer there."""
    for key in list(st.session_state):
        if not str(key).startswith("language") and key not in but:
            del st.session_state[key]
