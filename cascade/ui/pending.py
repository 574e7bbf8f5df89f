"""Pending changes: levels and directions that are not saved yet, and the way back from each edit.

The draft in the database is what counts, so that a refresh, which is a new session, a second tab
and a restarted server all find the same; an edit changes only its own beats of it. Session state
follows it, and remembers the edits made here, to take them back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from cascade.service import Desk, Draft
from cascade.story.story import Story

# So many edits can be taken back.
MOST = 100


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: its beats' levels and directions before and after it, and their saved levels.

    `discards` where it threw away what somebody had made.
    """

    saved: Mapping[str, int]
    before: Draft
    after: Draft
    discards: bool = False


@dataclass(slots=True)
class _Edits:
    """The edits of a story in this session: those that can be taken back, and done again."""

    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)


def keep(story: Story, kept: Draft) -> None:
    """Takes note of what is pending on a story, as it is shown from now on."""
    st.session_state[f"pending/{story.id}"] = kept
    heard = _heard(story.id)
    for beat_key in kept.levels:
        if words := kept.directions.get(beat_key):
            heard[beat_key] = (story.curve[beat_key], words)
        else:
            heard.pop(beat_key, None)


def shown(story_id: str) -> Draft:
    """The draft as this session has last shown it."""
    return st.session_state.get(f"pending/{story_id}") or Draft({}, {})


def edit(desk: Desk, story: Story, levels: Mapping[str, int]) -> None:
    """Takes over new levels of some beats into the draft.

    A direction is a wish for a change from the level that is saved now. While that stands it
    outlives a point that is moved back and forth; once another level is saved it is void.
    """
    heard = _heard(story.id)
    directions = {
        beat_key: heard[beat_key][1]
        for beat_key in levels
        if beat_key in heard and heard[beat_key][0] == story.curve[beat_key]
    }
    _change(story, list(levels), lambda: desk.edit_draft(story.id, levels, directions))


def direct(desk: Desk, story: Story, beat_key: str, words: str) -> None:
    """Takes over the direction of a beat into the draft; an empty one takes it back."""
    _change(story, [beat_key], lambda: desk.edit_draft(story.id, {}, {beat_key: words}))


def reset(desk: Desk, story: Story) -> Draft:
    """Puts every beat back to its saved level; what was pending until then."""
    discarded = desk.draft(story.id)
    keep(story, discarded)
    keys = list(discarded.levels)
    _change(story, keys, lambda: desk.save_draft(story.id, {}, {}), discards=True)
    _heard(story.id).clear()
    return discarded


def undo(desk: Desk, story: Story) -> None:
    """Takes back the last edit of this session, as far as nobody has changed its beats since."""
    edits = _edits(story.id)
    if last := _moved(edits.done, edits.undone):
        _put(desk, story, last, last.after, last.before)


def redo(desk: Desk, story: Story) -> None:
    """Does again what was taken back last."""
    edits = _edits(story.id)
    if last := _moved(edits.undone, edits.done):
        _put(desk, story, last, last.before, last.after)


def discarded(story: Story) -> Draft:
    """What the last edit threw away and `undo` would bring back; nothing where it was another."""
    edits = _edits(story.id)
    if not edits.done or not edits.done[-1].discards:
        return Draft({}, {})
    last = edits.done[-1]
    return _of(last.before, _unchanged(story, last, last.after, shown(story.id)))


def forget(story_id: str) -> None:
    """Takes nothing back any more: what was pending is being saved."""
    st.session_state.pop(f"edits/{story_id}", None)


def _change(
    story: Story, beat_keys: Sequence[str], change: Callable[[], Draft], *, discards: bool = False
) -> None:
    """Makes a change of some beats of the draft, and notes how to take it back."""
    before = _of(shown(story.id), beat_keys)
    after = _of(change(), beat_keys)
    if before == after:
        return
    edits = _edits(story.id)
    saved = {key: story.curve[key] for key in beat_keys}
    edits.done.append(Edit(saved, before, after, discards))
    del edits.done[:-MOST]
    edits.undone.clear()


def _moved(of: list[Edit], to: list[Edit]) -> Edit | None:
    """The last edit of one list, which is the last of the other from now on; None of an empty."""
    if of:
        to.append(of.pop())
        return to[-1]
    return None


def _put(desk: Desk, story: Story, of: Edit, was: Draft, to: Draft) -> None:
    keys = _unchanged(story, of, was, desk.draft(story.id))
    levels = {key: to.levels.get(key, story.curve[key]) for key in keys}
    directions = {key: to.directions.get(key, "") for key in keys}
    desk.edit_draft(story.id, levels, directions)


def _unchanged(story: Story, of: Edit, was: Draft, now: Draft) -> list[str]:
    """The beats of an edit that are as it left them.

    One with another saved level by now has nothing that could come back: what was pending was a
    change from the one of then.
    """
    return [
        key
        for key, saved in of.saved.items()
        if story.curve.get(key) == saved and _of(was, [key]) == _of(now, [key])
    ]


def _of(draft: Draft, beat_keys: Sequence[str]) -> Draft:
    """What a draft has of some beats."""
    return Draft(
        {key: draft.levels[key] for key in beat_keys if key in draft.levels},
        {key: draft.directions[key] for key in beat_keys if key in draft.directions},
    )


def _edits(story_id: str) -> _Edits:
    found: _Edits = st.session_state.setdefault(f"edits/{story_id}", _Edits())
    return found


def _heard(story_id: str) -> dict[str, tuple[int, str]]:
    """The directions that were given in this session, each with the level it is a change from."""
    heard: dict[str, tuple[int, str]] = st.session_state.setdefault(f"heard/{story_id}", {})
    return heard
