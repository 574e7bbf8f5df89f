"""How long the parts of a story may be: many times what people write, and quick to work on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from cascade.story.kinds import CASCADE, Kind

Limited = (
    Kind
    | Literal[
        "title", "genre", "tone", "synopsis", "key", "direction", "shots", "scenes", "document"
    ]
)
# In characters; of "scenes" how many there are, of "shots" the characters of one scene's as JSON,
# of "document" the bytes of a file. The longest texts of the samples have some 1,300 characters.
LIMITS: Mapping[Limited, int] = MappingProxyType(
    {
        "title": 300,
        "genre": 300,
        "tone": 1_000,
        "synopsis": 20_000,
        "key": 100,
        "direction": 300,
        **{row.name: row.limit for row in CASCADE},
        "shots": 200_000,
        "scenes": 5_000,
        "document": 100_000_000,
    }
)
_NAMES: Mapping[Limited, str] = MappingProxyType(
    {
        "title": "a title",
        "genre": "a genre",
        "tone": "a tone",
        "synopsis": "a synopsis",
        "key": "a key",
        "direction": "a direction",
        **{row.name: row.one for row in CASCADE},
        "shots": "a scene's shots as JSON",
        "scenes": "a story",
        "document": "a file",
    }
)
_UNITS: Mapping[Limited, str] = MappingProxyType({"scenes": "scenes", "document": "bytes"})
assert set(LIMITS) == set(_NAMES)


def over(what: Limited, count: int) -> str:
    """What is too long and how long it may be, as half a sentence; "" where it is within."""
    limit = LIMITS[what]
    if count <= limit:
        return ""
    unit = _UNITS.get(what, "characters")
    return f"has {count:,} {unit}, where {_NAMES[what]} may have {limit:,}; shorten it"
