"""Commands about stories: list, show, import, export."""

from __future__ import annotations

from pathlib import Path

import click

from cascade import shapes
from cascade.cli.base import as_json, cli, print_json, say, with_service
from cascade.display import one_line
from cascade.service import Service
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, row
from cascade.story.piece import Piece
from cascade.story.story import Story


@cli.command("stories")
@as_json
@with_service
def stories_(service: Service, as_json: bool) -> None:
    """List the stories."""
    found = service.stories()
    if as_json:
        print_json([shapes.summary_document(one) for one in found])
        return
    for one in found:
        kind = f"{one.structure_type}, {one.language}"
        say(f"{one.id}  {one_line(one.title)} ({kind}): {one.beats} beats, {one.scenes} scenes")
    if not found:
        say("There is no story yet. `cascade import FILE` makes one.", err=True)


@cli.command()
@click.argument("story")
@as_json
@with_service
def show(service: Service, story: str, as_json: bool) -> None:
    """Show a story with its beats and scenes."""
    if as_json:
        print_json(service.document(story))
    else:
        found = service.story(story)
        _print_story(found, service.out_of_date(found.id))


@cli.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--lenient", is_flag=True, help="Leave out what is not understood, and say what.")
@with_service
def import_(service: Service, file: Path, lenient: bool) -> None:
    """Make a new story from a JSON file and print its id."""

    def left_out(line: str) -> None:
        say(f"left out: {line}", err=True)

    say(service.import_story(file, left_out if lenient else None))


@cli.command()
@click.argument("story")
@with_service
def export(service: Service, story: str) -> None:
    """Print a story as the JSON document that `import` takes."""
    print_json(service.document(story))


def _print_story(story: Story, marked: set[str]) -> None:
    def mark(piece: Piece) -> str:
        return " (out of date)" if str(piece) in marked else ""

    say(f"{one_line(story.title)}\n{story.synopsis}\n")
    # The first text of a beat, and of a scene, stands under its name; the others name themselves.
    content, *others = BEAT_KINDS
    plot, *long = SCENE_KINDS
    for beat in story.structure.beats:
        own = Piece(beat.key, content)
        say(f"{beat.label} [{story.curve[beat.key]}]{mark(own)}")
        say(f"{story.text(own) or '(nothing written yet)'}")
        for kind in others:
            piece = own.beside(kind)
            words = story.text(piece) or "(nothing written yet)"
            say(f"{row(kind).noun.capitalize()}{mark(piece)}: {words}\n")
        for scene in story.scenes_of(beat.key):
            here = Piece(beat.key, plot, scene.number)
            words = scene.text(plot) or f"(no {row(plot).noun} yet)"
            say(f"  Scene {scene.number}{mark(here)}: {words}")
            counts = [
                f"{row(kind).noun}{mark(here.beside(kind))}: {len(scene.text(kind).split())} words"
                for kind in long
            ]
            shots = mark(Piece(beat.key, "shots", scene.number))
            say(f"    {'; '.join([*counts, f'shots{shots}: {len(scene.shots)}'])}\n")
