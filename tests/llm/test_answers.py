"""What counts as an answer: its end, its parts, and what of it can be stored."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cascade.llm.openai import OpenAIWriter
from cascade.llm.provider import RejectedText, Usage
from tests.helpers.asking import GOOD, KEY, KEY_ACTION, STORY, new_model, write
from tests.helpers.model_answers import CHUNK, always, events, failure
from tests.helpers.model_http import Reply, http
from tests.helpers.model_server import ModelServer

# -- the end, and the parts of a message


@pytest.mark.parametrize(
    "reason",
    ["stop", "STOP", "eos", "eos_token", "end_turn", "", None, "null", "tool_calls", "COMPLETE",
    "function_call", "stop_sequence", "FINISH_REASON_STOP", "unknown", 1, "\x00", "x" * 10_000],
)  # fmt: skip
@pytest.mark.parametrize("streaming", ["yes", "ignored"])
def test_a_whole_object_is_a_whole_answer(reason: Any, streaming: Any) -> None:
    reply = Reply(content=GOOD, finish=reason)
    with ModelServer(streaming=streaming, behave=lambda _: reply) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    assert answer.text == "Mira opens the ledger."
    assert len(answer.finish_reason) <= 40
    assert answer.finish_reason.isprintable()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("length", "truncated"), ("MAX_TOKENS", "truncated"), ("max_output_tokens", "truncated"),
        ("model_length", "truncated"), ("model_context_window_exceeded", "truncated"),
        ("content_filter", "refused"), ("SAFETY", "refused"), ("PROHIBITED_CONTENT", "refused"),
        ("RECITATION", "refused"), ("sensitive", "refused"), ("refusal", "refused"),
        ("error", "server_error"), ("network_error", "server_error"), ("ABORT", "server_error"),
        ("insufficient_system_resource", "server_error"), ("cancelled", "server_error"),
    ],
)  # fmt: skip
def test_unless_its_reason_says_limit_filter_or_error(reason: str, code: str) -> None:
    with ModelServer(behave=lambda _: Reply(content=GOOD, finish=reason)) as server:
        assert failure(server).code == code


HALF = GOOD[: len(GOOD) // 2]
TEXT = {"type": "text", "text": GOOD}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([TEXT], "Mira opens the ledger."),
        ([{"type": "text", "text": HALF}, {"type": "text", "text": GOOD[len(HALF) :]}], "Mira"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "no"}]}, TEXT], "Mira"),
        ([{"type": "reasoning", "text": '{"keyAction": "A draft of it."}'}, TEXT], "Mira"),
        ([TEXT, {"type": "reasoning", "text": '{"keyAction": "A draft of it."}'}], "Mira"),
        ([{"type": "output_text", "text": GOOD}], "Mira"),
        ([{"text": GOOD}], "Mira"),
        ([{"type": "text", "text": {"value": GOOD}}], "Mira"),
        ([GOOD], "Mira"),
        ([None, 5, {"type": "image"}, TEXT, {"type": "text"}, {"type": "text", "text": 5}], "Mira"),
    ],
)
def test_content_as_a_list_is_its_texts(content: list[object], text: str) -> None:
    for key in ("message", "delta"):
        document = {"choices": [{key: {"content": content}, "finish_reason": "stop"}]}
        reply = events(document) if key == "delta" else Reply(raw=http(json.dumps(document)))
        with ModelServer(behave=always(reply)) as server:
            [(_, answer)] = write(server, KEY_ACTION)
        assert answer.text.startswith(text)


def test_a_refusal_among_the_parts_is_one() -> None:
    document = {
        "choices": [
            {
                "message": {"content": [{"type": "refusal", "refusal": f"No {STORY}."}]},
                "finish_reason": "stop",
            }
        ]
    }
    with ModelServer(behave=lambda _: Reply(raw=http(json.dumps(document)))) as server:
        assert failure(server).code == "refused"


# -- what can be stored


def usage_of(*counts: object) -> Usage:
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    chunks = [{"choices": [{"delta": {"content": GOOD}}]}, last]
    chunks += [{"choices": [], "usage": one} for one in counts]
    with ModelServer(behave=lambda _: events(*chunks, "[DONE]")) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    return answer.usage


REAL = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 9},
}
ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}


@pytest.mark.parametrize(
    "last",
    [
        ZEROS, {}, {"prompt_tokens": 0}, {"prompt_tokens": None, "completion_tokens": None},
        {"completion_tokens": 0, "prompt_tokens_details": None}, {"prompt_tokens": -1}, "none",
        {"prompt_tokens": "many"}, {"prompt_tokens": True}, {"prompt_tokens": 1.5},
    ],
)  # fmt: skip
def test_zeros_in_the_end_do_not_erase_the_real_count(last: object) -> None:
    assert usage_of(REAL, last) == Usage(120, 9, 30)
    assert usage_of(last, REAL) == Usage(120, 9, 30)


def test_a_count_that_grows_is_the_last_one() -> None:
    growing = [{**REAL, "completion_tokens": count} for count in (1, 12, 30)]
    assert usage_of(*growing, ZEROS) == Usage(120, 9, 30)
    assert usage_of(ZEROS) == Usage(0, 0, 0)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("12", 12), ("12.0", 12), ('"12"', 12), ('" 12 "', 12), ("0", 0), ("2147483647", 2**31 - 1),
        ("2147483648", None), ("1" + "0" * 30, None), ("9" * 5_000, None), ("1e9", 10**9),
        ("1e300", None), ("-5", None), ("1.5", None), ("NaN", None), ("Infinity", None),
        ("true", None), ("false", None), ('"x"', None), ('"١٢"', 12), ('"²"', None), ("[]", None),
        ("{}", None), ('"' + "1" * 5_000 + '"', None), ("null", None),
    ],
)  # fmt: skip
def test_a_count_of_tokens_fits_its_column_or_is_unknown(said: str, kept: int | None) -> None:
    usage = (
        f'{{"prompt_tokens": {said}, "completion_tokens": {said}, '
        f'"prompt_tokens_details": {{"cached_tokens": {said}}}}}'
    )
    chunk = json.dumps(CHUNK)[:-1] + f', "usage": {usage}}}'
    for reply in (events(chunk), Reply(raw=http(chunk.replace("delta", "message")))):
        with ModelServer(behave=always(reply)) as server:
            [(_, answer)] = write(server, KEY_ACTION)
        assert answer.usage == Usage(kept, kept, kept)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("gpt", "gpt"), ("m" * 10_000, "m" * 200), ("a\x00b", "ab"), ("\ud83d", "?"),
        ("a\ud83d\ude00b", None), ("a\nb\tc", "a b c"), ("\x1b[31mred", "[31mred"),
        ("", None), ("\x00", None), (" ", None), (5, None), (None, None), (["m"], None),
    ],
)  # fmt: skip
def test_a_model_name_can_be_stored(said: object, kept: str | None) -> None:
    own = new_model()
    with ModelServer(behave=lambda _: events({**CHUNK, "model": said})) as server:
        [(_, answer)] = write(server, KEY_ACTION, model=own)
    answer.model.encode()
    assert answer.model.isprintable()
    if said == "a\ud83d\ude00b":  # the two halves as JSON brings them
        assert answer.model in ("a\U0001f600b", "a??b")
    else:
        assert answer.model == (kept or own)


def test_a_character_that_comes_in_two_halves_is_one() -> None:
    content = json.dumps({"keyAction": "Mira opens the 📒 ledger."}, ensure_ascii=False)
    units = content.encode("utf-16-be", "surrogatepass")
    pieces = [
        units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2)
    ]
    assert any("\ud800" <= piece <= "\udfff" for piece in pieces)
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    with ModelServer(behave=lambda _: events(*chunks, CHUNK_END)) as server:
        [(deltas, answer)] = write(server, KEY_ACTION)
    assert answer.text == "".join(deltas) == "Mira opens the 📒 ledger."


CHUNK_END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


HALVES = {"the first": "\ud83d", "the second": "\ude00", "both, crossed": "\ude00\ud83d"}


@pytest.mark.parametrize("half", [*HALVES, "said to be one"])
def test_half_a_character_is_shown_as_something_and_not_saved(half: str) -> None:
    begin, end = '{"keyAction": "Mira opens ', ' the ledger."}'
    pieces = (begin, HALVES.get(half, "\ufffd"), end)
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    shown: list[str] = []

    async def run(url: str) -> None:
        writer = OpenAIWriter(model=new_model(), api_key=KEY, base_url=url, timeout_s=60)
        try:
            async for part in writer.write(KEY_ACTION):
                shown.append(part.text)  # noqa: PERF401 - what was shown before it failed counts
        finally:
            await writer.close()

    with (
        ModelServer(behave=lambda _: events(*chunks, CHUNK_END)) as server,
        pytest.raises(RejectedText) as caught,
    ):
        asyncio.run(run(server.url))
    assert caught.value.flaw == "broken_characters"
    for text in (*shown, caught.value.text):
        text.encode()
    assert "".join(shown).startswith("Mira opens")
