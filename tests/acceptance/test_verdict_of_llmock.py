"""What llmock, a server made for it, says of the client: whole runs, and no finding at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.seeded import sqlite_copy
from tests.helpers.small_run import (
    PROPERTIES,
    SHORT_TIMEOUT_S,
    STEPS,
    TIMEOUT_S,
    Case,
    Studio,
    executing,
)

SENTENCE = "The lamp swings over the table and nobody reaches for it while the rain keeps on."

# How often the first step's text is begun or asked for, what the server does, how the run ends.
FAULTS: dict[str, tuple[int, Callable[[Any], object], str | None]] = {
    "well": (1, lambda llmock: None, None),
    "429 with Retry-After": (1, lambda llmock: llmock.rate_limit(times=2, retry_after=1), None),
    "a burst": (1, lambda llmock: llmock.fail(500).fail(502).fail(503), None),
    "outage": (1, lambda llmock: llmock.outage(), "server_error"),
    "401": (1, lambda llmock: llmock.fail(401), "auth"),
    "403": (1, lambda llmock: llmock.fail(403), "permission"),
    "404": (1, lambda llmock: llmock.fail(404), "not_found"),
    "422": (1, lambda llmock: llmock.fail(422), "bad_request"),
    "context overflow": (1, lambda llmock: llmock.context_overflow(), "too_long"),
    "disconnect": (2, lambda llmock: llmock.disconnect(after_chunks=3), None),
    "truncate": (2, lambda llmock: llmock.truncate(after_chunks=3), None),
    "corrupt": (2, lambda llmock: llmock.corrupt(after_chunks=3), None),
    "stall": (2, lambda llmock: llmock.stall(after_chunks=3, seconds=TIMEOUT_S * 2), None),
    "slow first token": (1, lambda llmock: llmock.slow_first_token(1.5), None),
}


@pytest.fixture(scope="module")
def studio(llmock_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    url = sqlite_copy(tmp_path_factory.mktemp("llmock"))
    # Pauses that the judge can see grow.
    with executing(url, llmock_server.base_url("openai"), pause_s=0.4) as studio:
        yield studio


def text_for(case: Case, key: str) -> str:
    """A text that passes the checks, about as long as the one it replaces."""
    count = max(len(case.story.text(key).split()) // len(SENTENCE.split()), 1)
    if key.endswith("/beatContent"):
        half = " ".join([SENTENCE] * max(count // 2, 1))
        return f"{half}\n\n{half}"
    flow = " ".join([SENTENCE] * count)
    return f"INT. OFFICE - DAY\n\n{flow}" if "/script/" in key else flow


@pytest.mark.parametrize("name", FAULTS)
def test_no_finding(studio: Studio, llmock: Any, name: str) -> None:
    begun, fault, ends = FAULTS[name]
    case = Case(studio, {"find": 2})
    for key, name_of_text in zip(STEPS, PROPERTIES, strict=True):
        answer = json.dumps({name_of_text: text_for(case, key)})
        llmock.reply(answer, times=begun if key == STEPS[0] else 1)
    fault(llmock)
    # Of a call to which nothing comes the end is waited for; of no other, on any machine.
    studio.be_patient(SHORT_TIMEOUT_S if name == "stall" else TIMEOUT_S)
    run_id = case.start()
    for event in studio.service.operator().follow(run_id):
        if event["type"] == "retry":
            studio.be_patient(TIMEOUT_S)
    run, _ = studio.ended(run_id)
    assert (run.status, run.error_code) == ("failed" if ends else "done", ends)
    case.check_saved(*(() if ends else STEPS))
    verdict = llmock.verdict()
    assert verdict.calls
    findings = [finding.code for finding in verdict.findings]
    assert findings == [], verdict.render()
