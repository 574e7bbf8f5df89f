"""What is looked at before a request is understood: who asks, how much it is, whether it is JSON.

FastAPI reads a body before it asks who has sent it, and takes whatever it can make sense of. Here
the order is the contract's: token, size, kind, form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from cascade.errors import (
    BodyTooLarge,
    NotAuthenticated,
    UnreadableBody,
    WrongMediaType,
)
from cascade.service import Holder, Service

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# A body that is too large is read to its end, so that its sender reads the answer; but not for
# ever.
MOST_READ_IN_VAIN = 64_000_000
LONGEST_TOKEN = 500


class GuardedRoute(APIRoute):
    """A route that takes a good token and, where it takes a body, JSON in bearable length."""

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler behind the guard."""
        handle = super().get_route_handler()
        takes_json = self.body_field is not None

        async def guarded(request: Request) -> Response:
            service: Service = request.app.state.service
            request.state.holder = await holder_of(request, service)
            if request.method == "POST":
                body = await read_body(request, service.settings.most_body_bytes)
                # Read once only: what comes after finds it here.
                request._body = body
                if takes_json:
                    request._json = read_json(body, request.headers.get("content-type"))
            return await handle(request)

        return guarded


async def holder_of(request: Request, service: Service) -> Holder:
    """Who asks. Raises NotAuthenticated."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise NotAuthenticated
    return await service.in_thread(service.holder, token)


async def read_body(request: Request, most: int) -> bytes:
    """The whole body. Raises BodyTooLarge when it has been read."""
    held, read = bytearray(), 0
    try:
        async for piece in request.stream():
            read += len(piece)
            if read <= most:
                held += piece
            elif read > MOST_READ_IN_VAIN:
                break
    except ClientDisconnect:
        raise UnreadableBody("it ends too early") from None
    if read > most:
        raise BodyTooLarge(most)
    return bytes(held)


def read_json(body: bytes, content_type: str | None) -> Any:
    """What a body says that is JSON, by what it says of itself and by what it is.

    Raises WrongMediaType, UnreadableBody.
    """
    kind, _, rest = (content_type or "").lower().partition(";")
    kind = kind.strip()
    charset = rest.partition("charset=")[2].strip().strip('"')
    is_json = kind == "application/json" or (kind.startswith("application/") and "+json" in kind)
    if (kind or body) and not (is_json and charset in ("", "utf-8", "utf8")):
        raise WrongMediaType
    if not body.strip():
        raise UnreadableBody("it is empty")
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number
        )
    except UnicodeDecodeError:
        raise UnreadableBody("it is not UTF-8") from None
    except RecursionError:
        raise UnreadableBody("it is nested too deeply") from None
    except ValueError:
        raise UnreadableBody("it is no JSON") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of two values under one name nobody knows which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableBody("a name stands twice in one object")
    return found


def _no_number(name: str) -> None:
    """Python would take NaN and Infinity, which are no JSON."""
    raise ValueError(name)
