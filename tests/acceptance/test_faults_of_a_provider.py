"""Every fault of a model server, through the whole cascade: one table.

A run of one beat (four steps, 12 credits) meets the fault at one of them. Whatever the server
does, the steps before it are saved and charged, the faulty one is charged only once its text is
saved, nothing else changes by a byte, and resuming does exactly the rest.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from cascade.engine import writing
from cascade.llm import abilities
from cascade.llm.abilities import Abilities
from tests.helpers.checking import completed_keys, plan_document, step_keys
from tests.helpers.model_server import Call, ModelServer, Reply, http, text_for
from tests.helpers.small_run import (
    BEAT,
    PROPERTIES,
    STEPS,
    TIMEOUT_S,
    Case,
    Studio,
    server,
    studio,
)

__all__ = ["server", "studio"]

# What the server does to one call: an answer, or one made for the call and the text it replaces.
Doing = Reply | Callable[[Call, str], Reply]


@dataclass(frozen=True)
class Fault:
    """What the server does, and what comes of it.

    `does`: one entry an attempt at the step of `at`; after the last the server is well again, or
    with `for_good` goes on like that. `ends`: "done", or the code with which the run fails.
    `retries`: how often the call was made again. `reads`: what the editor is told, in the event of
    a retry or as the run's error (nothing where nothing was wrong). `wait`: the announced pause.
    `fields`: what the error's sentence is made of (HOST stands for the server's).
    """

    does: tuple[Doing, ...]
    ends: str
    retries: int
    reads: str
    at: str = "keyAction"
    for_good: bool = False
    wait: float | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def once(*does: Doing, retries: int = 1, reads: str = "", **more: Any) -> Fault:
    """The server is well again after that."""
    return Fault(does, "done", retries, reads, **more)


def always(doing: Doing, ends: str, retries: int, reads: str, **more: Any) -> Fault:
    """The server goes on like that until it is healed."""
    return Fault((doing,), ends, retries, reads, for_good=True, **more)


def status(code: int, name: str = "x", **headers: str) -> Reply:
    error = {"message": "scripted failure", "type": name, "code": name}
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Reply(status=code, error=error, headers=named)


def body(text: str, content_type: str = "application/json") -> Reply:
    return Reply(raw=http(text, content_type=content_type))


def said(call: Call, text: str) -> Reply:
    return Reply(content=json.dumps({call.property: text}))


def good(call: Call) -> str:
    return json.dumps({call.property: text_for(call)})


def slow(call: Call, _: str) -> Reply:
    time.sleep(TIMEOUT_S / 2)
    return Reply()


def echo(call: Call, old: str) -> Reply:
    return said(call, old)


def fenced(call: Call, _: str) -> Reply:
    return Reply(content=f"```json\n{good(call)}\n```")


def thinking(call: Call, _: str) -> Reply:
    return Reply(content=f'<think>Shall I say {{"{call.property}": "no"}}?</think>\n{good(call)}')


def chatty(call: Call, _: str) -> Reply:
    return Reply(content=f"Sure! Here you are: {good(call)} I hope you like it.")


def half_json(call: Call, _: str) -> Reply:
    return Reply(content=good(call)[:-12])


def other_property(call: Call, _: str) -> Reply:
    return Reply(content=json.dumps({"answer": text_for(call)}))


def indonesian(call: Call, _: str) -> Reply:
    flat = "Lampu berayun di atas meja dan tidak ada yang menyentuhnya selagi hujan turun terus"
    return said(call, f"{flat} di luar sampai pagi.")


def no_fountain(call: Call, _: str) -> Reply:
    return said(call, "They talk for a while and then they leave. " * 20)


def unclosed(call: Call, _: str) -> Reply:
    return said(call, text_for(call).rstrip(".") + " and")


DRAFT_WORD = "Sketch"


def drafted(call: Call) -> str:
    """A text that passes every check as well, and that is not the one meant."""
    draft = re.sub("version", DRAFT_WORD, text_for(call), flags=re.IGNORECASE)
    return json.dumps({call.property: draft})


def wrapped(template: str) -> Doing:
    """An answer with a draft before it; DRAFT and FINAL stand for the two objects."""

    def doing(call: Call, _: str) -> Reply:
        return Reply(content=template.replace("DRAFT", drafted(call)).replace("FINAL", good(call)))

    return doing


def ended(reason: str | None) -> Doing:
    return lambda call, _: Reply(content=good(call), finish=reason)


def parts(call: Call, _: str) -> Reply:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": drafted(call)}]},
        {"type": "text", "text": good(call)},
    ]
    choice = {"message": {"content": content}, "finish_reason": "stop"}
    return body(json.dumps({"choices": [choice]}))


def refusing(answered: int, message: str, **fields: Any) -> Reply:
    return Reply(status=answered, error={"message": message, **fields})


def whole_body(code: int, document: object) -> Reply:
    return Reply(raw=http(json.dumps(document), code))


RETRY_INFO = {
    "code": 429,
    "status": "RESOURCE_EXHAUSTED",
    "message": "You exceeded your current quota, please check your plan and billing details.",
    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}],
}
NO_FORM = {
    "message": "Failed to generate JSON. See 'failed_generation'.",
    "code": "json_validate_failed",
    "failed_generation": "temperature, system role, stream",
}
TOO_LONG = "texts of this beat are too long"
NO_QUOTA = "no quota left"
DECLINED = "declined to write"
NO_KEY = "refuses the API key"
LOADING = "still loading the model"
HOST = "the server's"
CUT = "cut off at its length limit"
UNUSABLE = "answer could not be used"
BROKEN = "cannot be reached, or it broke the connection"
NOT_SAVED = "wrote something that cannot be saved"
STALLED = Reply(cut=5, end="stall")
SILENT = Reply(raw=b"", end="stall")

FAULTS: dict[str, Fault] = {
    # The server refuses for now.
    "429": once(status(429), reads="asked too often (429)"),
    "429 with Retry-After": once(
        status(429, retry_after="1"), reads="asked too often (429)", wait=1.0),
    "429 for good": always(
        status(429), "rate_limit", 3, "CASCADE_REQUESTS_PER_MINUTE", fields={"status": 429}),
    "500": once(status(500), reads="in trouble (500)"),
    "502, 503, 504 in a burst": once(
        status(502), status(503), status(504), retries=3, reads="in trouble (504)"),
    "503 for good": always(
        status(503), "server_error", 3, "Try again in a while",
        fields={"cause": "status", "status": 503}),
    "an outage from the plots on": always(
        Reply(raw=b"", end="reset"), "connection", 3, BROKEN, at="plot",
        fields={"host": HOST}),
    # The server refuses for good: asking again would be pointless.
    "401": always(status(401), "auth", 0, "Set OPENAI_API_KEY", fields={"status": 401}),
    "401 at the first call": always(
        status(401), "auth", 0, "refuses the API key", at="beatContent", fields={"status": 401}),
    "403": always(
        status(403), "permission", 0, "Check the key's rights", fields={"status": 403}),
    "404": always(status(404), "not_found", 0, "Check CASCADE_MODEL", fields={"status": 404}),
    "400 context overflow": always(
        status(400, "context_length_exceeded"), "too_long", 0, "larger context", at="script"),
    "429 insufficient_quota": always(
        status(429, "insufficient_quota"), "quota", 0, "no quota left"),
    # The connection is bad.
    "slow first token": once(slow, retries=0),
    "stall in mid-stream": once(STALLED, reads=f"within {TIMEOUT_S} seconds", at="script"),
    "trouble, and then nothing comes": Fault(
        (status(500), status(502), status(503), SILENT), "timeout", 3, "raise CASCADE_TIMEOUT_S",
        fields={"seconds": TIMEOUT_S}),
    "disconnect before headers": once(Reply(raw=b""), reads=BROKEN),
    "reset before headers": once(Reply(raw=b"", end="reset"), reads=BROKEN),
    "disconnect in mid-stream": once(Reply(cut=9), reads=BROKEN, at="script"),
    # What comes is no chat completion.
    "truncated json": once(body('{"id": "x", "choices": [{"mess'), reads=UNUSABLE),
    "malformed json": always(
        body("{oops}"), "bad_answer", 3, UNUSABLE, fields={"cause": "unreadable", "host": HOST}),
    "malformed stream": once(body("data: {oops\n\n", "text/event-stream"), reads=UNUSABLE),
    "html with 200": always(
        body("<html>Hello", "text/html"), "bad_answer", 3, "OPENAI_BASE_URL",
        fields={"cause": "unreadable", "host": HOST}),
    "a list with 200": always(
        body("[]"), "bad_answer", 3, "no chat completion", fields={"cause": "no_completion"}),
    "error body with 200": once(
        body('{"error": {"message": "x"}}'), reads="reported an error of its own"),
    "error body with 200 for good": always(
        body('{"error": "x"}'), "server_error", 3, "an error of its own",
        fields={"cause": "reported"}),
    "quota error with 200": always(
        body('{"error": {"code": "insufficient_quota"}}'), "quota", 0, "then resume"),
    "empty choices": always(
        body('{"choices": []}'), "bad_answer", 3, "it was empty", fields={"cause": "empty"}),
    "empty content": once(Reply(content=""), reads="it was empty"),
    # The model does not write it, or not to the end.
    "refusal field": always(
        Reply(content="", message={"refusal": "No."}), "refused", 0, "Change the beat's direction"),
    "content_filter": always(Reply(finish="content_filter"), "refused", 0, "declined"),
    "half an object and no finish reason": always(
        lambda call, _: Reply(content=good(call)[:-12], finish=None),
        "bad_answer", 3, "broke off", fields={"cause": "broken_off"}),
    "half an object and an odd finish reason": always(
        lambda call, _: Reply(content=good(call)[:-12], finish="tool_calls"),
        "bad_answer", 3, "another way", fields={"cause": "odd_end"}),
    "length": once(Reply(finish="length"), reads=CUT),
    "length for good": always(Reply(finish="length"), "truncated", 3, CUT, at="script"),
    "a refusal in prose": always(
        Reply(content="I'm sorry, but I can't help."), "bad_output", 1, NOT_SAVED,
        fields={"cause": "refusal"}),
    # It writes, in a form of its own.
    "schema ignored, prose around": once(chatty, retries=0),
    "fenced json": once(fenced, retries=0),
    "<think> before the json": once(thinking, retries=0),
    "schema ignored, prose": always(
        Reply(content="They go."), "bad_output", 1, NOT_SAVED, fields={"cause": "no_object"}),
    "schema ignored, other property": once(other_property, reads=NOT_SAVED),
    "answer cut in its json": once(half_json, reads=NOT_SAVED),
    # The last answer counts: thoughts and drafts before it never do.
    "a draft in [THINK]": once(wrapped("[THINK]So: DRAFT[/THINK]FINAL"), retries=0),
    "a draft in a harmony channel": once(wrapped(
        "<|channel|>analysis<|message|>DRAFT<|end|><|start|>assistant<|channel|>final<|message|>"
        "FINAL<|return|>"), retries=0, at="script"),
    "a draft in <|channel>thought": once(
        wrapped("<|channel>thought\nDRAFT<channel|>FINAL"), retries=0),
    "a draft in <thought>": once(wrapped("<thought>DRAFT</thought>FINAL"), retries=0),
    "a draft in <reasoning>": once(wrapped("<reasoning>DRAFT</reasoning>FINAL"), retries=0),
    "a draft in a second <think>": once(
        wrapped("<think>Hm.</think><think>DRAFT</think>FINAL"), retries=0),
    "a thought that quotes its own end": once(
        wrapped("<think>Then </think> and DRAFT? No.</think>FINAL"), retries=0),
    "drafts and a final": once(
        wrapped("Draft 1: DRAFT\n\nDraft 2: DRAFT\n\nFinal: FINAL"), retries=0, at="script"),
    "two objects that differ": once(wrapped("DRAFT\nFINAL"), retries=0),
    "a draft and half a final": once(
        lambda call, _: Reply(content=f"{drafted(call)} Final: {good(call)[:-9]}"),
        reads=NOT_SAVED),
    "nothing but a thought": always(
        wrapped("<think>DRAFT</think>"), "bad_output", 1, "all thinking",
        fields={"cause": "only_thoughts"}),
    # A whole object is a whole answer, whatever reason is given for its end.
    "no finish reason": once(ended(None), retries=0),
    "an empty finish reason": once(ended(""), retries=0),
    "eos": once(ended("eos"), retries=0),
    "end_turn": once(ended("end_turn"), retries=0),
    "STOP": once(ended("STOP"), retries=0, at="script"),
    "tool_calls": once(ended("tool_calls"), retries=0),
    "a whole object at the limit": always(ended("MAX_TOKENS"), "truncated", 3, CUT),
    "a whole object and a filter": always(ended("SAFETY"), "refused", 0, DECLINED),
    "a whole object and an error": always(
        ended("network_error"), "server_error", 3, "an error of its own",
        fields={"cause": "reported"}),
    "content as a list of parts": once(parts, retries=0),
    # What the server found out of form by itself is asked for once more.
    "json_validate_failed": once(Reply(status=400, error=NO_FORM), retries=0),
    "json_validate_failed twice": once(*[Reply(status=400, error=NO_FORM)] * 2, retries=0),
    "json_validate_failed in a stream": once(Reply(extra={"error": NO_FORM}), reads="another way"),
    # Causes told as what they are.
    "a context window in other words": always(
        refusing(500, "Requested tokens (5000) exceed context window of 4096"),
        "too_long", 0, TOO_LONG, at="script"),
    "a prompt too long with 200": always(
        body('{"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}'),
        "too_long", 0, TOO_LONG),
    "a bad key in a list": always(
        whole_body(400, [{"error": {"message": "API key not valid.", "code": 400}}]),
        "auth", 0, NO_KEY, fields={"status": 400}),
    "a bad key in a gateway's error": always(
        refusing(500, "litellm.AuthenticationError: Incorrect API key provided"),
        "auth", 0, NO_KEY, fields={"status": 500}),
    "a balance that is too low": always(
        refusing(400, "Your credit balance is too low"), "quota", 0, NO_QUOTA),
    "a billing code": always(
        refusing(400, "x", code="billing_hard_limit_reached"), "quota", 0, NO_QUOTA),
    "an inspection": always(
        refusing(400, "x", code="data_inspection_failed"), "refused", 0, DECLINED),
    "moderation with 403": always(
        refusing(403, "Your input was flagged by moderation"), "refused", 0, DECLINED),
    "an address that is none": always(
        body('{"error": "Unexpected endpoint or method. (POST /chat/completions)"}'),
        "bad_address", 0, "mostly ends in /v1", fields={"host": HOST}),
    "a redirect to another host": always(
        Reply(status=307, error={}, headers={"location": "http://127.0.0.2:9/v1"}),
        "redirected", 0, "not followed", fields={"host": HOST}),
    # What passes by itself, with the server's wish wherever it says it.
    "429 with a wish in words": once(
        refusing(429, "Rate limit reached. Please try again in 300ms."),
        reads="asked too often (429)", wait=0.3),
    "429 with a renewal": once(
        Reply(status=429, error={}, headers={
            "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "300ms"}),
        reads="asked too often (429)", wait=0.3),
    "429 with RetryInfo": once(
        whole_body(429, [{"error": RETRY_INFO}]), reads="asked too often (429)", wait=0.3),
    "loading": once(refusing(503, "Loading model"), reads=LOADING),
    "loading for good": always(
        whole_body(503, {"error": "Model x is currently loading"}), "server_error", 3, LOADING,
        fields={"cause": "loading"}),
    # What it writes must not be saved.
    "empty text": always(
        lambda call, _: said(call, " "), "bad_output", 1, "empty", fields={"cause": "empty"}),
    "wrong language": always(
        indonesian, "bad_output", 1, "not in English",
        fields={"cause": "language", "language": "en"}),
    "wrong language once": once(indonesian, reads="not in English"),
    "old text echoed": always(echo, "bad_output", 1, "the old one, unchanged", at="plot",
        fields={"cause": "unchanged"}),
    "old script echoed": once(echo, reads="the old one, unchanged", at="script"),
    "a script that is no Fountain": always(
        no_fountain, "bad_output", 1, "scene heading", at="script",
        fields={"cause": "no_heading"}),
    "too long a text": always(
        lambda call, _: said(call, "They wait. " * 300), "bad_output", 1, "words", at="plot",
        fields={"cause": "too_long", "count": 600, "low": 25, "high": 155}),
    "a text cut off": once(unclosed, reads=NOT_SAVED, at="beatContent"),
}  # fmt: skip


def misbehave(server: ModelServer, fault: Fault, old: str) -> list[Call]:
    """Has the server do that; the calls that it did it to."""
    met: list[Call] = []

    def behave(call: Call) -> Reply | None:
        if call.property != fault.at or (len(met) >= len(fault.does) and not fault.for_good):
            return None
        doing = fault.does[min(len(met), len(fault.does) - 1)]
        met.append(call)
        return doing if isinstance(doing, Reply) else doing(call, old)

    server.behave = behave
    return met


on_sqlite = pytest.mark.parametrize("studio", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("studio", ["postgres"], indirect=True)


@on_sqlite
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_costs_no_credit_and_no_word(
    studio: Studio, server: ModelServer, name: str
) -> None:
    check_fault(studio, server, FAULTS[name])


@on_postgres
@pytest.mark.parametrize("name", ["502, 503, 504 in a burst", "a script that is no Fountain"])
def test_nor_on_postgres(studio: Studio, server: ModelServer, name: str) -> None:
    check_fault(studio, server, FAULTS[name])


def check_fault(studio: Studio, server: ModelServer, fault: Fault) -> None:
    """A run that meets the fault, and where it fails another that does the rest."""
    case = Case(studio, {BEAT: 2})
    assert tuple(step.key for step in case.plan.steps) == STEPS
    at = PROPERTIES.index(fault.at)
    met = misbehave(server, fault, case.story.text(STEPS[at]))
    run, events = studio.ended(case.start())
    retries = [event for event in events if event["type"] == "retry"]
    assert [event["attempt"] for event in retries] == list(range(1, fault.retries + 1))
    assert len(met) == (fault.retries + 1 if fault.for_good else len(fault.does))
    if fault.wait is not None:
        assert [event["waitSeconds"] for event in retries] == [fault.wait]
    if fault.ends == "done":
        assert (run.status, run.error) == ("done", None)
        assert (fault.reads in retries[-1]["error"]) if retries else not fault.reads
        case.check_saved(*STEPS)
        assert run.used_credits == run.estimated_credits == 12
        written = json.dumps(studio.service.operator().document(case.story_id))
        assert DRAFT_WORD.lower() not in written.lower(), "a draft was saved"
        return

    saved = STEPS[:at]
    assert (run.status, run.error_code) == ("failed", fault.ends)
    assert fault.reads in str(run.error)
    assert (events[-1]["code"], events[-1]["error"]) == (fault.ends, run.error)
    assert run.used_credits == (0, 3, 5, 8)[at]
    case.check_saved(*saved)
    [failed] = [step for step in run.steps if step.status == "failed"]
    assert (failed.key, failed.error) == (STEPS[at], run.error)
    assert (failed.error_code, failed.error_fields) == (fault.ends, run.error_fields)
    host = server.url.split("/")[2]
    assert run.error_fields == {
        name: host if value == HOST else value for name, value in fault.fields.items()
    }
    assert failed.tokens is not None
    assert failed.tokens.calls == fault.retries + 1, "every attempt counts"
    assert [step.tokens.calls for step in run.steps[:at] if step.tokens] == [1] * at
    assert [step.tokens for step in run.steps[at + 1 :]] == [None] * (len(STEPS) - at - 1)
    assert (fault.ends == "bad_output") or failed.rejected_text is None
    if failed.rejected_text:
        assert failed.rejected_text not in json.dumps(events)
    assert [one.failed_calls + one.rejected_calls for one in run.tokens][-1] == fault.retries + 1

    server.behave = None
    first = server.count
    rest, _ = studio.ended(case.resume())
    assert (rest.status, rest.used_credits) == ("done", 12 - run.used_credits)
    assert server.count - first == len(STEPS) - at, "only what was missing is asked for"
    case.check_saved(*STEPS)


@on_sqlite
def test_a_rejected_text_is_kept_and_may_be_accepted(studio: Studio, server: ModelServer) -> None:
    case = Case(studio, {BEAT: 2})
    misbehave(server, FAULTS["wrong language"], "")
    failed, events = studio.ended(case.start())
    kept = failed.steps[1].rejected_text
    assert kept is not None
    assert kept.startswith("Lampu berayun")
    assert "Lampu" not in json.dumps(events) + str(failed.error)
    complaint = server.calls[-1].prompt.removeprefix(server.calls[-2].prompt)
    assert "not usable" in complaint, "the second time the model is told why"
    case.runs.append(studio.service.desk(studio.actor).accept(failed.id, STEPS[1]))
    run, _ = studio.ended(case.runs[-1])
    assert run.status == "done"
    assert studio.service.operator().story(case.story_id).key_actions[BEAT] == kept
    case.check_saved(*STEPS)


@on_sqlite
def test_a_server_that_knows_nothing_but_text_is_fallen_back_to(
    studio: Studio, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the parts of a request is refused with a 400 in words, and that is remembered."""
    known = (server.url, studio.service.settings.model)
    monkeypatch.setitem(abilities.KNOWN, known, Abilities())
    monkeypatch.setattr(server, "behave", None)
    monkeypatch.setattr(server, "formats", frozenset({"plain"}))
    monkeypatch.setattr(server, "usage_option", False)
    monkeypatch.setattr(server, "streaming", "refused")
    monkeypatch.setattr(server, "no_system", "Only user and assistant roles are supported!")
    names = ("max_completion_tokens", "max_tokens")
    monkeypatch.setattr(server, "refuses", {name: f"Unknown field: {name}" for name in names})
    case, first = Case(studio, {BEAT: 2}), server.count
    run, events = studio.ended(case.start())
    assert run.status == "done"
    assert "retry" not in {event["type"] for event in events}, "it is no fault"
    refused = [call.status for call in server.calls[first:] if call.status != 200]
    assert refused == [400] * 7, "asked about each ability once"
    case.check_saved(*STEPS)


@on_sqlite
def test_what_passes_by_itself_is_waited_for_until_the_time_is_up(
    studio: Studio, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More attempts than for a fault, ever further apart, the last one when the time is up."""
    monkeypatch.setattr(writing, "PASSING_PATIENCE_S", 1.5)
    for reply, code in (
        (status(429), "rate_limit"),
        (refusing(503, "Loading model"), "server_error"),
        # At once, it says, again and again.
        (status(429, retry_after="0"), "rate_limit"),
    ):
        case = Case(studio, {BEAT: 2})
        met = misbehave(server, always(reply, code, 0, ""), "")
        run, events = studio.ended(case.start())
        waits = [event["waitSeconds"] for event in events if event["type"] == "retry"]
        assert (run.status, run.error_code) == ("failed", code)
        assert len(met) == len(waits) + 1
        assert 5 <= len(met) < 12
        assert "tried again" not in str(run.error), "the last sentence promises nothing"
        asked = [call.started for call in met]
        assert 1.4 < asked[-1] - asked[0] < 4
        case.check_saved(STEPS[0])
    # Well again before the time is up: nothing is lost, though it took more than four attempts.
    case = Case(studio, {BEAT: 2})
    misbehave(server, once(*[status(429)] * 5), "")
    run, events = studio.ended(case.start())
    assert run.status == "done"
    assert [event["type"] for event in events].count("retry") == 5
    # What does not pass by itself is given up as ever.
    case = Case(studio, {BEAT: 2})
    met = misbehave(server, always(status(503), "server_error", 3, ""), "")
    run, _ = studio.ended(case.start())
    assert (run.status, len(met)) == ("failed", 4)


@pytest.mark.parametrize("studio", ["sqlite", "postgres"], indirect=True)
def test_what_a_server_says_besides_the_text_is_stored_or_left_out(
    studio: Studio, server: ModelServer
) -> None:
    counts = [
        10**30, -5, 1.5, "x", True, None, [], 2**31, float("nan"),
    ]  # fmt: skip
    for count in counts:
        usage = {
            "prompt_tokens": count,
            "completion_tokens": count,
            "prompt_tokens_details": {"cached_tokens": count},
        }
        named = {"model": f"m\x00\ud83d{'m' * 10_000}", "usage": usage}
        odd = Reply(extra=named, finish=f"\x00\udc00{'s' * 5_000}")
        case = Case(studio, {BEAT: 2})
        misbehave(server, once(odd), "")
        run, _ = studio.ended(case.start())
        assert (run.status, run.error) == ("done", None), count
        case.check_saved(*STEPS)
        model = f"m?{'m' * 198}"
        [used] = [one for one in run.tokens if one.model == model]
        assert (used.calls, used.unknown_calls, used.prompt_tokens) == (1, 1, 0)


@on_sqlite
def test_zeros_in_a_last_chunk_do_not_erase_what_was_used(
    studio: Studio, server: ModelServer
) -> None:
    def behave(call: Call) -> Reply:
        text = {"content": good(call)}
        real = {"prompt_tokens": 120, "completion_tokens": 30}
        zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        chunks = (
            {"choices": [{"delta": text}], "usage": None},
            {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": real},
            {"choices": [], "usage": zeros},
        )
        stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        return body(f"{stream}data: [DONE]\n\n", "text/event-stream")

    case = Case(studio, {BEAT: 2})
    server.behave = behave
    run, _ = studio.ended(case.start())
    server.behave = None
    [used] = run.tokens
    assert (used.prompt_tokens, used.completion_tokens) == (4 * 120, 4 * 30)


@on_sqlite
def test_an_outage_in_the_middle_of_two_beats(studio: Studio, server: ModelServer) -> None:
    """Two scripts at a time meet it; nothing of the second beat is begun."""
    case = Case(studio, {"take": 3, "return": 2})
    keys = [step.key for step in case.plan.steps]
    outage = always(Reply(raw=b"", end="reset"), "connection", 3, BROKEN, at="script")
    misbehave(server, outage, "")
    run, events = studio.ended(case.start())
    assert (run.status, run.error_code) == ("failed", "connection")
    saved = [key for key in keys if key.startswith("take/") and "/script/" not in key]
    # The plots of a beat are written at the same time.
    assert sorted(completed_keys(events, plan_document(case.plan.to_json()))) == sorted(saved)
    assert {event.get("beatKey") for event in events} == {None, "take"}
    case.check_saved(*saved)
    server.behave = None
    rest, events = studio.ended(case.resume())
    assert rest.status == "done"
    assert sorted(step_keys(plan_document(rest.plan.to_json()))) == sorted(set(keys) - set(saved))
    assert run.used_credits + rest.used_credits == case.plan.estimated_credits
    case.check_saved(*keys)


@pytest.mark.parametrize("reply", [STALLED, SILENT], ids=["in mid-stream", "before headers"])
@pytest.mark.parametrize("studio", ["sqlite", "postgres"], indirect=True)
def test_a_cancel_aborts_the_call_in_flight(
    studio: Studio, server: ModelServer, reply: Reply
) -> None:
    case = Case(studio, {BEAT: 2})
    met = misbehave(server, always(reply, "timeout", 0, ""), "")
    before = server.count
    run_id = case.start()
    while not met:
        time.sleep(0.01)
    asked = time.monotonic()
    studio.service.desk(studio.actor).cancel(run_id)
    call = server.wait_for_hang_up(met[0].number, timeout=5)
    assert call.ended is not None
    assert call.ended - asked < 1, "the server sees the connection closed within a second"
    run, events = studio.ended(run_id)
    assert (run.status, events[-1]["type"]) == ("cancelled", "cancelled")
    assert run.used_credits == 3
    case.check_saved(STEPS[0])
    assert server.count == before + 2, "no other call was begun"
