"""The addresses: each checks its request, asks the caller's own desk, and answers."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BeforeValidator

from cascade import shapes
from cascade.api import bodies
from cascade.api.bodies import OrderIn, ReasonIn
from cascade.api.guard import GuardedRoute
from cascade.api.limits import Limits
from cascade.api.statuses import Json
from cascade.api.streams import SILENCE_S, Event, EventStream, Form, form_of
from cascade.errors import (
    AmbiguousStory,
    BadField,
    BadLevel,
    CascadeError,
    UnknownBeat,
    UnknownStory,
)
from cascade.service import Desk, Holder, Key, Placed, Service
from cascade.story.tension import is_level

LAST_SEQ = 2**63 - 1
LONGEST_KEY = 255


class Caller:
    """Who asks, and what they work with: their desk, by their token."""

    def __init__(self, request: Request) -> None:
        self.service: Service = request.app.state.service
        self.limits: Limits = request.app.state.limits
        self.holder: Holder = request.state.holder
        self.desk: Desk = self.service.desk(self.holder.actor)

    async def ask(self, what: Callable[..., Any], *arguments: Any) -> Any:
        """What a use case answers."""
        return await self.service.in_thread(what, *arguments)

    async def place(self, what: Callable[..., Placed], *arguments: Any) -> Placed:
        """Starts something, and counts it and the stream that follows it. Raises TooMany."""
        token_id, counted = self.holder.token_id, []

        def may_start() -> None:
            self.limits.start(token_id)
            self.limits.watch(token_id)
            counted.append(token_id)

        try:
            placed: Placed = await self.ask(what, *arguments, may_start)
        except Exception:
            for one in counted:
                self.limits.leave(one)
            raise
        if not counted:
            # Its key had started it before.
            self.limits.watch(token_id)
        return placed

    def stream(self, run_id: str, after: int, form: Form, *, asks: bool = False) -> EventStream:
        """The events of a run as they come; its place among the open streams is counted already.

        With `asks` only until it waits for a decision.
        """
        token_id = self.holder.token_id
        batches = self.desk.stream(run_id, after, token_id=token_id, silence_s=SILENCE_S, asks=asks)
        return EventStream(batches, form, run_id, lambda: self.limits.leave(token_id))


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    said = {
        400: "what cannot be read",
        401: "no token that is good",
        402: "too few credits",
        403: "not this user's to do",
        404: "not there, or not there for this user",
        409: "the story, run or key is not what was thought",
        413: "a body that is too large",
        415: "a body that is no JSON",
        422: "a field that is wrong",
        429: "too many, for now",
        503: "the database is away",
    }
    return {
        status: {"model": bodies.Refusal, "description": said[status]}
        for status in (401, *statuses, 503)
    }


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the events of the run, each as it is committed",
        "headers": {"X-Run-Id": {"schema": {"type": "string"}}},
        "content": {
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
}

router = APIRouter(route_class=GuardedRoute, default_response_class=Json)
Asking = Annotated[Caller, Depends(Caller)]
Id = Annotated[str, Path(max_length=1_000), bodies.Storable]
StartName = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=LONGEST_KEY, pattern=r"^[\x21-\x7e]+$"
    ),
]


def _whole(value: object) -> object:
    """Has a number be digits alone: `1.0` and `+1` would be taken for one as well."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError(f"it has to be a whole number from 0 to {LAST_SEQ}")
    return value


class Telling:
    """How a run's events are to be told: in which form, and after which one of them."""

    def __init__(
        self,
        accept: Annotated[str | None, Header(include_in_schema=False)] = None,
        last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    ) -> None:
        self.form = form_of(accept)
        self.seen = _seq(last_event_id)


Told = Annotated[Telling, Depends(Telling)]


@router.post(
    "/ai/regenerate-beats-cascade",
    status_code=200,
    response_class=EventStream,
    responses={**_STREAM, **_refusals(400, 402, 403, 404, 409, 413, 415, 422, 429)},
)
async def regenerate(body: OrderIn, caller: Asking, told: Told, key: StartName = None) -> Response:
    """Start a run of these changes and follow it. One that hangs up does not stop it.

    One that somebody has to approve says so and ends there; `events?follow=true` waits on.
    """
    order = body.order()
    name = _key(key, body.model_dump_json(exclude={"user_id"}))
    with _placing(body):
        placed = await caller.place(caller.desk.place, order, name)
    return _follow(caller, placed, told)


@router.post(
    "/ai/plan",
    response_model=bodies.PlanOut,
    response_model_exclude_unset=True,
    responses=_refusals(400, 403, 404, 409, 413, 415, 422),
)
async def plan(body: OrderIn, caller: Asking) -> Any:
    """Say what these changes would rewrite and cost. Changes nothing."""
    with _placing(body):
        offer = await caller.ask(caller.desk.propose, body.order())
    return shapes.plan_document(offer)


@router.get(
    "/ai/runs/{id}",
    response_model=bodies.RunOut,
    response_model_exclude_unset=True,
    responses=_refusals(403, 404, 422),
)
async def run(id: Id, caller: Asking) -> Any:
    """Say how a run stands."""
    return await _run_document(id, caller)


@router.get(
    "/ai/runs/{id}/events",
    status_code=200,
    response_class=EventStream,
    responses={**_STREAM, **_refusals(403, 404, 422, 429)},
)
async def events(
    id: Id,
    caller: Asking,
    told: Told,
    after: Annotated[int, BeforeValidator(_whole), Query(ge=0, le=LAST_SEQ)] = 0,
    follow: bool = False,
) -> Response:
    """Give a run's events after a seq; with `follow` also those to come, until the last."""
    after = after if told.seen is None else told.seen
    if not follow:
        found: list[Event] = await caller.ask(caller.desk.events, id, after)
        return EventStream(_once(found), told.form, id)
    # Whether it is there for who asks; of its events none.
    await caller.ask(caller.desk.events, id, LAST_SEQ)
    caller.limits.watch(caller.holder.token_id)
    return caller.stream(id, after, told.form)


@router.post(
    "/ai/runs/{id}/cancel",
    status_code=202,
    response_model=bodies.RunOut,
    response_model_exclude_unset=True,
    responses=_refusals(403, 404, 413, 422),
)
async def cancel(id: Id, caller: Asking) -> Any:
    """Ask a run to stop. What it has saved stays; nothing more is charged."""
    await caller.ask(caller.desk.cancel, id)
    return await _run_document(id, caller)


@router.post(
    "/ai/runs/{id}/resume",
    status_code=200,
    response_class=EventStream,
    responses={**_STREAM, **_refusals(402, 403, 404, 409, 413, 422, 429)},
)
async def resume(id: Id, caller: Asking, told: Told, key: StartName = None) -> Response:
    """Do what a stopped run left undone, as a new run, and follow that."""
    name = _key(key, f"resume {id!r}")
    placed = await caller.place(caller.desk.take_up, id, name)
    return _follow(caller, placed, told)


@router.post(
    "/ai/runs/{id}/restore",
    response_model=bodies.RestoredOut,
    responses=_refusals(403, 404, 409, 413, 422),
)
async def restore(id: Id, caller: Asking) -> Any:
    """Put back what a run, and those that resumed it, changed, where nobody has since."""
    return shapes.restored_document(await caller.ask(caller.desk.restore_run, id))


@router.post(
    "/ai/runs/{id}/approve",
    response_model=bodies.RunOut,
    response_model_exclude_unset=True,
    responses=_refusals(402, 403, 404, 409, 413, 422),
)
async def approve(id: Id, caller: Asking) -> Any:
    """Hold the credits of a request and queue its run."""
    await caller.ask(caller.desk.approve, id)
    return await _run_document(id, caller)


@router.post(
    "/ai/runs/{id}/decline",
    response_model=bodies.RunOut,
    response_model_exclude_unset=True,
    responses=_refusals(400, 403, 404, 409, 413, 415, 422),
)
async def decline(id: Id, body: ReasonIn, caller: Asking) -> Any:
    """End a request for a reason, which its editor is told."""
    await caller.ask(caller.desk.decline, id, body.reason)
    return await _run_document(id, caller)


@router.post(
    "/ai/runs/{id}/withdraw",
    response_model=bodies.RunOut,
    response_model_exclude_unset=True,
    responses=_refusals(403, 404, 409, 413, 422),
)
async def withdraw(id: Id, caller: Asking) -> Any:
    """Take a request of one's own back."""
    await caller.ask(caller.desk.withdraw, id)
    return await _run_document(id, caller)


@router.get("/stories", response_model=list[bodies.StoryOut], responses=_refusals())
async def stories(caller: Asking) -> Any:
    """List the stories."""
    return [shapes.summary_document(one) for one in await caller.ask(caller.desk.stories)]


@router.get(
    "/stories/{id}",
    response_model=bodies.StoryDocumentOut,
    responses=_refusals(403, 404, 409, 422),
)
async def story(id: Id, caller: Asking) -> Any:
    """Give a story, whole."""
    # It is known by its id alone: titles are for people.
    try:
        found = await caller.ask(caller.desk.document, id)
    except AmbiguousStory:
        raise UnknownStory(id) from None
    if found["id"] != id:
        raise UnknownStory(id)
    return found


async def _run_document(run_id: str, caller: Caller) -> dict[str, Any]:
    found = await caller.ask(caller.desk.run, run_id)
    return shapes.run_document(found, caller.desk.cost(found))


def _follow(caller: Caller, placed: Placed, told: Telling) -> EventStream:
    # Of a run that is new nobody has seen anything.
    after = 0 if placed.is_new or told.seen is None else told.seen
    return caller.stream(placed.run_id, after, told.form, asks=True)


@contextmanager
def _placing(body: OrderIn) -> Iterator[None]:
    """Has a beat or level that is wrong told with its place in the body."""
    try:
        yield
    except (UnknownBeat, BadLevel) as error:
        raise _placed_in(body, error) from None


def _placed_in(body: OrderIn, error: CascadeError) -> CascadeError:
    for n, change in enumerate(body.changes):
        if isinstance(error, UnknownBeat) and error.fields["beat"] == change.beat_key:
            return _with_field(error, f"changes.{n}.beatKey")
        if isinstance(error, BadLevel) and error.fields["beat"] == change.beat_key:
            name = "newTension" if is_level(change.previous_tension) else "previousTension"
            return _with_field(error, f"changes.{n}.{name}")
    return error


def _with_field(error: CascadeError, field: str) -> CascadeError:
    error.reason = replace(error.reason, fields={**error.fields, "field": field})
    return error


def _seq(last_event_id: str | None) -> int | None:
    if last_event_id is None:
        return None
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 20):
        raise BadField("Last-Event-ID", "it has to be the `id` of an event, a whole number")
    return min(int(last_event_id), LAST_SEQ)


def _key(name: str | None, what: str) -> Key | None:
    if name is None:
        return None
    return Key(name, hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest())


async def _once(found: Sequence[Event]) -> AsyncGenerator[Sequence[Event]]:
    if found:
        yield found
