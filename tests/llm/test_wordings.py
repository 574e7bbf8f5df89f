"""What servers say when they refuse, in their own words, and what it is taken for."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cascade.llm.abilities import Abilities, Wishes
from cascade.llm.pauses import pause_wished
from cascade.llm.prompting import Prompt
from cascade.llm.provider import ProviderError
from cascade.llm.wordings import cause_of, words_of
from tests.helpers.asking import KEY_ACTION, write
from tests.helpers.model_http import Reply, http
from tests.helpers.model_server import ModelServer

WISHES = Wishes(0.5, "low")


def whole(status: int, body: object) -> Reply:
    """A body as it is, without "error" around it."""
    return Reply(raw=http(json.dumps(body), status))


def said(answered: int, message: str, **fields: Any) -> Reply:
    return Reply(status=answered, error={"message": message, **fields})


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}
OVER_QUOTA = "You exceeded your current quota, please check your plan and billing details."
MINUTE = {"@type": "x/QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerMinute"}]}
DAY = {"@type": "x/QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerModel"}]}

REFUSALS: dict[str, tuple[Reply, str]] = {
    # The context window.
    "openai": (said(400, "x", code="context_length_exceeded"), "too_long"),
    "vllm": (
        said(400, "This model's maximum context length is 4096 tokens. However, your request has "
             "5000 input tokens."), "too_long"),
    "llama.cpp": (
        said(400, "the request exceeds the available size", type="exceed_context_size_error"),
        "too_long"),
    "an older llama.cpp": (said(500, "the request exceeds the available context size"), "too_long"),
    "llama-cpp-python": (
        said(500, "Requested tokens (5000) exceed context window of 4096"), "too_long"),
    "tgi": (
        whole(422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be "
                    "<= 4096. Given: 5000 `inputs` tokens"}), "too_long"),
    "lm studio": (
        whole(400, {"error": "Trying to keep the first 5000 tokens when context the overflows. "
                    "However, the model is loaded with context length of only 4096 tokens"}),
        "too_long"),
    "anthropic": (said(400, "prompt is too long: 210000 tokens > 200000 maximum"), "too_long"),
    "google": (
        said(400, "The input token count (1200000) exceeds the maximum number of tokens allowed "
             "(1048576).", status="INVALID_ARGUMENT"), "too_long"),
    "mistral": (
        whole(400, {"object": "error", "message": "Prompt contains 40000 tokens, too large for "
                    "model with 32768 maximum context length", "code": 3051}), "too_long"),
    "bedrock": (whole(400, {"message": "Input is too long for requested model."}), "too_long"),
    "cohere": (whole(400, {"message": "too many tokens: total number of tokens in the prompt"}),
               "too_long"),
    "groq": (
        said(413, "Request too large for model `x` on tokens per minute (TPM): Limit 6000, "
             "Requested 7000", code="rate_limit_exceeded", type="tokens"), "too_long"),
    "openai's largest request": (
        said(429, "Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested "
             "40000.", code="rate_limit_exceeded"), "too_long"),
    "in a stream": (
        Reply(extra={"error": {"message": "prompt is too long", "code": 400}}), "too_long"),
    # The key.
    "google's key": (
        whole(400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT",
                               "message": "API key not valid. Please pass a valid API key.",
                               "details": [{"reason": "API_KEY_INVALID"}]}}]), "auth"),
    "dashscope's key": (
        said(400, "Incorrect API key provided.", code="invalid_api_key"), "auth"),
    "litellm's key": (
        said(500, "litellm.AuthenticationError: AuthenticationError: OpenAIException"), "auth"),
    "openrouter's key": (said(401, "No auth credentials found", code=401), "auth"),
    "a gateway's key": (whole(403, {"message": "Invalid API Key"}), "auth"),
    "a missing key": (
        whole(400, {"detail": "You didn't provide an API key. You need to provide it."}), "auth"),
    "an expired token": (whole(403, {"error": "Unauthorized: expired access token"}), "auth"),
    "with 200": (whole(200, {"error": {"message": "x", "code": "invalid_api_key"}}), "auth"),
    "a key without rights": (said(403, "You do not have access to this project"), "permission"),
    # What it costs.
    "quota": (said(429, OVER_QUOTA, code="insufficient_quota"), "quota"),
    "deepseek": (said(402, "Insufficient Balance"), "quota"),
    "deepseek through a gateway": (said(400, "Insufficient Balance"), "quota"),
    "anthropic's balance": (
        said(400, "Your credit balance is too low to access the API."), "quota"),
    "moonshot": (
        said(429, "Your account x is suspended", type="exceeded_current_quota_error"), "quota"),
    "billing": (said(400, "Limit reached", code="billing_hard_limit_reached"), "quota"),
    "dashscope's arrears": (
        said(400, "Access denied, please make sure your account is in good standing.",
             code="Arrearage"), "quota"),
    "dashscope's free tier": (
        said(403, "The free tier is exhausted", code="AllocationQuota.FreeTierOnly"), "quota"),
    "glm": (said(429, "您的账户余额不足", code="1113"), "quota"),
    "openrouter": (
        said(402, "This request requires more credits, or fewer max_tokens.", code=402), "quota"),
    "google's day": (
        whole(429, [{"error": {"code": 429, "message": OVER_QUOTA, "status": "RESOURCE_EXHAUSTED",
                               "details": [DAY, RETRY_INFO]}}]), "quota"),
    "google's minute": (
        whole(429, [{"error": {"code": 429, "message": OVER_QUOTA, "status": "RESOURCE_EXHAUSTED",
                               "details": [MINUTE, RETRY_INFO]}}]), "rate_limit"),
    "quota in a stream": (
        Reply(extra={"error": {"message": "Insufficient Balance"}}), "quota"),
    # What may not be written.
    "azure": (
        said(400, "The response was filtered due to the prompt triggering Azure OpenAI's content "
             "management policy.", code="content_filter"), "refused"),
    "azure's inner error": (
        said(400, "x", innererror={"code": "ResponsibleAIPolicyViolation"}), "refused"),
    "dashscope": (
        said(400, "Input data may contain inappropriate content.", code="data_inspection_failed"),
        "refused"),
    "dashscope in camels": (said(400, "x", code="DataInspectionFailed"), "refused"),
    "deepseek's risk": (said(400, "Content Exists Risk"), "refused"),
    "openrouter's moderation": (
        said(403, "x/y requires moderation. Your input was flagged", code=403), "refused"),
    "openai's policy": (
        said(400, "Your request was rejected as a result of our safety system.",
             code="content_policy_violation"), "refused"),
    "openai's usage policy": (
        said(400, "Invalid prompt: your prompt was flagged as potentially violating our usage "
             "policy.", code="invalid_prompt"), "refused"),
    "glm's": (said(400, "输入或生成内容可能包含不安全或敏感内容", code="1301"), "refused"),
    "moonshot's": (
        said(400, "The request was rejected because it was considered high risk",
             type="content_filter"), "refused"),
    "a filter in a stream": (
        Reply(extra={"error": {"message": "x", "code": "data_inspection_failed"}}), "refused"),
    # What passes by itself.
    "loading": (said(503, "Loading model", type="unavailable_error", code=503), "server_error"),
    "loading with 200": (whole(200, {"error": {"message": "Loading model", "code": 503}}),
                         "server_error"),
    "hugging face": (
        whole(503, {"error": "Model x/y is currently loading", "estimated_time": 20.0}),
        "server_error"),
    "too many": (whole(429, {"detail": "Too Many Requests"}), "rate_limit"),
    "throttled": (whole(400, {"message": "ThrottlingException: Rate exceeded"}), "rate_limit"),
    "a rate in a stream": (
        Reply(extra={"error": {"message": "x", "code": "rate_limit_exceeded"}}), "rate_limit"),
    # What is not there.
    "ollama": (said(404, 'model "x" not found, try pulling it first'), "not_found"),
    "a model with 400": (said(400, "x", code="model_not_found"), "not_found"),
    "a model's path": (
        said(404, "The model `x` does not exist or you do not have access to it."), "not_found"),
    "openai's address": (said(404, "Invalid URL (POST /v1/v1/chat/completions)"), "bad_address"),
    "lm studio's address": (
        whole(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        "bad_address"),
    # Words that mean none of these.
    "a page": (
        Reply(raw=http("<html>Invalid API key, context length, loading model", 502, "text/html")),
        "server_error"),
    "a text": (Reply(raw=http("upstream connect error", 503, "text/plain")), "server_error"),
    "another 400": (said(400, "Something about tokens"), "bad_request"),
    "an odd body": (whole(400, [[["x"]], None, 5, {"error": {"error": {"error": {}}}}]),
                    "bad_request"),
    "deep": (Reply(raw=http('{"error":' * 5_000, 400)), "bad_request"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_refusal_is_taken_for(name: str) -> None:
    reply, code = REFUSALS[name]
    with ModelServer(behave=lambda _: reply) as server, pytest.raises(ProviderError) as caught:
        write(server, KEY_ACTION)
    error = caught.value
    assert error.code == code, error.message
    passes = code == "rate_limit" or error.fields.get("cause") == "loading"
    assert error.passes == passes
    assert error.retryable == (passes or code == "server_error")


@pytest.mark.parametrize(
    ("path", "reply", "code"),
    [
        ("", whole(404, {"detail": "Not Found"}), "bad_address"),
        ("", Reply(raw=http("404 page not found", 404, "text/plain")), "bad_address"),
        ("", Reply(raw=http("<!doctype html><title>UI", 200, "text/html")), "bad_address"),
        ("", Reply(raw=http("Ollama is running", 200, "text/plain")), "bad_address"),
        ("", Reply(raw=http("", 405)), "bad_address"),
        ("/api", whole(404, {"detail": "Not Found"}), "bad_address"),
        ("", said(404, "model 'x' not found"), "not_found"),
        ("/v1", whole(404, {"detail": "Not Found"}), "not_found"),
        ("/v1beta/openai", whole(404, {}), "not_found"),
        ("", whole(401, {}), "auth"),
        ("", whole(500, {}), "server_error"),
    ],
)
def test_an_address_without_its_version(path: str, reply: Reply, code: str) -> None:
    with ModelServer(behave=lambda _: reply) as server, pytest.raises(ProviderError) as caught:
        write(server.url.removesuffix("/v1") + path, KEY_ACTION)
    assert caught.value.code == code
    if code == "bad_address":
        assert "/v1" in caught.value.message
        assert not caught.value.retryable


def test_the_whole_address_of_the_call_is_taken_too() -> None:
    with ModelServer() as server:
        write(f"{server.url}/chat/completions", KEY_ACTION)
        assert server.count == 1


PAUSES: list[tuple[float, float, dict[str, str], dict[str, Any]]] = [
    (20, 20, {}, {"message": "Rate limit reached. Please try again in 20s. Visit x."}),
    (72.5, 72.5, {}, {"message": "Please try again in 1m12.5s."}),
    (0.35, 0.35, {}, {"message": "Please try again in 350ms."}),
    (360, 360, {}, {"message": "try again in 6m0s"}),
    (37.5, 37.5, {}, {"message": "Quota exceeded. Please retry in 37.5s."}),
    (30, 30, {}, {"message": "Too many requests, retry after 30 seconds"}),
    (5, 5, {}, {"message": "Please wait for 5 seconds"}),
    (37, 37, {}, {"message": "x", "details": [MINUTE, RETRY_INFO]}),
    (7, 7, {}, {"message": "x", "retry_after": 7}),
    (1.5, 1.5, {}, {"message": "x", "metadata": {"retry_after_ms": 1500}}),
    (9, 9, {}, {"message": "x", "metadata": {"headers": {"Retry-After": "9"}}}),
    # Headers: a limit that is used up before one that is not, and the tokens' before the rest.
    (8, 8, {"x-ratelimit-reset-tokens": "8s", "x-ratelimit-reset-requests": "2m59.56s"}, {}),
    (
        179.56,
        179.56,
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "2m59.56s",
            "x-ratelimit-remaining-tokens": "5000",
            "x-ratelimit-reset-tokens": "8s",
        },
        {},
    ),
    (12, 12, {"x-ratelimit-reset": "12"}, {}),
    (12, 12, {"ratelimit-reset": "12"}, {}),
    (0, 31, {"x-ratelimit-reset": "IN 30 S"}, {}),
    (0, 31, {"x-ratelimit-reset": "IN 30 S IN MS"}, {}),
    (0, 31, {"anthropic-ratelimit-requests-reset": "IN 30 S AS A DATE"}, {}),
    # Retry-After comes first.
    (3, 3, {"retry-after": "3", "x-ratelimit-reset": "12"}, {"message": "try again in 20s"}),
]


@pytest.mark.parametrize(("low", "high", "headers", "error"), PAUSES)
@pytest.mark.parametrize("status", [429, 503])
def test_when_to_ask_again(
    status: int, low: float, high: float, headers: dict[str, str], error: dict[str, Any]
) -> None:
    # Some servers tell whole seconds only.
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)
    made = {
        "IN 30 S": str(int(then.timestamp())),
        "IN 30 S IN MS": str(int(then.timestamp() * 1000)),
        "IN 30 S AS A DATE": then.isoformat(),
    }
    named = {name: made.get(value, value) for name, value in headers.items()}
    reply = Reply(status=status, headers=named, error=error or {"message": "x"})
    with ModelServer(behave=lambda _: reply) as server, pytest.raises(ProviderError) as caught:
        write(server, KEY_ACTION)
    if any(value in made for value in headers.values()):
        # Some of it has passed since the server has said it.
        low = (then - datetime.now(UTC)).total_seconds()
    assert caught.value.retry_after is not None
    assert low - 1e-6 <= caught.value.retry_after <= high + 1e-6


@pytest.mark.parametrize(
    "error",
    [
        {"message": "try again in a while"},
        {"message": "try again in 20 more ways"},
        {"message": "x", "retry_after": None},
        {"message": "x", "retry_after": True},
        {"message": "x", "retry_after": [1]},
        {"message": "x", "retryDelay": "soon"},
        {"message": "x", "retry_after": "1e999"},
    ],
)
def test_no_wish_is_made_up(error: dict[str, Any]) -> None:
    with (
        ModelServer(behave=lambda _: Reply(status=429, error=error)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "sign",
    [
        "a", " ", "1", "model ", "token ", "tokens exceed", "balance ", "no a ", "api key ",
        "invalid or ", "violat ", "prompt ", "overflow context ", "system role ", "stream ",
        "reasoning ", "not supported ", "try again ", "retry a ", "1h ", "max_", "param=", "loc=",
        "failed to ", "first message ", "more a a ", "is load",
    ],
)  # fmt: skip
def test_words_without_end_take_no_time(sign: str) -> None:
    body = {"error": {"message": sign * (64_000 // len(sign)), "code": sign * 1_000}}
    start = time.process_time()
    words = words_of(body)
    cause_of(words)
    pause_wished({}, body)
    Abilities().after_refusal(400, words, Abilities().request("m", Prompt("", ""), "p", 9, WISHES))
    assert time.process_time() - start < 1
