"""What is said beside texts: out of date and why, just written, and what wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from cascade.service import Written
from cascade.story.piece import Piece
from cascade.story.stale import Stale
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text
from cascade.ui.kit.writer import byline
from cascade.ui.studio.out_of_date import mark, why_stale


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a story's pieces by key; what the runs of `new_from` wrote is new."""

    story_id: str
    stale: Mapping[str, Stale]
    written: Mapping[str, Written]
    new_from: frozenset[str]

    def is_new(self, key: str) -> bool:
        """Whether one of those runs wrote a piece."""
        return key in self.written and self.written[key].run_id in self.new_from

    def beside(self, key: str) -> Markup:
        """The marks of one piece as HTML; "new" leads to the difference."""
        written, stale = self.written.get(key), self.stale.get(key)
        new = ""
        if written is not None and self.is_new(key):
            new = address.link(story=self.story_id, run=written.run_id, mode="review", text=key)
        return render(
            "studio/marks",
            new=new,
            stale=mark(Piece.parse(key), stale) if stale is not None else "",
            why=why_stale(stale) if stale is not None else "",
            byline=byline(written.provider, written.model) if written else "",
        )

    def badges(self, beat_key: str) -> str:
        """The marks of a whole beat, as Markdown."""
        badges = ""
        if any(self.is_new(key) for key in self.written if _is_of(key, beat_key)):
            badges += f" :green-badge[{text('beats.new')}]"
        # Shots carry a mark of their own: nothing is to be rewritten because of them.
        if any("/shots/" not in key for key in self.stale if _is_of(key, beat_key)):
            badges += f" :yellow-badge[{text('beats.out_of_date')}]"
        return badges

    def is_new_scene(self, beat_key: str, scene: int | None) -> bool:
        """Whether something of a scene was just written."""
        return any(self.is_new(key) for key in self.written if _is_of(key, beat_key, scene))

    def is_stale_scene(self, beat_key: str, scene: int | None) -> bool:
        """Whether something of a scene, its shots left aside, is out of date."""
        stale = (key for key in self.stale if "/shots/" not in key)
        return any(_is_of(key, beat_key, scene) for key in stale)


def _is_of(key: str, beat_key: str, scene: int | None = None) -> bool:
    if not key.startswith(f"{beat_key}/"):
        return False
    return scene is None or key.endswith(f"/{scene}")
