"""Commands about stories: list, show, import, export."""

from __future__ import annotations

from pathlib import Path

import click

from cascade import shapes
from cascade.cli.base import as_json, cli, print_json, say, with_service
from cascade.display import one_line
from cascade.service import Service
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
    def mark(key: str) -> str:
        return " (out of date)" if key in marked else ""

    say(f"{one_line(story.title)}\n{story.synopsis}\n")
    for beat in story.structure.beats:
        say(f"{beat.label} [{story.curve[beat.key]}]{mark(f'{beat.key}/beatContent')}")
        say(f"{story.contents.get(beat.key) or '(nothing written yet)'}")
        action = story.key_actions.get(beat.key) or "(nothing written yet)"
        say(f"Key action{mark(f'{beat.key}/keyAction')}: {action}\n")
        for scene in story.scenes_of(beat.key):
            plot, script, shots = (
                mark(f"{beat.key}/{kind}/{scene.number}")
                for kind in ("scenePlot", "script", "shots")
            )
            say(f"  Scene {scene.number}{plot}: {scene.plot or '(no plot yet)'}")
            words = len(scene.script.split())
            say(f"    script{script}: {words} words; shots{shots}: {len(scene.shots)}\n")
