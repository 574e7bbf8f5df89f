"""Every text of the interface, in English, under a key.

Other languages are further mappings of the same keys. A text with a count has its singular and
plural side by side; everything in braces is filled in by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cascade.errors import CascadeError

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "app.name": "Arc Studio",
        "app.tagline": "Bend the tension curve; the story follows.",
        "app.no_service": "Arc Studio is not running here. Start it with `streamlit run app.py`.",
        "head.story": "Story",
        "head.credits": "{credits} credits available",
        "head.user": "Signed in as {name}",
        "head.writer_model": "Writer: {model}",
        "head.writer_offline": "Writer: {model} ({label})",
        "head.about": "{structure} ({author})",
        "head.synopsis": "Synopsis",
        "check.button": "Check the writer",
        "check.help": "Asks the model server with a few tiny requests.",
        "check.asking": "Asking the writer…",
        "check.yes.reachable": "reachable",
        "check.no.reachable": "not reachable",
        "check.yes.key_accepted": "key accepted",
        "check.no.key_accepted": "key not accepted",
        "check.yes.model_known": "model {model} known",
        "check.no.model_known": "model {model} not known",
        "check.form.json_schema": "structured output",
        "check.form.json_object": "no structured output, JSON instead",
        "check.form.plain": "no structured output, plain text instead",
        "check.latency": "answers in {ms} ms",
        "empty.stories": "No stories yet",
        "empty.stories_help": (
            "Bring one in with `cascade import FILE` on the command line, then reload this page."
        ),
        "empty.beats": "This story has a shape but no words yet",
        "empty.beats_help": (
            "No beat has content and there are no scenes. You can set the curve now; a run writes "
            "each changed beat's content and key action."
        ),
        "curve.title": "Tension curve",
        "curve.name": "Tension curve of {story}",
        "curve.help": (
            "Drag a point, or focus it and use the arrow keys, Home, End or 1-5. The number under "
            "each beat does the same."
        ),
        "curve.saved": "Saved",
        "curve.pending": "Pending",
        "curve.rising": "Rising",
        "curve.falling": "Falling",
        "curve.axis": "Tension",
        "curve.lowest": "1 calm",
        "curve.highest": "5 peak",
        "curve.value": "{level} of 5",
        "curve.value_changed": "{level} of 5, saved {saved}",
        "curve.failed": (
            "The drawing could not be loaded. The numbers under each beat work without it."
        ),
        "curve.locked_run": "Read-only while a run is at work on this story.",
        "curve.locked_role": "You may read this story. Changing its curve takes an editor.",
        "banner.none": "No unsaved tension changes.",
        "banner.save": "Save Tension Levels",
        "banner.reset": "Reset",
        "banner.save_help": "Shows what will be rewritten and what it costs. Nothing starts yet.",
        "banner.reset_help": "Puts every beat back to its saved level.",
        "banner.no_start": "Your role may draft a curve; saving it takes an editor.",
        "directions.none": "Directions (optional)",
        "directions.label": "Direction for {beat}",
        "directions.example": "keep the betrayal off-stage",
        "directions.help": "One line a beat that the writer is to follow. It costs nothing extra.",
        "directions.offline": (
            "One line a beat that the writer is to follow. The offline writer cannot: it works by "
            "rules. A model can; the line is kept with the run."
        ),
        "change.short": "{beat} ({old}→{new})",
        "change.up": "More Dramatic",
        "change.down": "Less Intense",
        "confirm.title": "Confirm Regeneration",
        "confirm.changes": "You are about to save these tension level changes:",
        "confirm.rewrites": "This will regenerate",
        "confirm.scenes": "Affected scenes",
        "confirm.no_scenes": "{beat}: no scenes; its content and key action only.",
        "confirm.price": "{each} each",
        "confirm.balance": "Your balance: {before} now, {after} after.",
        "confirm.duration": "Expected duration: {duration}.",
        "confirm.writer_model": "Written by {model}.",
        "confirm.writer_offline": "Written by {model}: {label}.",
        "confirm.warning": (
            "Existing content is replaced by new content that fits the tension level. "
            "The old content stays in the history."
        ),
        "confirm.missing": (
            "{missing} credits are missing: this needs {needed} and {available} are available. "
            "Change fewer beats, or have credits granted."
        ),
        "confirm.start": "Regenerate & Save",
        "confirm.cancel": "Cancel",
        "confirm.nothing": "Nothing is left to change: every level is saved already.",
        "run.beat": "Beat {number}/{total}: {change}",
        "run.title.queued": "Starting…",
        "run.title.running": "Rewriting the story",
        "run.title.cancelling": "Cancelling…",
        "run.title.done": "Done: the story fits the new curve",
        "run.title.cancelled": "Run cancelled",
        "run.title.failed": "Run failed",
        "run.title.awaiting_approval": "Waiting for approval",
        "run.title.rejected": "Run rejected",
        "run.title.restored": "Restored: the story is as it was before this run",
        "run.by": "Started by {user}, {when} UTC. {writer}",
        "run.credits": "Credits used: {used} / {estimated}",
        "run.progress": "{done} of {total} steps done",
        "run.elapsed": "{time} so far",
        "run.took": "took {time}",
        "run.remaining": "{duration} left",
        "run.tokens": "{model}: {prompt} prompt tokens ({cached} cached), {completion} written",
        "run.tokens_unknown": "{model}: tokens unknown",
        "run.cost": "Cost: {amount} {currency}",
        "run.cost_least": "Cost: at least {amount} {currency}",
        "run.cost_unknown": "Cost: unknown",
        "run.cancel": "Cancel Process",
        "run.cancelling": "Cancelling…",
        "run.safe": "You can close this page; the run goes on, and this address finds it again.",
        "run.receipt": "Receipt",
        "run.estimated": "Estimated",
        "run.used": "Used",
        "run.released": "Released",
        "run.changed": "What changed",
        "run.changed_none": "Nothing was changed; every text is as it was.",
        "run.changed_beat": "{change}: {done} of {total} pieces rewritten",
        "run.level_kept": "{beat}: stays at {old}, nothing rewritten",
        "run.resumes": "It goes on where an earlier run stopped.",
        "run.resume": "Resume",
        "run.resume_short": "{missing} credits are missing to resume.",
        "run.resumed_by": "A later run went on from here.",
        "run.show_later": "Show that run",
        "run.close": "Close",
        "run.last.cancelled": "The last run on this story was cancelled before it was through.",
        "run.last.failed": "The last run on this story failed before it was through.",
        "run.last_show": "Show that run",
        "rejected.title": "{piece}: the last text did not pass the checks",
        "rejected.show": "Rejected text",
        "rejected.accept": "Accept anyway",
        "undo.before": "Before",
        "undo.after": "After",
        "undo.offline": "The new texts are by the offline writer: a pacing edit, not AI.",
        "undo.restored": "restored",
        "undo.edited": "edited since",
        "undo.edited_help": (
            "Somebody has changed this text after the run, so it cannot be put back from here."
        ),
        "undo.piece": "Restore",
        "undo.piece_ask": (
            "The old text comes back; what was written from the new one is marked out of date. "
            "The new text stays in the history. This costs nothing."
        ),
        "undo.piece_yes": "Restore this text",
        "undo.piece_done": "{piece} is back as it was before the run.",
        "undo.all": "Restore everything",
        "undo.all_ask": (
            "This puts back {what} as they were before the run. What the run wrote stays in the "
            "history. This costs nothing, and used credits are not given back."
        ),
        "undo.and": " and ",
        "undo.all_yes": "Yes, restore everything",
        "undo.all_done": "Everything is back as it was before the run, tension levels too.",
        "step.beatContent": "Beat content",
        "step.keyAction": "Key action",
        "step.scenePlot": "Plot of {scene}",
        "step.script": "Script of {scene}",
        "state.done": "done",
        "state.generating": "generating",
        "state.pending": "pending",
        "state.failed": "failed",
        "state.stopping": "stopping",
        "state.left": "not reached",
        "state.retrying": "retrying in {seconds} s, {attempt} of {most}",
        "beats.title": "Beats and scenes",
        "beats.label": "{number}. {beat} · tension {level}",
        "beats.out_of_date": "out of date",
        "beats.out_of_date_help": (
            "Out of date: the text was written for another tension level or from an older text."
        ),
        "beats.content": "Beat content",
        "beats.key_action": "Key action",
        "beats.nothing": "Nothing written yet.",
        "beats.no_scenes": "No scenes under this beat.",
        "beats.no_plot": "No plot yet.",
        "beats.no_script": "No script yet.",
        "beats.script": "Script",
        "beats.loose": "Scenes outside the beats",
        "beats.written_model": "written by {model}",
        "scene.name": "Scene {number}: {heading}",
        "scene.bare": "Scene {number}",
        "problem.unknown_story": (
            "There is no story “{story}”. It may have been removed; choose one from the list."
        ),
        "problem.unknown_run": (
            "There is no run “{run}”. Check the address, or choose a story from the list."
        ),
        "problem.unknown_user": (
            "There is no user “{user}”. `cascade credits grant --user {user} 100` on the command "
            "line adds one with credits; CASCADE_USER says who uses this page."
        ),
        "problem.run_active": (
            "A run is already at work on this story. Wait until it has ended, or cancel it; then "
            "try again. Your changes are kept."
        ),
        "problem.stale_plan": (
            "The story has changed since these changes were worked out ({what}). Nothing was "
            "started. Look at the new numbers and confirm again."
        ),
        "problem.edited_since": (
            "Somebody has changed this after the run: {what}. Nothing was restored, so that work "
            "is not lost. The other texts can be restored one by one."
        ),
        "problem.nothing_to_restore": (
            "Nothing that this run wrote stands any more, so there is nothing to restore."
        ),
        "problem.insufficient_credits": (
            "{missing} credits are missing: this needs {needed} and {available} are available. "
            "Nothing was started, your changes are kept."
        ),
    }
)

# One and many, chosen by `n`.
PLURALS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "credits": ("{n} credit", "{n} credits"),
        "banner.pending": (
            "{n} beat with unsaved tension changes: {changes}",
            "{n} beats with unsaved tension changes: {changes}",
        ),
        "banner.at_work": (
            "{n} beat is being rewritten: {changes}",
            "{n} beats are being rewritten: {changes}",
        ),
        "directions.given": ("Directions ({n} given)", "Directions ({n} given)"),
        "confirm.estimate": ("Estimated credits: {n} credit", "Estimated credits: {n} credits"),
        "confirm.beatContent": ("Beat Content ({n} beat)", "Beat Content ({n} beats)"),
        "confirm.keyAction": ("Key Actions ({n} beat)", "Key Actions ({n} beats)"),
        "confirm.scenePlot": ("Scene Plots ({n} scene)", "Scene Plots ({n} scenes)"),
        "confirm.script": ("Scripts ({n} script)", "Scripts ({n} scripts)"),
        "duration.seconds": ("about {n} second", "about {n} seconds"),
        "duration.minutes": ("about {n} minute", "about {n} minutes"),
        "run.resume_help": (
            "Resume does the {n} step that is left, for {credits} credits.",
            "Resume does the {n} steps that are left, for {credits} credits.",
        ),
        "run.tokens_missing": ("unknown for {n} call", "unknown for {n} calls"),
        "rejected.price": (
            "Accepting saves this text as it is, for {n} credit.",
            "Accepting saves this text as it is, for {n} credits.",
        ),
        "rejected.rest": (
            "The run then goes on with the {n} step that is left, for {credits} more.",
            "The run then goes on with the {n} steps that are left, for {credits} more.",
        ),
        "undo.compare": ("Old beside new: {n} text", "Old beside new: {n} texts"),
        "undo.texts": ("{n} text", "{n} texts"),
        "undo.levels": ("{n} tension level", "{n} tension levels"),
        "beats.scenes": ("{n} scene", "{n} scenes"),
        "beats.shots": ("{n} shot", "{n} shots"),
    }
)


def text(key: str, **values: object) -> str:
    """The text of a key, with its places filled in."""
    return TEXTS[key].format(**values)


def count(key: str, n: int, **values: object) -> str:
    """The text of a key that depends on a number."""
    one, many = PLURALS[key]
    return (one if n == 1 else many).format(n=n, **values)


def duration(seconds: float) -> str:
    """A rough duration in words: nobody plans by the second."""
    if seconds < 90:
        return count("duration.seconds", max(1, round(seconds)))
    return count("duration.minutes", round(seconds / 60))


def clock(seconds: float) -> str:
    """A time that is being watched: `0:07`, `12:40`, `1:02:09`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(value: int) -> str:
    """A number with its thousands set apart."""
    return f"{value:,}"


def explain(error: CascadeError) -> str:
    """An error in the page's words; where it has none of its own, in the error's."""
    template = TEXTS.get(f"problem.{error.code}")
    if template is None:
        return error.message
    return template.format(**{name: _in_words(value) for name, value in error.fields.items()})


def _in_words(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value or "…"
