"""Commands about stories: list, show, import, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from cascade import shapes
from cascade.cli.base import (
    as_json,
    as_user,
    cli,
    desk,
    print_json,
    say,
    seen_by,
    view,
    with_service,
)
from cascade.cli.check import WHY_KEYLESS, WHY_UNREADABLE
from cascade.display import one_line
from cascade.errors import UsageError
from cascade.service import Service
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, row
from cascade.story.piece import Piece
from cascade.story.stale import Stale
from cascade.story.story import Scene, Story, Unreadable


@cli.command("stories")
@seen_by
@as_json
@with_service
def stories_(service: Service, user: str | None, as_json: bool) -> None:
    """List the stories."""
    found = view(service, user).stories()
    if as_json:
        print_json([shapes.summary_document(one) for one in found])
        return
    for one in found:
        kind = f"{one.structure_type or 'no structure'}, {one.language}"
        title = one_line(one.title) or "(no title)"
        say(f"{one.id}  {title} ({kind}): {one.beats} beats, {one.scenes} scenes")
    if not found:
        say("There is no story yet. `cascade import FILE` makes one.", err=True)


@cli.command()
@click.argument("story")
@seen_by
@as_json
@with_service
def show(service: Service, story: str, user: str | None, as_json: bool) -> None:
    """Show a story with its beats and scenes."""
    seen = view(service, user)
    if as_json:
        print_json(seen.document(story))
    else:
        found = seen.story(story)
        _print_story(found, seen.out_of_date(found.id))


@cli.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--lenient", is_flag=True, help="Leave out what is not understood, and say what.")
@with_service
def import_(service: Service, file: Path, lenient: bool) -> None:
    """Make a new story from a JSON file and print its id."""

    def left_out(line: str) -> None:
        say(f"left out: {line}", err=True)

    say(service.operator().import_story(file, left_out if lenient else None))


@cli.command()
@click.argument("story")
@seen_by
@with_service
def export(service: Service, story: str, user: str | None) -> None:
    """Print a story as the JSON document that `import` takes."""
    seen = view(service, user)
    found = seen.story(story)
    print_json(seen.document(found.id))
    for what, why in _unreadable(found):
        say(f"not in the document: {what} ({why})", err=True)


@cli.command()
@click.argument("story")
@click.argument("key")
@click.option("--reason", metavar="TEXT", required=True, help="Why it fits; kept with the mark.")
@as_user
@with_service
def fits(service: Service, story: str, key: str, reason: str, user: str | None) -> None:
    """Say that a text that is marked as out of date fits what stands above it.

    KEY is a piece (midpoint/script/5, midpoint/shots/5), a beat (midpoint) or a scene (scene/5).
    """
    if not reason.strip():
        raise UsageError("--reason is empty. Say in a few words why the text fits.")
    mine = desk(service, user)
    noted = mine.fits(mine.story(story).id, key, reason.strip())
    say(f"Fits: {', '.join(noted)}" if noted else "Nothing of it is out of date.")


def _unreadable(story: Story) -> Iterator[tuple[str, str]]:
    """What of a story could not be read, in words, and why."""
    for key, why in story.unreadable.items():
        what = "the language" if key == "language" else Piece.parse(key).describe(story.structure)
        yield what, WHY_UNREADABLE[why]
    for scene in story.scenes:
        for kind, why in scene.unreadable.items():
            what = f"the {row(kind).noun} of scene {scene.number or scene.id}"
            yield what, WHY_UNREADABLE[why]


def _print_story(story: Story, marked: Mapping[str, Stale]) -> None:
    say(f"{one_line(story.title) or '(no title)'}\n{story.synopsis}\n")
    # The first text of a beat, and of a scene, stands under its name; the others name themselves.
    content, *others = BEAT_KINDS
    nothing = "(nothing written yet)"
    for beat in story.structure.beats:
        own = Piece(beat.key, content)
        level = _found(story, Piece(beat.key, "level"), str(story.curve[beat.key]), "")
        say(f"{beat.label} [{level}]{_mark(own, marked)}")
        say(_found(story, own, story.text(own), nothing))
        for kind in others:
            piece = own.beside(kind)
            text = _found(story, piece, story.text(piece), nothing)
            say(f"{row(kind).noun.capitalize()}{_mark(piece, marked)}: {text}\n")
        for scene in story.scenes_of(beat.key):
            _print_scene(story, scene, marked)
    beat_keys = story.structure.keys
    for scene in story.scenes:
        if scene.beat_key not in beat_keys:
            _print_scene(story, scene, marked)


def _print_scene(story: Story, scene: Scene, marked: Mapping[str, Stale]) -> None:
    keyless = story.keyless(scene)
    name = "Scene without a number" if scene.number is None else f"Scene {scene.number}"
    if keyless is not None:
        name += f" (in no plan: {WHY_KEYLESS[keyless]})"
    plot, *others = SCENE_KINDS
    own = Piece(scene.beat_key or "", plot, scene.number)
    why = scene.unreadable.get(plot)
    words = _cannot(why) if why else scene.text(plot) or f"(no {row(plot).noun} yet)"
    say(f"  {name}{_mark(own, marked)}: {words}")
    parts = []
    for kind in others:
        why = scene.unreadable.get(kind)
        words = _cannot(why) if why else f"{len(scene.text(kind).split())} words"
        parts.append(f"{row(kind).noun}{_mark(own.beside(kind), marked)}: {words}")
    shots = _mark(Piece(own.beat, "shots", scene.number), marked)
    say(f"    {'; '.join([*parts, f'shots{shots}: {len(scene.shots)}'])}\n")


def _found(story: Story, piece: Piece, text: str, nothing: str) -> str:
    """What stands at a piece, or why that cannot be told, or that there is nothing."""
    why = story.why_unreadable(piece)
    return _cannot(why) if why is not None else text or nothing


def _cannot(why: Unreadable) -> str:
    return f"(cannot be read: {WHY_UNREADABLE[why]}; it is left as it is)"


def _mark(piece: Piece, marked: Mapping[str, Stale]) -> str:
    stale = marked.get(str(piece))
    return f" (out of date: {stale.describe()})" if stale is not None else ""
