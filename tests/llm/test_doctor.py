"""What `examine` finds out about a writer."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import pytest

from cascade.llm.doctor import Diagnosis, examine
from cascade.settings import Settings
from tests.helpers.model_http import Reply, http
from tests.helpers.model_server import ModelServer

KEY = "sk-canary-0815"
_models = itertools.count()


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a while is no server without a list."""
    monkeypatch.setattr("cascade.llm.doctor._LONGEST_LISTING_S", 60.0)


def code_of(found: Diagnosis) -> str | None:
    return found.problem.code if found.problem else None


def diagnose(url: str, model: str | None = None, timeout_s: float = 60) -> Diagnosis:
    settings = Settings(
        provider="openai",
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=url,
        model=model or f"d{next(_models)}",
        timeout_s=timeout_s,
    )
    found = asyncio.run(examine(settings))
    assert KEY not in repr(found)
    return found


def test_a_server_in_order() -> None:
    with ModelServer() as server:
        server.models = ["other", "mine"]
        start = time.monotonic()
        found = diagnose(server.url, "mine")
        took_ms = (time.monotonic() - start) * 1000
        assert server.count == 1, "one tiny round trip"
        port = server.url.split(":")[-1].removesuffix("/v1")
    assert found.latency_ms is not None
    assert 0 <= found.latency_ms <= took_ms + 1
    assert found == Diagnosis(
        provider="openai",
        model="mine",
        host=f"127.0.0.1:{port}",
        reachable=True,
        key_accepted=True,
        model_known=True,
        form="json_schema",
        streams=True,
        latency_ms=found.latency_ms,
    )
    assert found.ready


@pytest.mark.parametrize("form", ["json_object", "plain"])
def test_what_the_server_can_do(form: str) -> None:
    formats = ("plain", form)
    with ModelServer(formats=formats, streaming="ignored") as server:
        found = diagnose(server.url)
    assert (found.form, found.streams, found.ready) == (form, False, True)
    assert found.model_known is None, "it lists no models"


def test_a_form_that_is_accepted_and_not_kept() -> None:
    with ModelServer(behave=lambda _: Reply(content="I am ready.")) as server:
        found = diagnose(server.url)
    assert (found.reachable, found.form, code_of(found)) == (True, "json_schema", "form_ignored")
    assert "CASCADE_MODEL" in str(found.problem)
    assert found.ready


def error(status: int, code: str = "x") -> Reply:
    return Reply(status=status, error={"message": f"{KEY} is bad", "code": code})


@pytest.mark.parametrize(
    ("reply", "code", "reachable", "accepted"),
    [
        (error(401), "auth", True, False),
        (error(403), "permission", True, False),
        (error(404), "not_found", True, None),
        (error(429), "rate_limit", True, True),
        (error(429, "insufficient_quota"), "quota", True, True),
        (error(500), "server_error", True, None),
        (Reply(raw=http("<html>", content_type="text/html")), "bad_answer", True, None),
        (error(400, "invalid_api_key"), "auth", True, False),
        (error(400, "data_inspection_failed"), "refused", True, True),
        (error(503, "model_is_loading"), "server_error", True, None),
        (
            Reply(status=307, error={}, headers={"location": "http://127.0.0.2:9/"}),
            "redirected",
            True,
            None,
        ),
        (Reply(raw=b"", end="reset"), "connection", False, None),
        (Reply(raw=b"", end="stall"), "timeout", None, None),
    ],
)
def test_a_server_in_trouble(
    reply: Reply, code: str, reachable: bool, accepted: bool | None
) -> None:
    with ModelServer(behave=lambda _: reply) as server:
        found = diagnose(server.url, timeout_s=1 if code == "timeout" else 60)
    assert (code_of(found), found.reachable, found.key_accepted) == (code, reachable, accepted)
    assert (found.form, found.streams, found.latency_ms) == (None, None, None)
    assert len(str(found.problem)) > 40
    assert not found.ready


def test_a_model_that_the_server_does_not_have() -> None:
    with ModelServer(behave=lambda _: error(404)) as server:
        server.models = ["large", "small:latest"]
        found = diagnose(server.url, "missing")
        assert (found.model_known, found.key_accepted) == (False, True)
        assert "large, small:latest" in str(found.problem)
        assert diagnose(server.url, "small").model_known is True


def test_an_address_without_its_version() -> None:
    with ModelServer(behave=lambda _: error(404)) as server:
        found = diagnose(server.url.removesuffix("/v1"))
    assert (code_of(found), found.reachable) == ("bad_address", True)
    assert "/v1" in str(found.problem)
    assert not found.ready


def test_the_settings_of_a_call_are_tried_and_what_is_refused_is_left_out() -> None:
    with ModelServer(
        no_system="System role not supported", refuses={"temperature": "no temperature"}
    ) as server:
        settings = Settings(
            provider="openai",
            OPENAI_BASE_URL=server.url,
            temperature=0.2,
            reasoning_effort="low",
        )
        found = asyncio.run(examine(settings))
        assert (found.ready, code_of(found)) == (True, None)
        assert server.calls[0].body["temperature"] == 0.2
        assert server.calls[-1].body["reasoning_effort"] == "low"
        assert "temperature" not in server.calls[-1].body


def test_a_thought_before_the_answer_is_no_fault_of_the_form() -> None:
    reply = Reply(content='[THINK]{"keyAction": "x"}[/THINK]{"keyAction": "ready"}')
    with ModelServer(behave=lambda _: reply) as server:
        assert code_of(diagnose(server.url)) is None


def test_a_listing_that_is_none() -> None:
    with ModelServer() as server:
        for body in ("[]", "<html>", '{"data": [1]}', '{"data": null}', ""):
            server.models_raw = http(body)
            assert diagnose(server.url).model_known is None


def test_nobody_there() -> None:
    with ModelServer() as server:
        gone = server.url
    found = diagnose(gone)
    assert (found.reachable, found.key_accepted, code_of(found)) == (False, None, "connection")


def test_no_credentials_are_shown() -> None:
    with ModelServer() as server:
        found = diagnose(server.url.replace("http://", "http://user:secret-canary@"))
        assert found.ready
        assert "secret-canary" not in json.dumps(repr(found))
        assert "user" not in str(found.host)


def test_the_offline_writer_is_fine_and_says_what_it_is() -> None:
    found = asyncio.run(examine(Settings(provider="offline")))
    assert found.ready
    assert found.provider == "offline"
    assert found.label == "offline draft: a pacing edit, not AI"
    assert (found.problem, found.host, found.form) == (None, None, None)
