"""What was asked for does not exist or cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.errors.root import CascadeError, said


class UsageError(CascadeError):
    """What was asked for does not exist or cannot be read: the asker mends it and asks again."""

    code = "usage"


class BadSetting(UsageError):
    """An environment variable holds something the program cannot use."""

    code = "bad_setting"


class BadProduct(UsageError):
    """The file of a product's names cannot be read, or names what is not there."""

    code = "bad_product"

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"CASCADE_PRODUCT ({said(file)}) cannot be used: {'; '.join(problems)}. Nothing was "
            "changed. `cascade db check` shows what is there, and with --write FILE writes a file "
            "to begin from.",
            file=said(file),
            problems=list(problems),
        )


class UnknownStructure(UsageError):
    """A structure type that is none of ours."""

    code = "unknown_structure"

    def __init__(self, type_: object, known: Sequence[str]) -> None:
        super().__init__(
            f'There is no structure "{said(type_)}". Use one of: {", ".join(known)}.',
            structure=said(type_),
        )


class UnknownBeat(UsageError):
    """A beat key that the story's structure does not have."""

    code = "unknown_beat"

    def __init__(self, key: str, structure_name: str, known: Sequence[str]) -> None:
        super().__init__(
            f'{structure_name} has no beat "{said(key)}". Its beats are: {", ".join(known)}.',
            beat=said(key),
            structure=structure_name,
            known=list(known),
        )


class BadLevel(UsageError):
    """A tension level outside 1-5, or no whole number."""

    code = "bad_level"

    def __init__(self, beat_key: str, value: object) -> None:
        super().__init__(
            f'"{said(value)}" is not a tension level for {said(beat_key)}. Use a whole number '
            "from 1 (calm) to 5 (highest pressure).",
            beat=said(beat_key),
            value=said(value),
        )


class UnknownStory(UsageError):
    """No story of that id."""

    code = "unknown_story"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f'There is no story "{said(reference)}". `cascade stories` lists the ids there are.',
            story=said(reference),
        )


class AmbiguousStory(UsageError):
    """A title, or a beginning of an id or title, that several stories have."""

    code = "ambiguous_story"

    def __init__(self, reference: str, count: int, cause: str) -> None:
        how = {"called": "are called", "begins": "begin with"}[cause]
        super().__init__(
            f'{count} stories {how} "{said(reference)}". Give the id of the one that is meant: '
            "`cascade stories` lists them.",
            story=said(reference),
            count=count,
            cause=cause,
        )


class UnknownRun(UsageError):
    """No run of that id."""

    code = "unknown_run"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f'There is no run "{said(reference)}". `cascade runs` lists the ids there are.',
            run=said(reference),
        )


class AmbiguousRun(UsageError):
    """A beginning of an id that several runs have."""

    code = "ambiguous_run"

    def __init__(self, reference: str, count: int) -> None:
        super().__init__(
            f'{count} runs begin with "{said(reference)}". Give more of the id of the one that is '
            "meant: `cascade runs` lists them.",
            run=said(reference),
            count=count,
        )


class UnknownPiece(UsageError):
    """A story has no piece, beat or scene of that key."""

    code = "unknown_piece"

    def __init__(self, key: str) -> None:
        super().__init__(
            f'The story has no "{said(key)}". Give a piece, as midpoint/script/5, a beat, as '
            "midpoint, or a scene, as scene/5; `cascade show` lists them.",
            named=said(key),
        )


class AmbiguousScene(UsageError):
    """A scene's number that scenes of several beats have."""

    code = "ambiguous_scene"

    def __init__(self, key: str, beats: Sequence[str]) -> None:
        super().__init__(
            f'"{said(key)}" is in several beats: {", ".join(beats)}. Give the piece that is meant '
            "with its beat, as midpoint/script/5.",
            named=said(key),
            beats=list(beats),
        )


class UnknownUser(UsageError):
    """No user of that name."""

    code = "unknown_user"

    def __init__(self, name: str) -> None:
        super().__init__(
            f'There is no user "{said(name)}". Set CASCADE_USER or --user to a known name; '
            "`cascade credits grant --user NAME N` adds an editor of that name.",
            user=said(name),
        )


class UnknownProject(UsageError):
    """No project of that id or name, or none is said and there are several.

    `projects` are those that there are, the first few.
    """

    code = "unknown_project"

    def __init__(self, reference: str | None, projects: Sequence[str]) -> None:
        named = ", ".join(map(said, projects))
        what = (
            "There are several projects, and none is said"
            if reference is None
            else f'There is no project "{said(reference)}"'
        )
        among = f"Say one of these with --project: {named}." if named else "None is there for you."
        super().__init__(
            f"{what}. {among}",
            project=None if reference is None else said(reference),
            projects=[said(one) for one in projects],
        )


class BadDocument(UsageError):
    """A story file that cannot be imported; the message says where and what is wrong."""

    code = "bad_document"


class CannotImport(UsageError):
    """A story cannot be made in the product's tables: they need what a document does not say."""

    code = "cannot_import"

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(
            f"A story cannot be imported here: {', '.join(columns)} must not be empty, has no "
            "default, and is nothing that a story file says. Nothing was changed. Make the story "
            "in the product itself, or give the column a default.",
            columns=list(columns),
        )
