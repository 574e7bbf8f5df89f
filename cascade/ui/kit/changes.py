"""Changes of tension in words and signs, the same wherever they are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cascade.story.plan import Change
from cascade.story.story import Story
from cascade.ui.kit.prose import markup
from cascade.ui.kit.texts import text


def short(beat: str, old: int, new: int) -> str:
    """One change: `Midpoint (2→4)`."""
    return text("change.short", beat=beat, old=old, new=new)


def short_change(change: Change) -> str:
    """One planned change: `Midpoint (2→4)`."""
    return short(change.beat_label, change.previous_level, change.new_level)


def listed(story: Story, pending: Mapping[str, int]) -> str:
    """Pending changes in structure order: `Midpoint (2→4), All Is Lost (4→2)`."""
    return ", ".join(
        short(story.structure.beat(key).label, story.curve[key], level)
        for key, level in pending.items()
    )


def tone(old: int, new: int) -> str:
    """The style of a change: warm where tension rises, cool where it falls."""
    return "rising" if new > old else "falling"


def as_list(changes: Iterable[Change]) -> str:
    """Planned changes as an HTML list, each with its arrow and what it means."""
    items = []
    for change in changes:
        rising = change.new_level > change.previous_level
        items.append(
            f'<li class="{tone(change.previous_level, change.new_level)}">'
            f"<b>{'⬆' if rising else '⬇'} {markup(short_change(change))}</b> "
            f"<span>{text('change.up' if rising else 'change.down')}</span>"
            f"{_direction(change)}</li>"
        )
    return f'<ul class="arc-changes">{"".join(items)}</ul>'


def _direction(change: Change) -> str:
    if not change.direction:
        return ""
    return f"<q>{markup(change.direction)}</q>"
