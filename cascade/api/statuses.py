"""What every refusal is over HTTP: one table from an error's code to its status, and one shape."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cascade.errors import BadField, CascadeError, Unexpected

log = logging.getLogger("cascade.api")

STATUS: Mapping[str, int] = MappingProxyType(
    {
        # What cannot be read, or not be taken.
        "bad_identity": 400,
        "unreadable_body": 400,
        "not_authenticated": 401,
        "signed_out": 401,
        "budget_exceeded": 402,
        "insufficient_credits": 402,
        "not_allowed": 403,
        "not_asker": 403,
        "own_request": 403,
        "body_too_large": 413,
        "wrong_media_type": 415,
        "too_many": 429,
        # What is not there for who asks.
        "ambiguous_run": 404,
        "ambiguous_story": 404,
        "unknown_piece": 404,
        "unknown_project": 404,
        "unknown_run": 404,
        "unknown_story": 404,
        "unknown_token": 404,
        "unknown_user": 404,
        # A field that is wrong.
        "ambiguous_scene": 422,
        "bad_document": 422,
        "bad_field": 422,
        "bad_level": 422,
        "bad_name": 422,
        "bad_rule": 422,
        "grant_incomplete": 422,
        "reason_missing": 422,
        "unknown_beat": 422,
        "unknown_structure": 422,
        "usage": 422,
        "wrong_structure": 422,
        # What the story, the run or the account is at this moment.
        "already_decided": 409,
        "not_a_request": 409,
        "request_expired": 409,
        "request_void": 409,
        "cannot_import": 409,
        "correction_too_large": 409,
        "edited_since": 409,
        "key_reused": 409,
        "last_admin": 409,
        "name_taken": 409,
        "not_a_demo": 409,
        "not_resumable": 409,
        "nothing_changed": 409,
        "nothing_to_restore": 409,
        "refused": 409,
        "run_active": 409,
        "source_out_of_date": 409,
        "stale_plan": 409,
        "story_gone": 409,
        "unreadable": 409,
        "unreadable_story": 409,
        "writer_not_allowed": 409,
        # Nothing that a client has sent.
        "bad_product": 500,
        "bad_setting": 500,
        "database": 503,
        "database_away": 503,
        "database_pooled": 503,
        "database_read_only": 503,
        "database_refused": 503,
        "database_too_new": 503,
        "database_unavailable": 503,
        "error": 500,
        "missing_rights": 503,
        "not_written": 503,
        "rows_hidden": 503,
        "schema_gap": 503,
        "unexpected": 500,
    }
)
# Where the database is away.
AGAIN_S = 5


class Json(JSONResponse):
    """JSON in ASCII: a text may hold halves of characters, which UTF-8 does not know."""

    def render(self, content: Any) -> bytes:
        """The document as bytes."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def refusal(error: CascadeError) -> Response:
    """An error as the answer that a client gets."""
    status = STATUS.get(error.code, 500)
    body: dict[str, Any] = {"error": error.message, "code": error.code}
    if "field" in error.fields:
        body["field"] = error.fields["field"]
    if "run" in error.fields and error.code in ("run_active", "key_reused"):
        body["runId"] = error.fields["run"]
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="cascade"'
    if status == 429:
        headers["Retry-After"] = str(error.fields["after"])
    if status == 503:
        headers["Retry-After"] = str(AGAIN_S)
    return Json(body, status, headers)


def bad_field(error: RequestValidationError) -> BadField:
    """What is wrong with a request that has another form, of its first fault; repeats no value."""
    first = error.errors()[0]
    place = [str(one) for one in first["loc"]]
    # Where it stands is told for bodies only: a parameter or header is known by its name.
    name = ".".join(place[1:]) or place[0]
    why = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return BadField(name, why[:1].lower() + why[1:])


def misdirected(error: HTTPException) -> Response:
    """What the framework refuses before any of our addresses is reached, in the same shape."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    said = {404: "There is nothing at this address.", 405: "This address takes other methods."}
    words = f"{said.get(error.status_code, str(error.detail))} `/api/docs` lists what there is."
    return Json({"error": words, "code": code}, error.status_code, error.headers)


def answer_errors(app: FastAPI) -> None:
    """Has an application answer every error in that shape, those of the framework too."""

    async def expected(_request: Request, error: Exception) -> Response:
        assert isinstance(error, CascadeError)
        return refusal(error)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return refusal(bad_field(error))

    async def other(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return misdirected(error)

    async def unexpected(_request: Request, error: Exception) -> Response:
        log.error("a request failed: %s", type(error).__name__, exc_info=error)
        return refusal(Unexpected(error))

    app.add_exception_handler(CascadeError, expected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, other)
    app.add_exception_handler(Exception, unexpected)
