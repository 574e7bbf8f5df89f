"""Every error a person can meet: what happened and what to do next, in one sentence or two.

Each carries its `Reason`, as do the failures of a run, of a writer's call and of what was found
about a writer: a `code`, stable and for programs, fields, and the whole in English.

    CascadeError
      Unexpected
      UsageError
        BadSetting
        BadProduct
        UnknownStructure
        UnknownBeat
        BadLevel
        UnknownStory
        AmbiguousStory
        UnknownRun
        AmbiguousRun
        UnknownPiece
        AmbiguousScene
        UnknownUser
        BadDocument
        CannotImport
      Refused
        NothingChanged
        UnreadablePieces
        UnreadableStory
        InsufficientCredits
        StalePlan
        RunActive
        StoryGone
        NotResumable
        EditedSince
        NothingToRestore
        SourceOutOfDate
        NotAllowed
        NotADemo
      DatabaseError
        DatabaseUnavailable
        DatabaseAway
        DatabaseRejection
          DatabaseRefused
          NotWritten
          MissingRights
        DatabasePooled
        DatabaseReadOnly
        RowsHidden
        DatabaseTooNew
        SchemaGap
"""

from __future__ import annotations

from cascade.errors.database import (
    DatabaseAway,
    DatabaseError,
    DatabasePooled,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseRejection,
    DatabaseTooNew,
    DatabaseUnavailable,
    MissingRights,
    NotWritten,
    RowsHidden,
    SchemaGap,
)
from cascade.errors.refused import (
    EditedSince,
    InsufficientCredits,
    NotADemo,
    NotAllowed,
    NothingChanged,
    NothingToRestore,
    NotResumable,
    Refused,
    RunActive,
    SourceOutOfDate,
    StalePlan,
    StoryGone,
    UnreadablePieces,
    UnreadableStory,
)
from cascade.errors.root import CascadeError, Explained, Reason, Unexpected
from cascade.errors.usage import (
    AmbiguousRun,
    AmbiguousScene,
    AmbiguousStory,
    BadDocument,
    BadLevel,
    BadProduct,
    BadSetting,
    CannotImport,
    UnknownBeat,
    UnknownPiece,
    UnknownRun,
    UnknownStory,
    UnknownStructure,
    UnknownUser,
    UsageError,
)

__all__ = [
    "AmbiguousRun",
    "AmbiguousScene",
    "AmbiguousStory",
    "BadDocument",
    "BadLevel",
    "BadProduct",
    "BadSetting",
    "CannotImport",
    "CascadeError",
    "DatabaseAway",
    "DatabaseError",
    "DatabasePooled",
    "DatabaseReadOnly",
    "DatabaseRefused",
    "DatabaseRejection",
    "DatabaseTooNew",
    "DatabaseUnavailable",
    "EditedSince",
    "Explained",
    "InsufficientCredits",
    "MissingRights",
    "NotADemo",
    "NotAllowed",
    "NotResumable",
    "NotWritten",
    "NothingChanged",
    "NothingToRestore",
    "Reason",
    "Refused",
    "RowsHidden",
    "RunActive",
    "SchemaGap",
    "SourceOutOfDate",
    "StalePlan",
    "StoryGone",
    "Unexpected",
    "UnknownBeat",
    "UnknownPiece",
    "UnknownRun",
    "UnknownStory",
    "UnknownStructure",
    "UnknownUser",
    "UnreadablePieces",
    "UnreadableStory",
    "UsageError",
]
