"""What a server cannot is found out from its own words, done without, and remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade.llm.provider import ProviderError
from tests.helpers.asking import GOOD, KEY_ACTION, new_model, planted_brief, write
from tests.helpers.model_http import Call, Reply, http
from tests.helpers.model_server import ModelServer

SCRIPT = planted_brief("script")


@pytest.mark.parametrize(
    "said",
    [
        "System role not supported",
        "Only user and assistant roles are supported!",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "'system' is not one of ['user', 'assistant'] - 'messages.0.role'",
        'messages: Unexpected role "system". The Messages API accepts a top-level parameter.',
        "A conversation must start with a user message. Try again.",
        "This model does not support system prompts",
        "Input should be 'user' or 'assistant'",
        "invalid message role",
    ],
)
def test_a_model_without_a_system_role_gets_one_message(said: str) -> None:
    with ModelServer(no_system=said) as server:
        model = new_model()
        write(server, KEY_ACTION, SCRIPT, model=model)
        write(server, KEY_ACTION, model=model)
        roles = [[one["role"] for one in call.body["messages"]] for call in server.calls]
        assert roles == [["system", "user"], ["user"], ["user"], ["user"]]
        refused, taken = (call.body["messages"] for call in server.calls[:2])
        assert taken[0]["content"] == f"{refused[0]['content']}\n\n{refused[1]['content']}"
        assert server.problems == []


def test_nothing_else_is_left_out_for_that() -> None:
    with ModelServer(no_system="System role not supported") as server:
        write(server, KEY_ACTION)
        first, second = (dict(call.body) for call in server.calls)
    del first["messages"], second["messages"]
    assert first == second


def limits(call: Call) -> dict[str, Any]:
    names = ("max_completion_tokens", "max_tokens")
    return {name: call.body[name] for name in names if name in call.body}


@pytest.mark.parametrize(
    ("refuses", "asked"),
    [
        ({}, ["max_completion_tokens"]),
        (
            {"max_completion_tokens": "Unrecognized request argument: max_completion_tokens"},
            ["max_completion_tokens", "max_tokens"],
        ),
        (
            {
                "max_completion_tokens": "Extra inputs are not permitted: max_completion_tokens",
                "max_tokens": "Unsupported parameter: 'max_tokens' is not supported",
            },
            ["max_completion_tokens", "max_tokens", None],
        ),
    ],
)
def test_the_name_of_the_limit_is_learned(refuses: dict[str, str], asked: list[str | None]) -> None:
    with ModelServer(refuses=refuses) as server:
        model = new_model()
        write(server, SCRIPT, SCRIPT, model=model)
        sent = [next(iter(limits(call)), None) for call in server.calls]
    assert sent == [*asked, asked[-1]]


def test_a_limit_has_room_for_the_text() -> None:
    with ModelServer() as server:
        write(server, KEY_ACTION, SCRIPT, planted_brief("beatContent"))
        rooms = [limits(call)["max_completion_tokens"] for call in server.calls]
    # Never less than two and a half times the old text, in tokens, and some for thoughts.
    assert all(room > 2_000 for room in rooms)
    assert rooms[1] > rooms[0]
    assert max(rooms) < 10_000, "a provider counts the limit, not the use"


@pytest.mark.parametrize("known", ["max_tokens", "max_completion_tokens"])
def test_a_small_default_is_overcome(known: str) -> None:
    """A server that says nothing of the name it does not know, and stops early."""
    with ModelServer(limits=[known], small_default=16) as server:
        model = new_model()
        if known == "max_tokens":
            with pytest.raises(ProviderError) as caught:
                write(server, SCRIPT, model=model)
            assert (caught.value.code, caught.value.retryable) == ("truncated", True)
        write(server, SCRIPT, KEY_ACTION, model=model)
        assert [next(iter(limits(call))) for call in server.calls[-2:]] == [known] * 2


def test_a_model_that_thinks_gets_more_room() -> None:
    def behave(call: Call) -> Reply | None:
        room = limits(call)["max_completion_tokens"]
        spent = Reply(content="", finish="length", completion_tokens=room)
        return spent if room < 10_000 else Reply(content=GOOD)

    with ModelServer(behave=behave) as server:
        model = new_model()
        with pytest.raises(ProviderError, match="cut off"):
            write(server, KEY_ACTION, model=model)
        write(server, KEY_ACTION, KEY_ACTION, model=model)
        assert server.count == 3


TOO_MUCH = [
    "max_tokens is too large: 2400. This model supports at most 2048 completion tokens",
    "'max_completion_tokens' is too large: 2424. This model's maximum context length is 1500 "
    "tokens and your request has 900 input tokens",
    "This model's maximum context length is 2048 tokens. However, you requested 2724 tokens (1000 "
    "in the messages, 1724 in the completion). Please reduce the length of the messages.",
    "max_tokens: 4096 > 2048, which is the maximum allowed number of output tokens",
    "`max_completion_tokens` must be less than or equal to `1024`",
]


@pytest.mark.parametrize("said", TOO_MUCH)
@pytest.mark.parametrize("most", [0, 1_000])
def test_a_limit_that_is_too_large_is_lowered(said: str, most: int) -> None:
    def behave(call: Call) -> Reply | None:
        too_much = max(limits(call).values(), default=0) > most
        error = {"message": said, "code": "invalid_request_error"}
        return Reply(status=400, error=error) if too_much else None

    with ModelServer(behave=behave) as server:
        write(server, KEY_ACTION)
        last = limits(server.calls[-1])
        assert bool(last) == bool(most)
        assert server.count == (2 if most else 3)


@pytest.mark.parametrize("status", [401, 402, 403, 429, 503])
def test_what_is_no_refusal_of_a_part_is_not_asked_again(status: int) -> None:
    said = (
        "Exceeded: temperature, max_tokens at most 5, response_format, system role, stream_options"
    )
    error = {"message": said}
    with (
        ModelServer(behave=lambda _: Reply(status=status, error=error)) as server,
        pytest.raises(ProviderError),
    ):
        write(server, KEY_ACTION, temperature=0.5)
    assert server.count == 1


def test_a_prompt_that_is_too_long_is_said_at_once() -> None:
    said = "This model's maximum context length is 4096 tokens. However, your messages have 5000."
    with (
        ModelServer(behave=lambda _: Reply(status=400, error={"message": said})) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert caught.value.code == "too_long"
    assert server.count == 1


def test_a_prompt_that_is_too_long_is_found_out_after_the_limits() -> None:
    error = {"message": TOO_MUCH[2], "code": "context_length_exceeded"}
    with (
        ModelServer(behave=lambda _: Reply(status=400, error=error)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert caught.value.code == "too_long"
    assert server.count == 3


def test_temperature_and_effort_are_sent_where_they_are_set() -> None:
    with ModelServer() as server:
        write(server, KEY_ACTION)
        write(server, KEY_ACTION, temperature=0.0, effort="low")
        plain, wished = (call.body for call in server.calls)
    assert not {"temperature", "reasoning_effort"} & set(plain)
    assert (wished["temperature"], wished["reasoning_effort"]) == (0.0, "low")


@pytest.mark.parametrize(
    ("refuses", "left"),
    [
        (
            {
                "temperature": "Unsupported value: 'temperature' does not support 0.7 with this "
                "model. Only the default (1) value is supported."
            },
            {"reasoning_effort"},
        ),
        ({"reasoning_effort": "Unrecognized request argument: reasoning_effort"}, {"temperature"}),
        ({"reasoning_effort": "reasoning is not supported by this model"}, {"temperature"}),
        (
            {
                "temperature": "`temperature` is deprecated for this model",
                "reasoning_effort": "Unsupported parameter: 'reasoning.effort'",
            },
            set(),
        ),
    ],
)
def test_what_is_refused_is_left_out_and_remembered(
    refuses: dict[str, str], left: set[str]
) -> None:
    with ModelServer(refuses=refuses) as server:
        model = new_model()
        write(server, KEY_ACTION, SCRIPT, model=model, temperature=0.7, effort="low")
        sent = [{"temperature", "reasoning_effort"} & set(call.body) for call in server.calls]
    assert sent[-2:] == [left, left]
    assert len(sent) == 2 + len(refuses)


def test_a_named_field_decides_what_else_is_mentioned_is_advice() -> None:
    said = "Not taken with response_format json_schema. Use 'max_tokens', and no system role."
    error = {"message": said, "param": "temperature", "type": "invalid_request_error"}

    def behave(call: Call) -> Reply | None:
        return Reply(status=400, error=error) if "temperature" in call.body else None

    with ModelServer(behave=behave) as server:
        write(server, KEY_ACTION, temperature=1.0)
        first, second = (dict(call.body) for call in server.calls)
    assert first.pop("temperature") == 1.0
    assert first == second


def test_fields_that_are_named_as_fastapi_does() -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs",
               "input": "json_schema temperature max_tokens"}]  # fmt: skip
    refusal = Reply(raw=http(json.dumps({"detail": detail}), 422))

    def behave(call: Call) -> Reply | None:
        return refusal if "stream_options" in call.body else None

    with ModelServer(behave=behave) as server:
        write(server, KEY_ACTION)
        assert server.count == 2
        assert server.calls[1].format == "json_schema"


NO_FORM: dict[str, Any] = {
    "message": "Failed to generate JSON. Please adjust your prompt. See 'failed_generation'.",
    "type": "invalid_request_error",
    "code": "json_validate_failed",
    "failed_generation": "stream_options temperature system role json_object",
}


@pytest.mark.parametrize("failures", [1, 2, 3, 4])
def test_a_form_that_the_model_does_not_keep_is_loosened(failures: int) -> None:
    """Once more in the same form, then in a looser one."""
    with ModelServer() as server:
        for nth in range(1, failures + 1):
            server.answer(nth, Reply(status=400, error=NO_FORM))
        model = new_model()
        write(server, KEY_ACTION, model=model)
        forms = ["json_schema", "json_schema", "json_object", "json_object", "plain"]
        assert [call.format for call in server.calls] == forms[: failures + 1]
        write(server, KEY_ACTION, model=model)
        assert server.calls[-1].format == forms[failures]


def test_the_same_said_in_a_stream() -> None:
    reply = Reply(extra={"error": NO_FORM})
    with ModelServer() as server:
        model = new_model()
        for nth in (1, 2):
            server.answer(nth, reply)
            with pytest.raises(ProviderError) as caught:
                write(server, KEY_ACTION, model=model)
            assert (caught.value.code, caught.value.retryable) == ("bad_answer", True)
        write(server, KEY_ACTION, model=model)
        assert [call.format for call in server.calls] == ["json_schema"] * 2 + ["json_object"]


def test_one_such_failure_now_and_then_loosens_nothing() -> None:
    with ModelServer() as server:
        model = new_model()
        for _ in range(3):
            server.answer(server.count + 1, Reply(status=400, error=NO_FORM))
            write(server, KEY_ACTION, model=model)
        assert {call.format for call in server.calls} == {"json_schema"}


def test_a_model_that_never_keeps_a_form_fails_with_its_cause() -> None:
    with (
        ModelServer(behave=lambda _: Reply(status=400, error=NO_FORM)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert (caught.value.code, caught.value.retryable) == ("bad_answer", True)
    assert server.count == 5
