"""Whether the server works, for whoever watches over it: three addresses without a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cascade.api.statuses import Json, misdirected, refusal
from cascade.errors import CascadeError
from cascade.service import LATENCIES_S, Figures, Service

READING = ("GET", "HEAD")


def routes(service: Callable[[], Service | None]) -> list[Route]:
    """The addresses; `service` is None until there is one."""

    async def healthz(_request: Request) -> Response:
        return Json({"alive": True})

    async def readyz(_request: Request) -> Response:
        serving = service()
        there = await serving.in_thread(serving.readiness) if serving else {"database": False}
        is_ready = all(there.values())
        return Json({"ready": is_ready, **there}, 200 if is_ready else 503)

    async def metrics(_request: Request) -> Response:
        serving = service()
        if serving is None:
            return Json({"ready": False}, 503)
        try:
            figures = await serving.in_thread(serving.figures)
        except CascadeError as error:
            return refusal(error)
        registry = CollectorRegistry()
        registry.register(_Figures(figures))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    answers = (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics))
    return [
        Route(f"{base}{path}", _Read(answer))
        for path, answer in answers
        for base in ("", "/{base:path}")
    ]


class _Read:
    """An address that is read only; the router's own refusal would not be JSON."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if request.method in READING:
            response = await self._answer(request)
        else:
            response = misdirected(HTTPException(405, headers={"Allow": ", ".join(READING)}))
        await response(scope, receive, send)


class _Figures(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        figures = self._figures
        runs = GaugeMetricFamily("cascade_runs", "Runs by status.", labels=["status"])
        for status, count in sorted(figures.runs.items()):
            runs.add_metric([status], count)
        steps = GaugeMetricFamily("cascade_steps", "Steps of runs by status.", labels=["status"])
        for status, count in sorted(figures.steps.items()):
            steps.add_metric([status], count)
        credits = GaugeMetricFamily("cascade_credits", "Credits of all accounts.", labels=["kind"])
        for kind, count in figures.credits.items():
            credits.add_metric([kind], count)
        age = GaugeMetricFamily(
            "cascade_queue_age_seconds", "How long the run has waited that waits the longest."
        )
        age.add_metric([], figures.queue_age_s)
        yield from (runs, steps, credits, age)
        yield from self._models()

    def _models(self) -> Iterable[Metric]:
        labels = ["provider", "model", "outcome"]
        latency = HistogramMetricFamily(
            "cascade_model_call_seconds", "How long calls to a writer took.", labels=labels
        )
        retries = CounterMetricFamily(
            "cascade_model_retries", "Calls that were not the first for their text.", labels=labels
        )
        tokens = CounterMetricFamily(
            "cascade_model_tokens", "Tokens that calls have used.", labels=[*labels, "kind"]
        )
        for one in self._figures.models:
            named = [one.provider, one.model, one.outcome]
            buckets = [(str(s), n) for s, n in zip(LATENCIES_S, one.latencies, strict=True)]
            latency.add_metric(named, [*buckets, ("+Inf", one.calls)], one.seconds)
            retries.add_metric(named, one.retries)
            tokens.add_metric([*named, "prompt"], one.prompt_tokens)
            tokens.add_metric([*named, "cached"], one.cached_tokens)
            tokens.add_metric([*named, "completion"], one.completion_tokens)
        yield from (latency, retries, tokens)
