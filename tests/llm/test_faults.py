"""Every fault of a model server, and what the writer makes of it: one table."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import NamedTuple

import pytest

from cascade.llm.openai import OpenAIWriter
from cascade.llm.provider import ProviderError, RejectedText, Usage
from cascade.story.brief import Brief
from tests.helpers.asking import GOOD, KEY, KEY_ACTION, OLD, STORY, new_model, planted_brief, write
from tests.helpers.model_http import Reply, http
from tests.helpers.model_server import ModelServer

BAD_ID = """Lampu berayun di atas meja dan tidak ada yang menyentuhnya selagi hujan turun terus
    di luar sampai pagi."""


class Fault(NamedTuple):
    """What the server does; the error's code; whether it may be tried again; what it says."""

    reply: Reply
    code: str
    retryable: bool
    says: str
    brief: Brief = KEY_ACTION


def said(text: str) -> Reply:
    return Reply(content=json.dumps({"keyAction": text}))


def script(text: str) -> Reply:
    return Reply(content=json.dumps({"script": text}))


def choice(**fields: object) -> Reply:
    return Reply(raw=http(json.dumps({"id": "x", "model": "m", "choices": [fields]})))


def stream(data: str | bytes) -> Reply:
    return Reply(raw=http(data, content_type="text/event-stream"))


def status(code: int, error: Mapping[str, object] | None = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    shown = dict(error) if error is not None else {"message": f"{KEY} {STORY}", "code": "x"}
    return Reply(status=code, error=shown, headers=named)


QUOTA = {"message": KEY, "code": "insufficient_quota", "type": "insufficient_quota"}
SCRIPT = planted_brief("script")
TROUBLE = "is in trouble"
BROKEN = "cannot be reached, or it broke the connection"
UNUSABLE = "could not be used"
SHORT = "INT. ARCHIVE - NIGHT\n\n" + "The lamp swings over the table. " * 14

FAULTS: dict[str, Fault] = {
    # The server refuses.
    "401": Fault(status(401), "auth", False, "Set OPENAI_API_KEY"),
    "403": Fault(status(403), "permission", False, "CASCADE_MODEL"),
    "404": Fault(status(404), "not_found", False, "CASCADE_MODEL and OPENAI_BASE_URL"),
    "400": Fault(status(400), "bad_request", False, "(400)"),
    "422": Fault(status(422), "bad_request", False, "(422)"),
    "413": Fault(status(413), "too_long", False, "too long for the model"),
    "400 context": Fault(
        status(400, {"code": "context_length_exceeded"}), "too_long", False, "larger context"),
    "400 filter": Fault(status(400, {"code": "content_filter"}), "refused", False, "declined"),
    "408": Fault(status(408), "server_error", True, TROUBLE),
    "409": Fault(status(409), "server_error", True, TROUBLE),
    "429": Fault(status(429), "rate_limit", True, "CASCADE_REQUESTS_PER_MINUTE"),
    "429 with a wish": Fault(status(429, retry_after="7"), "rate_limit", True, "asked too often"),
    "429 quota": Fault(status(429, QUOTA), "quota", False, "no quota left"),
    "402": Fault(status(402), "quota", False, "no quota left"),
    "500": Fault(status(500), "server_error", True, "in trouble (500)"),
    "502": Fault(status(502), "server_error", True, "in trouble (502)"),
    "503": Fault(status(503), "server_error", True, "in trouble (503)"),
    "504": Fault(status(504), "server_error", True, "in trouble (504)"),
    "529": Fault(status(529), "server_error", True, "in trouble (529)"),
    "502 html": Fault(
        Reply(raw=http(f"<html>{STORY}", 502, "text/html")), "server_error", True, TROUBLE),
    "redirect": Fault(Reply(raw=http("", 302)), "redirected", False, "OPENAI_BASE_URL"),
    # The connection fails.
    "reset before headers": Fault(Reply(raw=b"", end="reset"), "connection", True, BROKEN),
    "close before headers": Fault(Reply(raw=b""), "connection", True, BROKEN),
    "no http": Fault(Reply(raw=b"SSH-2.0-x\r\n\r\n"), "connection", True, BROKEN),
    "short body": Fault(Reply(raw=http("x" * 80)[:-40]), "connection", True, BROKEN),
    "error, short body": Fault(Reply(raw=http("x" * 80, 500)[:-40]), "connection", True, BROKEN),
    "stream breaks off": Fault(Reply(cut=5), "connection", True, BROKEN),
    "stream is reset": Fault(Reply(cut=5, end="reset"), "connection", True, BROKEN),
    "stream stalls": Fault(Reply(cut=5, end="stall"), "timeout", True, "CASCADE_TIMEOUT_S"),
    "headers stall": Fault(
        Reply(raw=b"HTTP/1.1 200 OK\r\n", end="stall"), "timeout", True, "within 2 seconds"),
    "nothing comes": Fault(Reply(raw=b"", end="stall"), "timeout", True, "within 2 seconds"),
    "body stalls": Fault(
        Reply(raw=http("x" * 80)[:-40], end="stall"), "timeout", True, "within 2 seconds"),
    # What comes is no chat completion.
    "html": Fault(
        Reply(raw=http(f"<html>{STORY}", content_type="text/html")), "bad_answer", True, UNUSABLE),
    "malformed json": Fault(
        Reply(raw=http('{"id": "x", "choices": [')), "bad_answer", True, UNUSABLE),
    "malformed stream": Fault(stream("data: {oops\n\n"), "bad_answer", True, UNUSABLE),
    "stream of a list": Fault(stream("data: [1]\n\n"), "bad_answer", True, UNUSABLE),
    "no utf-8": Fault(stream(b'data: {"x": "\xff"}\n\n'), "bad_answer", True, UNUSABLE),
    "empty stream": Fault(stream(""), "bad_answer", True, "it was empty"),
    "empty body": Fault(Reply(raw=http("")), "bad_answer", True, UNUSABLE),
    "a string": Fault(Reply(raw=http('"hello"')), "bad_answer", True, UNUSABLE),
    "null": Fault(Reply(raw=http("null")), "bad_answer", True, UNUSABLE),
    "empty choices": Fault(Reply(raw=http('{"choices": []}')), "bad_answer", True, UNUSABLE),
    "odd choices": Fault(Reply(raw=http('{"choices": {"a": 1}}')), "bad_answer", True, UNUSABLE),
    "null choice": Fault(Reply(raw=http('{"choices": [null]}')), "bad_answer", True, UNUSABLE),
    "null message": Fault(choice(message=None, finish_reason="stop"), "bad_answer", True, UNUSABLE),
    "null content": Fault(
        choice(message={"content": None}, finish_reason="stop"), "bad_answer", True, "was empty"),
    "odd content": Fault(
        choice(message={"content": [1]}, finish_reason="stop"), "bad_answer", True, "was empty"),
    "empty content": Fault(Reply(content=""), "bad_answer", True, "was empty"),
    "error with 200": Fault(
        Reply(raw=http(json.dumps({"error": {"message": f"{KEY} {STORY}"}}))),
        "server_error", True, "an error of its own"),
    "401 with 200": Fault(
        Reply(raw=http('{"error": {"message": "x", "code": 401}}')), "auth", False, "(401)"),
    "quota with 200": Fault(
        Reply(raw=http(json.dumps({"error": QUOTA}))), "quota", False, "no quota left"),
    "error in a stream": Fault(
        stream(f'data: {{"error": {{"message": "{KEY}", "code": "429"}}}}\n\n'),
        "rate_limit", True, "asked too often"),
    # The model does not finish.
    "refusal": Fault(
        Reply(content="", message={"refusal": f"No {STORY}."}), "refused", False, "declined"),
    "content filter": Fault(Reply(finish="content_filter"), "refused", False, "declined"),
    "length": Fault(Reply(finish="length"), "truncated", True, "cut off at its length limit"),
    "no finish reason": Fault(
        Reply(content=GOOD[:-9], finish=None), "bad_answer", True, "broke off"),
    "tool call": Fault(
        Reply(content="Calling.", finish="tool_calls"), "bad_answer", True, "another way"),
}  # fmt: skip

# The answer is whole, and its text may not be saved: what of it is kept for the editor.
REJECTED: dict[str, tuple[Reply, str, str, Brief]] = {
    "prose": (
        Reply(content=f"{STORY} goes home."), "no_object", f"{STORY} goes home.", KEY_ACTION),
    "a refusal in prose": (
        Reply(content="I'm sorry, but I can't do that."), "refusal",
        "I'm sorry, but I can't do that.", KEY_ACTION),
    "cut json": (
        Reply(content='{"keyAction": "Mira op'), "no_object", '{"keyAction": "Mira op', KEY_ACTION),
    "only thought": (Reply(content="<think>" + GOOD), "only_thoughts", "", KEY_ACTION),
    "other property": (
        Reply(content='{"plot": "Mira goes."}'), "other_property", "Mira goes.", KEY_ACTION),
    "one too many": (
        Reply(content='{"keyAction": "Mira goes.", "plot": "x"}'), "other_property",
        "Mira goes.", KEY_ACTION),
    "twice": (
        Reply(content='{"keyAction": "Mira goes.", "keyAction": "She."}'), "other_property",
        "Mira goes.", KEY_ACTION),
    "no string": (Reply(content='{"keyAction": ["Mira goes."]}'), "no_text", "", KEY_ACTION),
    "nested": (
        Reply(content='{"answer": {"keyAction": "Mira goes."}}'), "other_property", "",
        KEY_ACTION),
    "half a character": (
        Reply(content='{"keyAction": "Mira \\ud83d goes."}'), "broken_characters",
        "Mira ? goes.", KEY_ACTION),
    "deep": (Reply(content='{"a":' * 9_000), "no_object", '{"a":' * 9_000, KEY_ACTION),
    "empty text": (said("  "), "empty", "", KEY_ACTION),
    "echo": (said(OLD["keyAction"].upper()), "unchanged", OLD["keyAction"].upper(), KEY_ACTION),
    "too many sentences": (
        said(f"One {STORY}. Two here. Three here."), "sentences",
        f"One {STORY}. Two here. Three here.", KEY_ACTION),
    "wrong language": (said(BAD_ID), "language", BAD_ID, KEY_ACTION),
    "no fountain": (script("Mira goes in."), "no_heading", "Mira goes in.", SCRIPT),
    "fenced in the text": (
        script(f"```\n{SHORT}\n```"), "fence", f"```\n{SHORT}\n```", SCRIPT),
    "a stranger": (
        script(f"{SHORT}\n\nBORIS\nGo."), "unknown_speaker", f"{SHORT}\n\nBORIS\nGo.", SCRIPT),
    "cut off": (script(f"{SHORT}And"), "cut_off", f"{SHORT}And", SCRIPT),
    "too short": (
        script("INT. ARCHIVE - NIGHT\n\nRain."), "too_short", "INT. ARCHIVE - NIGHT\n\nRain.",
        SCRIPT),
    "too long": (script(SHORT * 6), "too_long", (SHORT * 6).strip(), SCRIPT),
}  # fmt: skip


def caught(
    server: ModelServer | str, brief: Brief, log: pytest.LogCaptureFixture, timeout_s: float = 60
) -> ProviderError:
    """The error of one call; nothing of key and story is in it, nor in any log."""
    log.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2"):
        log.set_level(logging.INFO, logger=name)
    with pytest.raises(ProviderError) as info:
        write(server, brief, timeout_s=timeout_s)
    error = info.value
    assert error.__context__ is None
    assert error.__cause__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error) + log.text
    for planted in (KEY, STORY, "BORIS"):
        assert planted not in shown
    assert str(error) == error.message
    return error


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_becomes_one_plain_error(name: str, caplog: pytest.LogCaptureFixture) -> None:
    fault = FAULTS[name]
    with ModelServer(behave=lambda _: fault.reply) as server:
        # Only the stalls wait for it.
        error = caught(server, fault.brief, caplog, 2 if fault.code == "timeout" else 60)
        assert server.count == 1, "one attempt a call"
    assert not isinstance(error, RejectedText)
    assert (error.code, error.retryable) == (fault.code, fault.retryable)
    assert fault.says in error.message
    assert error.message.count(".") >= 1
    assert len(error.message) < 250


@pytest.mark.parametrize("name", REJECTED)
def test_a_text_that_fails_a_check_is_kept(name: str, caplog: pytest.LogCaptureFixture) -> None:
    reply, flaw, text, brief = REJECTED[name]
    with ModelServer(behave=lambda _: reply) as server:
        error = caught(server, brief, caplog)
        assert server.count == 1
    assert isinstance(error, RejectedText)
    assert (error.code, error.retryable, error.flaw) == ("bad_output", True, flaw)
    assert error.text == text.strip()
    assert error.why in error.message
    assert error.why in error.complaint
    # Paid for all the same.
    assert error.usage.completion_tokens == 50
    assert error.model
    assert len(error.prompt_hash) == 16


def test_an_endless_answer_is_left(caplog: pytest.LogCaptureFixture) -> None:
    babble = Reply(content='{"keyAction": "' + "Mira. " * 40_000)
    with ModelServer(behave=lambda _: babble) as server:
        error = caught(server, KEY_ACTION, caplog)
        assert isinstance(error, RejectedText)
        assert error.flaw == "endless"
        assert 100_000 < len(error.text) <= 200_000


@pytest.mark.parametrize(
    ("reply", "completion"),
    [
        (Reply(finish="length"), 50),
        (Reply(content="", message={"refusal": "No."}), 50),
        (Reply(content=""), 50),
        (Reply(finish="length", extra={"usage": None}), None),
        (Reply(status=500, error={"message": "x"}), None),
    ],
)
def test_tokens_told_before_a_failure_are_known(
    reply: Reply, completion: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    with ModelServer(behave=lambda _: reply) as server:
        error = caught(server, KEY_ACTION, caplog)
    assert error.usage.completion_tokens == completion
    if completion is None:
        assert error.usage == Usage()
    assert error.model


def test_a_complaint_goes_to_the_model_last_and_changes_nothing_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ModelServer() as server:
        server.answer(1, script(f"{SHORT}\n\nBORIS\nGo."))
        error = caught(server, SCRIPT, caplog)
        assert isinstance(error, RejectedText)
        [(_, answer)] = write(server, SCRIPT, complaint=error.complaint)
        first, second = (call.body["messages"] for call in server.calls)
    assert answer.text.startswith("INT. ARCHIVE - NIGHT")
    assert first[0] == second[0]
    assert second[1]["content"].startswith(first[1]["content"])
    added = second[1]["content"].removeprefix(first[1]["content"])
    assert "not usable" in added
    assert "BORIS" in added
    assert answer.prompt_hash != error.prompt_hash


def test_a_slow_first_token_is_waited_for() -> None:
    with ModelServer(latency=1.0, behave=lambda _: Reply(content=GOOD)) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    assert answer.text == "Mira opens the ledger."


def test_a_burst_and_then_an_answer() -> None:
    with ModelServer(behave=lambda call: Reply(content=GOOD) if call.number > 4 else None) as s:
        for number, code in enumerate((500, 502, 503, 504), 1):
            s.fail(number, code)
        model = new_model()
        for code in (500, 502, 503, 504):
            with pytest.raises(ProviderError, match=str(code)):
                write(s, KEY_ACTION, model=model)
        [(_, answer)] = write(s, KEY_ACTION, model=model)
        assert answer.text == "Mira opens the ledger."
        # A burst is no sign that the server knows less.
        assert {call.format for call in s.calls} == {"json_schema"}


def test_nobody_at_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with ModelServer() as server:
        gone = server.url
    error = caught(gone, KEY_ACTION, caplog)
    assert (error.code, error.retryable) == ("connection", True)
    assert "OPENAI_BASE_URL" in error.message


def test_a_good_call_leaves_nothing_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)  # the libraries too: a root logger may be set so
    secret = "pass-canary"
    brief = replace(planted_brief(), direction=f"{STORY} again")
    with ModelServer() as server:
        url = server.url.replace("http://", f"http://user:{secret}@")
        write(url, brief)
        [call] = server.calls
    assert call.headers["authorization"].startswith("Basic ")
    assert caplog.records, "the libraries did log"
    for planted in (KEY, STORY, secret):
        assert planted not in caplog.text


def test_a_writer_shows_no_key() -> None:
    writer = OpenAIWriter(model="m", api_key=KEY, base_url="http://u:p@host:1/v1", timeout_s=1)
    assert writer.host == "host:1"
    assert KEY not in repr(writer) + str(writer)


def test_an_address_that_cannot_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    for address, code in (("http://host:notaport/v1", "bad_address"), ("http://", "connection")):
        error = caught(address, KEY_ACTION, caplog)
        assert error.code == code


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry_after": "7"}, 7, 7),
        ({"retry_after": "300"}, 300, 300),
        ({"retry_after": "-3"}, 0, 0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5, 1.5),
        ({"retry_after": "in 90 s"}, 0, 90),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_servers_wish_for_a_pause(
    code: int, headers: dict[str, str], low: float, high: float
) -> None:
    # A date tells whole seconds only.
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=90)
    in_90_s = headers["retry_after"] == "in 90 s"
    if in_90_s:
        headers = {"retry_after": format_datetime(then)}
    with (
        ModelServer(behave=lambda _: status(code, None, **headers)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    if in_90_s:
        # Some of it has passed since the server has said it.
        low = (then - datetime.now(UTC)).total_seconds()
    assert caught.value.retry_after is not None
    assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("value", ["soon", "nan", "inf", ""])
def test_no_wish_for_a_pause(value: str) -> None:
    with (
        ModelServer(behave=lambda _: status(429, retry_after=value)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert caught.value.retry_after is None
