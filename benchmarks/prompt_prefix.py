"""How much of a run's prompts its own earlier prompts began with: what a server's cache can save.

A run of 3 beats with 5 scenes each (36 steps) on the sample stories, asked for in the plan's order
without a server; each step's text is the offline writer's, so that later prompts carry new texts
of a usual length. Tokens are counted as bytes / 4, which is near enough for a share.

- as asked: the longest beginning in common with any earlier call of the run;
- of ended calls: scripts of one beat are written at the same time, so only calls of earlier groups
  count (and of scripts further ahead than the concurrency);
- of ended calls, in OpenAI's steps: the same where it is 1,024 tokens or more, in steps of 128.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cascade.formats.json import read_document
from cascade.llm.pacing import edited
from cascade.llm.prompting import render
from cascade.story.brief import brief_for
from cascade.story.plan import make_plan
from cascade.story.story import Story

SAMPLES = Path(__file__).parents[1] / "cascade" / "samples"
BEATS, SCENES = 3, 5
CONCURRENCY = 6
GOAL = 0.6
BYTES_A_TOKEN = 4


def main() -> None:
    """Prints one line a story."""
    print(f"{'story':28} calls  tokens  as asked  of ended calls  in OpenAI's steps")
    for path in sorted(SAMPLES.glob("*.json")):
        story = with_scenes(read_document(path))
        calls, ended = prompts(story)
        total = sum(len(call) / BYTES_A_TOKEN for call in calls)
        asked = list(range(len(calls)))
        shares = [
            repeated(calls, before, count) / total
            for before, count in ((asked, tokens), (ended, tokens), (ended, in_steps))
        ]
        verdict = "" if shares[0] >= GOAL else f"  below the goal of {GOAL:.0%}"
        print(
            f"{path.stem:28} {len(calls):5} {total:7,.0f} {shares[0]:9.1%} {shares[1]:15.1%} "
            f"{shares[2]:18.1%}{verdict}"
        )


def with_scenes(story: Story) -> Story:
    """The story with five of its scenes under each of three beats in its middle, in order."""
    keys = story.structure.keys
    middle = len(keys) // 2
    beats = keys[middle - 1 : middle - 1 + BEATS]
    # The shortest sample has fewer scenes: the first ones come again.
    scenes = (story.scenes * 2)[: BEATS * SCENES]
    return replace(
        story,
        scenes=tuple(
            replace(scene, number=at + 1, beat_key=beats[at // SCENES])
            for at, scene in enumerate(scenes)
        ),
    )


def prompts(story: Story) -> tuple[list[bytes], list[int]]:
    """The prompts of a run in order, and before each of them how many calls have surely ended."""
    beats = list(dict.fromkeys(scene.beat_key for scene in story.scenes if scene.beat_key))
    levels = {key: 4 if story.curve[key] != 4 else 2 for key in beats}
    plan = make_plan(story, levels, directions={beats[0]: "Keep it indoors."})
    calls: list[bytes] = []
    ended: list[int] = []
    for group in plan.groups():
        begun = len(calls)
        for place, key in enumerate(group):
            brief = brief_for(plan, plan.step(key), story, seed=f"bench/{key}")
            prompt = render(brief)
            calls.append(f"{prompt.system}\n{prompt.user}".encode())
            ended.append(begun + max(place - CONCURRENCY + 1, 0))
            story = story.with_text(key, edited(brief))
    return calls, ended


def repeated(calls: list[bytes], before: list[int], count: Callable[[int], float]) -> float:
    """The tokens with which each call begins as one of the first `before[at]` calls did."""
    return sum(
        max((count(in_common(call, other)) for other in calls[: before[at]]), default=0.0)
        for at, call in enumerate(calls)
    )


def in_common(one: bytes, other: bytes) -> int:
    """With how many of the same bytes they begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def tokens(size: int) -> float:
    """About how many tokens so many bytes are."""
    return size / BYTES_A_TOKEN


def in_steps(size: int) -> float:
    """As many of them as OpenAI's prompt cache would find."""
    found = int(tokens(size)) // 128 * 128
    return float(found) if found >= 1024 else 0.0


if __name__ == "__main__":
    main()
