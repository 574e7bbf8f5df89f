"""What a key that a person gives stands for: a piece, or a beat or scene with all their pieces."""

from __future__ import annotations

from cascade.errors import AmbiguousScene, UnknownPiece
from cascade.story.piece import Piece
from cascade.story.story import Scene, Story


def pieces_named(story: Story, key: str) -> tuple[Piece, ...]:
    """The pieces that a key stands for: texts in the order of the cascade, then shots.

    `midpoint/script/5` and `midpoint/shots/5` are one piece, `midpoint` all of a beat, `scene/5`
    all of a scene. Raises UnknownPiece, and AmbiguousScene where several beats have that number.
    """
    match key.split("/"):
        case [beat] if beat in story.structure.keys:
            return _all(story, beat)
        case ["scene", number]:
            scene = _scene(story, key, number)
            return tuple(
                one for one in _all(story, scene.beat_key or "") if one.scene == scene.number
            )
    try:
        piece = Piece.parse(key)
    except ValueError:
        raise UnknownPiece(key) from None
    if piece not in _all(story, piece.beat):
        raise UnknownPiece(key)
    return (piece,)


def _scene(story: Story, key: str, number: str) -> Scene:
    found = [
        scene
        for scene in story.scenes
        if str(scene.number) == number and story.keyless(scene) is None
    ]
    if len(found) > 1:
        raise AmbiguousScene(key, [scene.beat_key or "" for scene in found])
    if not found:
        raise UnknownPiece(key)
    return found[0]


def _all(story: Story, beat_key: str) -> tuple[Piece, ...]:
    if beat_key not in story.structure.keys:
        return ()
    shots = (
        Piece(beat_key, "shots", scene.number)
        for scene in story.planned_scenes(beat_key)
        if scene.shots
    )
    return (*story.pieces_of(beat_key), *shots)
