"""Cascade over HTTP: the addresses under `/api`, and those that say how the server is.

On the same service, desks and checks as the page. `Endpoint` is put among the routes of a server
before there is a service, and opened when there is one.
"""

from __future__ import annotations

import re
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from cascade.api import health
from cascade.api.limits import Limits
from cascade.api.routes import router
from cascade.api.statuses import Json, answer_errors
from cascade.service import Service

__all__ = ["Endpoint", "make_app"]

PATH = "/api"
# What stands in no address of ours and in no id that we have made.
_ODD = re.compile(r"[^\w/.-]|\.\.", re.ASCII)


def make_app(service: Service) -> FastAPI:
    """The application on a service, as it is mounted under `/api`."""
    # The documentation's scripts come from here and not from another server.
    app: FastAPI = FastAPIOffline(
        title="Cascade",
        version=version("cascade"),
        description="Bend a screenplay's tension curve; what hangs under it is written again.",
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    settings = service.settings
    app.state.limits = Limits(settings.starts_per_minute, settings.watchers)
    answer_errors(app)
    app.include_router(router)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=["X-Run-Id", "Retry-After"],
        )
    return app


class _Straight:
    """Gives the endpoint at once what the page's server would refuse, in words that are no JSON.

    That server guards files, so it stops a zero byte or two dots in any address.
    """

    def __init__(self, app: ASGIApp, endpoint: ASGIApp) -> None:
        self._app, self._endpoint = app, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope["path"] if scope["type"] == "http" else ""
        is_odd = f"{PATH}/" in path and _ODD.search(path)
        await (self._endpoint if is_odd else self._app)(scope, receive, send)


class Endpoint:
    """An ASGI application that answers as soon as it is opened with a service."""

    def __init__(self) -> None:
        self._service: Service | None = None
        self._app: FastAPI | None = None

    def open(self, service: Service) -> None:
        """Answers from now on."""
        self._service, self._app = service, make_app(service)

    def close(self) -> None:
        """Answers no more."""
        self._service = self._app = None

    def routes(self) -> list[BaseRoute]:
        """What a server puts among its routes."""
        # And below whatever path the server is told to serve the page (`--server.baseUrlPath`).
        mounts = [Mount(PATH, app=self), Mount(f"/{{base:path}}{PATH}", app=self)]
        for one in mounts:
            # Or an address with a line's end in it would be the page's.
            one.path_regex = re.compile(one.path_regex.pattern, re.DOTALL)
        # Without a slash behind it `/api` would be the page's, as every address that nobody knows.
        bare = [Route(path, self) for path in (PATH, f"/{{base:path}}{PATH}")]
        return [*health.routes(lambda: self._service), *bare, *mounts]

    def middleware(self) -> list[Middleware]:
        """What a server puts before whatever looks at addresses by itself."""
        return [Middleware(_Straight, Router(self.routes()))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        answer = self._app or Json(
            {"error": "The server is not ready. Try again in a moment.", "code": "not_ready"}, 503
        )
        await answer(scope, receive, send)
