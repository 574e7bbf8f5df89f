"""Whether the writer is ready: reached, its key accepted, its model known, its abilities."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace

from cascade.errors import Reason
from cascade.llm.provider import ProviderError
from cascade.llm.structured import AnswerError, Form
from cascade.settings import Settings
from cascade.story.kinds import CASCADE

# Listing models is quick everywhere; a whole call's patience would only keep the editor waiting.
_LONGEST_LISTING_S = 10.0
# Of the kind whose texts are the shortest.
_PROPERTY = next(row.answer for row in CASCADE if row.form == "action")
_ASKED = (
    "This is a test of the connection.",
    "Answer with one JSON object that has exactly one property, "
    f'"{_PROPERTY}", whose value is the one word: ready',
)
# What a failed call says of the key: refused by these, accepted by those; nothing by the rest.
_NOT_ACCEPTED = frozenset({"auth", "permission", "bad_key"})
_ACCEPTED = frozenset({"rate_limit", "quota", "too_long", "refused", "truncated"})
# Failures with which nothing came from the server; with some of them it was not even asked.
_NOT_THERE = frozenset({"connection", "bad_proxy"})
_NOT_REACHED = _NOT_THERE | {"timeout", "bad_key"}
_MOST_NAMED = 5
_WORDS = 20  # what is asked for is one, and a model that thinks has room besides


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found about a writer. None means that it could not be found out.

    `host` has no path and no credentials. `model_known` is None where the server lists no models.
    `form` is how a structured answer is asked for ("plain": by the prompt alone). `latency_ms` is
    one tiny round trip. `problem` is a ProviderError's, or `form_ignored`, or `unknown_model` with
    the `model` and some that are `known`. `label` is set for the writer that is no AI.
    """

    provider: str
    model: str
    host: str | None = None
    reachable: bool | None = None
    key_accepted: bool | None = None
    model_known: bool | None = None
    form: Form | None = None
    streams: bool | None = None
    latency_ms: int | None = None
    problem: Reason | None = None
    label: str | None = None

    @property
    def ready(self) -> bool:
        """True where the writer can be expected to write."""
        return self.problem is None or self.problem.code == "form_ignored"


async def examine(settings: Settings) -> Diagnosis:
    """Looks at the writer of these settings, with at most a few tiny requests. Never raises."""
    if settings.writer == "offline":
        from cascade.llm.offline import OfflineWriter, label

        return Diagnosis("offline", OfflineWriter.model, label=label("en"))
    return await _examine_server(settings)


async def _examine_server(settings: Settings) -> Diagnosis:
    from cascade.llm.openai import OpenAIWriter
    from cascade.llm.prompting import Prompt
    from cascade.llm.replies import Reply

    writer = OpenAIWriter(
        model=settings.model,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        timeout_s=settings.timeout_s,
        temperature=settings.temperature,
        effort=settings.reasoning_effort,
    )
    found = Diagnosis("openai", settings.model, writer.host)
    now = asyncio.get_running_loop().time
    try:
        listed = await writer.models(min(settings.timeout_s, _LONGEST_LISTING_S))
        reply, began, keeps_form = Reply(), now(), True
        try:
            asked = writer.pieces(Prompt(*_ASKED), _PROPERTY, reply, _WORDS)
            async with aclosing(asked) as pieces:
                async for _ in pieces:
                    pass
            await asyncio.to_thread(reply.text, _PROPERTY)
        except AnswerError:
            keeps_form = False
        except Exception as error:
            return _with_failure(found, writer.explain(error), listed)
        took, abilities = round((now() - began) * 1000), writer.abilities
        found = replace(
            found,
            reachable=True,
            key_accepted=True,
            # A server that wrote with it knows it, whatever it lists (Azure's deployments).
            model_known=None if listed is None else True,
            form=abilities.form,
            streams=reply.streamed,
            latency_ms=took,
        )
        return found if keeps_form else _with_form_ignored(found)
    finally:
        await writer.close()


def _with_form_ignored(found: Diagnosis) -> Diagnosis:
    """The same, with a warning that the answer is not in the form that was asked for."""
    return replace(
        found,
        problem=Reason(
            "form_ignored",
            "The model answers, but not in the form that it is asked for, so that many of its "
            "texts will be refused. Use a model that can give structured output "
            "(CASCADE_MODEL).",
        ),
    )


def _with_failure(
    found: Diagnosis, failure: ProviderError, listed: frozenset[str] | None
) -> Diagnosis:
    known = _is_listed(found.model, listed)
    problem = failure.reason
    if listed and failure.code == "not_found" and not known:
        some = sorted(listed)[:_MOST_NAMED]
        problem = Reason(
            "unknown_model",
            f"The model server does not know the model {found.model}. Set CASCADE_MODEL to one "
            f"that it has, for example: {', '.join(some)}.",
            {"model": found.model, "known": some},
        )
    there = listed is not None or failure.code not in _NOT_REACHED
    accepted = failure.code in _ACCEPTED or (failure.code == "not_found" and bool(listed))
    return replace(
        found,
        # Who is only slow may be there.
        reachable=True if there else False if failure.code in _NOT_THERE else None,
        key_accepted=False if failure.code in _NOT_ACCEPTED else True if accepted else None,
        model_known=known,
        problem=problem,
    )


def _is_listed(model: str, listed: frozenset[str] | None) -> bool | None:
    if not listed:
        return None
    # Ollama leaves out ":latest", others a folder.
    return any(
        model in (one, one.removesuffix(":latest"), one.rpartition("/")[2]) for one in listed
    )
