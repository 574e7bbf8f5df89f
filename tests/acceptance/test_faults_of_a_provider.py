"""Every fault of a model server, through the whole cascade: one table.

A run of one beat (four steps, 12 credits) meets the fault at one of them. Whatever the server
does, the steps before it are saved and charged, the faulty one is charged only once its text is
saved, nothing else changes by a byte, and resuming does exactly the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from cascade.engine import writing
from cascade.llm import abilities
from cascade.llm.abilities import Abilities
from cascade.llm.provider import ProviderError
from tests.helpers.checking import completed_keys, plan_document, step_keys
from tests.helpers.model_http import Call, Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.observe import tell
from tests.helpers.provider_faults import (
    BROKEN,
    DRAFT_WORD,
    FAULTS,
    HOST,
    SILENT,
    STALLED,
    Fault,
    always,
    body,
    good,
    once,
    refusing,
    status,
)
from tests.helpers.small_run import (
    BEAT,
    PROPERTIES,
    SHORT_TIMEOUT_S,
    STEPS,
    TIMEOUT_S,
    Case,
    Studio,
    server,
    studio,
)

__all__ = ["server", "studio"]


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


def hurried(
    studio: Studio, behave: Callable[[Call], Reply | None] | None, fault: Fault, met: list[Call]
) -> Callable[[Call], Reply | None]:
    """As `behave`; and the client has little patience with the calls that come to nothing alone.

    With each call it is told how much it has with the next: no other runs out of it, also where the
    machine keeps it waiting.
    """

    def hurry(call: Call) -> Reply | None:
        reply = behave(call) if behave is not None else None
        at, fault_at = (PROPERTIES.index(one) for one in (call.property, fault.at))
        is_next = at == fault_at or at + 1 == fault_at
        left = fault.does[len(met) :] or (fault.does[-1:] if fault.for_good else ())
        stalls = is_next and bool(left) and isinstance(left[0], Reply) and left[0].end == "stall"
        studio.be_patient(SHORT_TIMEOUT_S if stalls else TIMEOUT_S)
        return reply

    return hurry


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
    server.behave = hurried(studio, server.behave, fault, met)
    run, events = studio.ended(case.start())
    studio.be_patient(TIMEOUT_S)
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
    let_pass_what_is_waited(monkeypatch)
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
        # Each is said to a tenth of a second.
        assert 1.5 - 0.05 * len(waits) <= sum(waits) < 4
        assert met[-1].started - met[0].started > 0.9 * sum(waits), "they are waited for"
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


def let_pass_what_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has time go on by the pauses between attempts alone: no call takes any, on any machine."""
    at, wait_after = 0.0, writing._Attempts.wait_after

    def wait(attempts: writing._Attempts, error: ProviderError) -> float | None:
        nonlocal at
        wait_s = wait_after(attempts, error)
        at += wait_s or 0.0
        return wait_s

    monkeypatch.setattr(writing._Attempts, "wait_after", wait)
    monkeypatch.setattr(writing, "time", SimpleNamespace(monotonic=lambda: at))


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
    call = server.wait_for_hang_up(met[0].number, timeout=60)
    assert call.ended is not None
    tell(f"the server saw the connection closed after {call.ended - asked:.2f} s")
    assert call.ended - asked < TIMEOUT_S / 2, "long before the call's own patience is over"
    run, events = studio.ended(run_id)
    assert (run.status, events[-1]["type"]) == ("cancelled", "cancelled")
    assert run.used_credits == 3
    case.check_saved(STEPS[0])
    assert server.count == before + 2, "no other call was begun"
