"""Everything that a model's server may do wrong, and what must come of each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.helpers.model_http import Call, Reply, http
from tests.helpers.model_server import text_for
from tests.helpers.small_run import TIMEOUT_S

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
    time.sleep(1.5)
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
    # The connection is bad. What is told of it is the patience that the client has with others.
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
