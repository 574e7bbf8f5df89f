"""What `db check` says in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from cascade.cli.base import say
from cascade.display import one_line
from cascade.service import ColumnReport, SchemaReport, TableReport
from cascade.story.kinds import CASCADE
from cascade.story.story import Keyless, Unreadable

# What a thing is called, and why it cannot be read or planned, by the names in the report.
_WHAT: Mapping[str, str] = {
    **{row.name: row.many for row in CASCADE},
    "level": "tension levels",
    "scene": "scenes",
    "structure": "stories",
    "language": "stories",
}
_WHY = {
    "not_text": "hold no text, and no object with just one of content, text, body, description",
    "not_a_level": "are no whole number from 1 to 5",
    "not_a_map": "stand in a column that is no JSON map from beats to values",
    "not_json": "stand in a column that is no JSON",
    "key_twice": "stand in a JSON map that has one key twice",
    "spelled_twice": "are there twice, in two spellings of their beat",
    "kept_twice": "stand in several rows of the table of scripts",
    "not_storable": "hold half a character (a lone surrogate) or a NUL",
    "not_a_language": "have a language that is neither English (en) nor Indonesian (id)",
    "unknown": "have a structure that is none of hero, cat, harmon, or has no columns here",
    "missing": "have no structure",
    "no_beat": "hang off no beat",
    "unknown_beat": "hang off a beat that their story's structure does not have",
    "no_number": "have no number",
    "number_twice": "have the number of another scene of their beat",
}


# The same of one thing, for where it stands.
WHY_UNREADABLE: Mapping[Unreadable, str] = {
    "not_text": "it is no text",
    "not_a_level": "it is no whole number from 1 to 5",
    "not_a_map": "its column is no map from beats to values",
    "not_json": "its column is no JSON",
    "key_twice": "its JSON has one key twice",
    "spelled_twice": "it is there twice, in two spellings of its beat",
    "kept_twice": "several rows hold it",
    "not_storable": "it holds half a character, or one that is none",
    "not_a_language": "it is neither English nor Indonesian",
}
WHY_KEYLESS: Mapping[Keyless, str] = {
    "no_beat": "it hangs off no beat",
    "unknown_beat": "its beat is none of this structure",
    "no_number": "it has no number",
    "number_twice": "another scene of its beat has the same number",
}


def print_check(found: SchemaReport) -> None:
    """The tables, then what of their rows cannot be read, then what is to be done."""
    if found.is_empty:
        say("The database is empty: the first start makes every table.")
    for one in found.tables:
        owner = "product" if one.product else "Cascade"
        say(f"{one.table} ({owner}): {_state(one, found)}")
    for one in found.tables:
        for column in one.columns:
            say(f"{one.table}.{one_line(column.name)} ({column.type}): {_taken(column)}")
    if not found.is_empty:
        say(f"scripts are stored in: {', '.join(found.scripts) or 'nowhere'}")
    for rows in found.unreadable:
        named = ", ".join(rows.stories)
        say(f"{rows.count} {_WHAT[rows.what]} {_WHY[rows.why]} (in {named})")
    if found.unreadable:
        say("What cannot be read is shown as such, in no plan, and left as it is.")
    for note in found.notes:
        say(f"good to know: {note}.")
    for problem in found.problems:
        say(f"in the way: {problem}")
    if not found.problems and not found.is_empty and not found.complete:
        say("`cascade db upgrade` makes what is missing.")


def _taken(column: ColumnReport) -> str:
    """What a column is taken for, and what it asks of whoever adds a row."""
    taken = column.taken_for or "not read"
    if column.taken_for is None and column.must_be_filled:
        taken += ", and must be filled: no row can be added here"
    return taken


def _state(one: TableReport, found: SchemaReport) -> str:
    if one.complete:
        return "complete"
    if one.earlier:
        return f"still called {one.earlier}; `cascade db upgrade` renames it"
    if not one.exists and not one.needed:
        return "not there, and not needed"
    if not one.exists:
        later = found.is_empty or (not one.product and not found.problems)
        return "not made yet" if later else "missing"
    parts = [f"lacks {', '.join(one.missing_columns)}"] if one.missing_columns else []
    parts += [f"has columns that do not fit: {', '.join(one.unfit)}"] if one.unfit else []
    return "; ".join(parts)
