"""Errors in both languages: every code, every cause, and nothing left in English on the way."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest

import cascade
from cascade import errors
from cascade.errors import (
    AlreadyDecided,
    AmbiguousRun,
    AmbiguousScene,
    AmbiguousStory,
    BadIdentity,
    BadLevel,
    BadName,
    BadProduct,
    BadRule,
    BudgetExceeded,
    CannotImport,
    CascadeError,
    CorrectionTooLarge,
    DatabaseAway,
    DatabasePooled,
    DatabaseReadOnly,
    DatabaseRefused,
    EditedSince,
    GrantIncomplete,
    InsufficientCredits,
    LastAdmin,
    MissingRights,
    NameTaken,
    NotADemo,
    NotAllowed,
    NotARequest,
    NotAsker,
    NothingChanged,
    NothingToRestore,
    NotResumable,
    NotWritten,
    OwnRequest,
    Reason,
    ReasonMissing,
    RequestExpired,
    RequestVoid,
    RowsHidden,
    RunActive,
    SchemaGap,
    SignedOut,
    SourceOutOfDate,
    StalePlan,
    StoryGone,
    Unexpected,
    UnknownBeat,
    UnknownPiece,
    UnknownProject,
    UnknownRun,
    UnknownStory,
    UnknownStructure,
    UnknownToken,
    UnknownUser,
    UnreadablePieces,
    UnreadableStory,
    WriterNotAllowed,
)
from cascade.llm import faults
from cascade.llm.doctor import Diagnosis
from cascade.llm.flaws import Flaw
from cascade.samples import Cause
from cascade.service import Action, Rule
from cascade.store.tables import Decision, Role, RunStatus
from cascade.story.story import Part
from cascade.story.structures import STRUCTURES
from cascade.ui.kit import problems, texts

from .test_texts import EVERY

CAT = STRUCTURES["cat"]
PARTS = [
    Part("piece", "midpoint/keyAction"),
    Part("piece", "midpoint/script/5"),
    Part("level", "midpoint"),
    Part("header"),
    Part("scenes"),
    Part("scene_gone", "midpoint/script/5"),
    Part("scene_moved", "midpoint/scenePlot/5"),
]
FLAWS = tomllib.loads(
    resources.files("cascade.llm").joinpath("prompts", "flaws.en.toml").read_text("utf-8")
)
REFUSED = DatabaseRefused(
    "sqlite:///x.db", "value too long for type character varying(30)", "scene_plots", "plot"
)
COUNTS: dict[str, int | str] = {"count": 2, "low": 3, "high": 4, "language": "en"}
# What the page never meets: they stop a command, a start or an import, or answer a program.
NOT_ON_THE_PAGE = {
    "bad_field",
    "body_too_large",
    "key_reused",
    "not_authenticated",
    "too_many",
    "unreadable_body",
    "wrong_media_type",
    "wrong_structure",
    "bad_document",
    "bad_setting",
    "database",
    "database_too_new",
    "database_unavailable",
    "error",
    "refused",
    "usage",
}


@pytest.fixture
def indonesian(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (texts, problems):
        monkeypatch.setattr(module, "language", lambda: "id")


def refusals() -> Iterator[CascadeError]:
    yield AmbiguousRun("01aa", 3)
    yield AmbiguousStory("Twins", 2, "called")
    yield AmbiguousStory("Twin", 10, "begins")
    yield BadLevel("midpoint", 6)
    yield DatabaseAway("sqlite:///x.db", "it is locked")
    yield DatabasePooled("postgresql://cascade@pool/story")
    yield DatabaseReadOnly("sqlite:///x.db", "attempt to write a readonly database")
    for cause in ("grant", "owner", "policy", "other"):
        yield MissingRights("postgresql:///x", "cascade", "permission denied", cause, "GRANT x")
    yield RowsHidden("postgresql:///x", "cascade", ["projects", "story_versions"])
    yield Unexpected(ValueError("x"))
    yield UnknownBeat("take", "Story Circle", ["midpoint", "finale"])
    yield UnknownStructure("kishotenketsu", ["cat", "hero"])
    yield REFUSED
    yield InsufficientCredits(45, 12)
    yield BudgetExceeded(
        needed=45,
        budget=100,
        used=60,
        held=20,
        anew=datetime(2026, 11, 30, 17, tzinfo=UTC),
        zone="Asia/Jakarta",
    )
    yield WriterNotAllowed("api.openai.com", ["offline", "localhost:8000"])
    yield CorrectionTooLarge(45, 12)
    yield NothingChanged()
    yield NothingToRestore("r1")
    yield SourceOutOfDate("the script of scene 5", "midpoint/script/5")
    yield SourceOutOfDate("the key action of Midpoint", "midpoint/keyAction")
    yield RunActive("r1")
    yield UnknownRun("r1")
    yield UnknownPiece("midpoint/script/99")
    yield AmbiguousScene("scene/5", ["midpoint", "finale"])
    yield UnknownStory("s1")
    yield UnknownUser("Ana")
    for part in PARTS:
        yield StalePlan(part.describe(CAT), **part.fields)
    yield StalePlan("the writer", cause="writer")
    yield StoryGone("r1")
    yield EditedSince(
        ["the key action of Midpoint", "the tension level of Midpoint"],
        pieces=["midpoint/keyAction"],
        levels=["midpoint"],
    )
    for role in (*get_args(Role), "admin"):
        yield NotAllowed("Ana", "start a run on this story", [role], "start")
    for action in get_args(Action):
        yield NotAllowed("Ana", "do it", ["editor", "producer"], action)
    for status in get_args(RunStatus):
        yield NotResumable("r1", f"it is {status}.", "status", status=status)
    yield NotResumable("r1", "run r2 has resumed it already.", "resumed", later="r2")
    yield NotResumable("r1", "every step of it was saved.", "saved")
    yield NotResumable("r1", "what it had written was restored.", "restored")
    yield NotResumable("r1", "nothing is kept.", "nothing_rejected", step="midpoint/script/5")
    yield NotResumable("r1", "it is saved already.", "step_saved", step="midpoint/script/5")
    for cause in get_args(Cause):
        yield NotADemo("it has some of its own", cause)
    yield CannotImport(["story_versions.organization_id"])
    yield BadProduct("product.toml", ["[story_versions] names a table that is not there: versions"])
    yield UnknownProject("House", ["p1 (One)", "p2 (Two)"])
    yield UnknownProject(None, ["p1 (One)", "p2 (Two)"])
    yield SchemaGap("sqlite:///x.db", ["scene_plots lacks plot"])
    yield NotWritten("scene_plots")
    yield UnreadablePieces(["the key action of Midpoint"], {"midpoint/keyAction": "not_text"})
    yield UnreadablePieces(["its language"], {"language": "not_a_language"})
    yield UnreadableStory("Tides", "save_the_cat", ["hero", "cat", "harmon"])
    yield UnreadableStory("Tides", "", ["hero", "cat", "harmon"])
    yield NotADemo("a run is under way; wait until it has ended, or cancel it", "run_active")
    yield BadName("\x07", 200)
    for rule in get_args(Rule):
        yield BadRule(rule, "it is to be another", 20)
    for what in ("issuer", "subject"):
        yield BadIdentity(what, 255)
    yield NameTaken("Ana")
    yield LastAdmin("Ana")
    yield GrantIncomplete()
    yield SignedOut()
    yield NotARequest("r1")
    yield OwnRequest("r1")
    yield NotAsker("r1", "Ana")
    for decision in get_args(Decision):
        yield AlreadyDecided("r1", decision, "Ana")
    yield from over()
    yield ReasonMissing()
    yield UnknownToken("t1")


def over() -> Iterator[CascadeError]:
    """What ends a request that nobody has decided."""
    for part in PARTS:
        yield RequestVoid("r1", part.describe(CAT), **part.fields)
    for cause in ("writer", "story_gone", "resumed", "restored"):
        yield RequestVoid("r1", "it is so", cause=cause)
    yield RequestExpired("r1", 30)


def failures() -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """As they are kept with a run."""
    found = [
        faults.from_status(status, None, {}) for status in (400, 401, 402, 403, 404, 413, 429, 500)
    ]
    found += [faults.from_body({"message": "x"}), faults.refused()]
    found += [faults.from_status(503, {"error": {"message": "Loading model"}}, {})]
    found += [faults.bad_address("example.org"), faults.redirected("example.org")]
    found += [faults.bad_proxy(), faults.bad_key()]
    found += [faults.bad_answer(cause, host="example.org") for cause in faults._BAD_ANSWERS]
    for error in found:
        yield error.code, error.fields, error.message
    for name in FLAWS:
        yield "bad_output", {"cause": name, **COUNTS}, Flaw(name, COUNTS).reason()
    for part in PARTS:
        yield "conflict", part.fields, f"{part.describe(CAT)} was changed"
    yield "unknown_story", {"story": "s1"}, "There is no story"
    for gone in (UnreadableStory("T", "x", ["hero"]), UnreadableStory("T", "", ["hero"])):
        yield gone.code, gone.fields, gone.message
    yield "conflict", {"cause": "story_gone"}, "the story was deleted"
    yield "not_written", {"table": "scene_plots"}, "no row of scene_plots"
    yield "timeout", {"seconds": 60.0}, "within 60 seconds"
    yield "offline_timeout", {"seconds": 60.0}, "shorten it"
    yield "connection", {"host": "example.org"}, "example.org cannot be reached"
    for code in ("truncated", "no_answer", "interrupted"):
        yield code, {}, "as it was kept"
    yield REFUSED.code, REFUSED.fields, REFUSED.message
    yield "internal", {"exception": "ValueError"}, "wrong in the program (ValueError)"
    refused = WriterNotAllowed("api.openai.com", ["offline"])
    yield refused.code, refused.fields, refused.message
    yield "request_declined", {"by": "Ana", "said": "Later."}, "Declined by Ana: Later."
    yield "request_replaced", {"run": "r2"}, "Replaced"
    for ended in over():
        yield ended.code, ended.fields, ended.message
    yield "unknown_model", {"model": "m", "known": ["m1", "m2"]}, "does not know m"
    yield "form_ignored", {}, "not in the form"


REFUSALS, FAILURES = list(refusals()), list(failures())


def test_every_refusal_that_the_page_can_meet_is_among_them() -> None:
    codes = {
        one.code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, CascadeError)
    }
    assert {error.code for error in REFUSALS} == codes - NOT_ON_THE_PAGE


def test_every_failure_of_a_writer_is_among_them() -> None:
    codes = set()
    for path in Path(cascade.__file__).parent.glob("*/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("ProviderError", "Reason"):
                # Others hand on a code that was made here.
                codes |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert len(codes) > 10
    assert codes <= {code for code, _, _ in FAILURES}


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: f"{error.code}-{error.fields}")
def test_a_refusal_is_told_whole_in_both_languages(
    error: CascadeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for of in ("en", "id"):
        for module in (texts, problems):
            monkeypatch.setattr(module, "language", lambda of=of: of)
        said[of] = problems.explain(error)
    assert problems._text(f"problem.{error.code}", problems._values(error.code, error.fields))
    assert len({*said.values(), error.message}) >= 2
    assert not english_words(said["id"]), said["id"]


@pytest.mark.parametrize(("code", "fields", "kept"), FAILURES)
def test_a_failure_is_told_whole_in_both_languages(
    code: str, fields: Mapping[str, Any], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for of in ("en", "id"):
        for module in (texts, problems):
            monkeypatch.setattr(module, "language", lambda of=of: of)
        said = problems.failure(Reason(code, "not in the catalogue", fields))
        assert said != "not in the catalogue"
        assert kept
        if of == "id":
            assert not english_words(said), said


def english_words(said: str) -> set[str]:
    """The commonest words of English; none of them is Indonesian."""
    words = {word.strip(".,;:()“”").lower() for word in said.split()}
    return words & {"the", "of", "is", "was", "it", "not", "and", "has", "in", "to", "a", "this"}


def test_what_was_changed_is_named() -> None:
    stale = StalePlan("the script of scene 5", **PARTS[1].fields)
    assert "(the script of scene 5)" in problems.explain(stale)
    edited = next(error for error in REFUSALS if isinstance(error, EditedSince))
    named = "the key action of Midpoint and the tension level of Midpoint"
    assert named in problems.explain(edited)


def test_the_page_has_words_of_its_own() -> None:
    assert "cascade stories" not in problems.explain(UnknownStory("x"))
    assert "33 credits are missing" in problems.explain(InsufficientCredits(45, 12))


@pytest.mark.usefixtures("indonesian")
def test_indonesian_names_the_reason() -> None:
    flaw = {"cause": "too_short", "count": 7, "low": 40, "high": 250}
    said = problems.failure(Reason("bad_output", "…", flaw))
    assert "teksnya terlalu pendek: 7 kata, sedangkan yang bisa disimpan 40 sampai 250" in said
    said = problems.explain(NotAllowed("Ana", "…", ["editor", "producer"], "start"))
    assert said.startswith("Ana tidak boleh memulai proses pada cerita ini.")
    assert "editor dan produser" in said
    said = problems.failure(Reason("timeout", "…", {"seconds": 2.5}))
    assert "dalam 2,5 detik" in said


@pytest.mark.usefixtures("indonesian")
def test_the_doctors_finding_is_told_in_the_readers_language() -> None:
    fields = {"model": "m", "known": ["m1", "m2"]}
    found = Diagnosis("openai", "m", problem=Reason("unknown_model", "…", fields))
    assert problems.diagnosis(found).endswith("misalnya: m1 dan m2.")
    assert problems.diagnosis(Diagnosis("openai", "m")) == ""


def test_an_error_without_words_of_the_page_keeps_its_own() -> None:
    class Odd(CascadeError):
        code = "odd"

    assert problems.explain(Odd("As it is.")) == "As it is."
    # One that was kept before its fields were.
    assert problems.failure(Reason("auth", "The key is refused.")) == "The key is refused."
    assert problems.failure(Reason("", "Old.")) == "Old."


def test_every_text_of_a_problem_is_one_of_these() -> None:
    told = {f"problem.{error.code}" for error in REFUSALS} | {
        f"failure.{c}" for c, _, _ in FAILURES
    }
    assert {key for key in EVERY if key.startswith(("problem.", "failure."))} == told
