"""What goes in and comes out, field by field. Strict both ways: nothing is guessed or let pass."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cascade.display import is_storable
from cascade.service import MOST_OF_A_NOTE, Order, OrderedChange
from cascade.story.limits import LIMITS
from cascade.story.tension import HIGHEST, LOWEST

LONGEST_ID, LONGEST_LABEL = 100, 300
MOST_CHANGES = 100


def _storable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("it holds a zero byte or half a character")
    return value


def _storable_if_text(value: Any) -> Any:
    return _storable(value) if isinstance(value, str) else value


Storable = AfterValidator(_storable)
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), Storable]
# Whether one is within 1-5 is said after whether the story is there at all.
Level = Annotated[int, Field(json_schema_extra={"minimum": LOWEST, "maximum": HIGHEST})]
Neighbour = Annotated[int, Field(ge=LOWEST, le=HIGHEST)]
StructureType = Literal["hero", "cat", "harmon"]


class _Body(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False
    )


class ChangeIn(_Body):
    """One beat's change. With equal levels what is out of date under that beat is rewritten."""

    beat_key: Id
    beat_label: Annotated[str, Field(max_length=LONGEST_LABEL), Storable] | None = None
    previous_tension: Level
    new_tension: Level
    prev_beat_tension: Neighbour | None = None
    next_beat_tension: Neighbour | None = None
    direction: Annotated[str, Field(max_length=LIMITS["direction"]), Storable] | None = None


class OrderIn(_Body):
    """Which beats of a story are to change. `userId` is ignored: who asks, the token says."""

    story_version_id: Id
    structure_type: StructureType
    changes: Annotated[list[ChangeIn], Field(min_length=1, max_length=MOST_CHANGES)]
    project_id: Id | None = None
    plan_hash: Annotated[str, Field(max_length=200), Storable] | None = None
    user_id: Annotated[Any, AfterValidator(_storable_if_text)] = None

    def order(self) -> Order:
        """As the service takes it."""
        return Order(
            story_id=self.story_version_id,
            structure_type=self.structure_type,
            changes=tuple(
                OrderedChange(
                    one.beat_key, one.previous_tension, one.new_tension, one.direction or ""
                )
                for one in self.changes
            ),
            project_id=self.project_id,
            plan_hash=self.plan_hash,
        )


class Refusal(_Body):
    """Every refusal; `runId` is of the run that is in the way."""

    error: str
    code: str
    field: str | None = None
    run_id: str | None = None


class ReasonIn(_Body):
    """Why a request is declined; its editor is told."""

    reason: Annotated[str, Field(min_length=1, max_length=MOST_OF_A_NOTE), Storable]


class StoryOut(_Body):
    """A story in the list."""

    id: str
    title: str
    structure_type: str
    language: str
    beats: int
    scenes: int


class BeatOut(_Body):
    """A beat of a story."""

    key: str
    label: str
    content: str
    key_action: str
    tension: int


class SceneOut(_Body):
    """A scene of a story."""

    id: str
    number: int | None
    beat_key: str | None
    plot: str
    script: str
    shots: list[Any]


class OutOfDateOut(_Body):
    """A text that is out of date, and why."""

    key: str
    reason: str
    since: str | None


class StoryDocumentOut(_Body):
    """A story, whole."""

    id: str
    title: str
    synopsis: str
    genre: str
    tone: str
    language: str
    structure_type: str
    beats: list[BeatOut]
    scenes: list[SceneOut]
    out_of_date: list[OutOfDateOut] = []
    locked: list[str] = []


class ChangeOut(_Body):
    """One beat's change in a plan."""

    beat_key: str
    beat_label: str
    previous_tension: int
    new_tension: int
    prev_beat_tension: int | None
    next_beat_tension: int | None
    direction: str | None = None


class StepOut(_Body):
    """One text that a plan rewrites."""

    key: str
    beat_key: str
    step: str
    scene_number: int | None
    credits: int


class PlanOut(_Body):
    """What an order would do and cost."""

    plan_hash: str
    changes: list[ChangeOut]
    steps: list[StepOut]
    affected_scenes: list[int]
    estimated_credits: int
    available_credits: int


class UsedOut(_Body):
    """What calls have used."""

    calls: int
    rejected_calls: int
    failed_calls: int
    unknown_calls: int
    unknown_cached_calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    latency_ms: int


class ModelUsedOut(UsedOut):
    """What calls to one model have used."""

    model: str


class StepUsedOut(UsedOut):
    """What the calls of one step have used."""

    key: str
    status: str


class CostOut(_Body):
    """What a run's calls cost in money; not `complete` where it was more."""

    amount: float
    currency: str
    complete: bool


class RunOut(_Body):
    """A run; one that a model wrote has `tokens` and `steps`, and `cost` where it is priced."""

    id: str
    story_id: str
    status: str
    user: str
    estimated_credits: int
    used_credits: int
    created_at: str
    finished_at: str | None
    error: str | None
    resumed_from: str | None
    plan_hash: str
    server: str | None
    note: str | None = None
    tokens: list[ModelUsedOut] | None = None
    steps: list[StepUsedOut] | None = None
    cost: CostOut | None = None


class RestoredOut(_Body):
    """The pieces and levels that came back, and those left because they were changed since."""

    restored: list[str]
    left: list[str]


class EventOut(BaseModel):
    """One event of a run; which fields it has beside these, its `type` says."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    type: str
    seq: int
    run_id: str
    at: str
