"""One run in full: what was planned, who decided it, when each step was written, what it cost."""

from __future__ import annotations

import streamlit as st

from cascade.errors import UnknownRun
from cascade.service import Asked, Desk, RunInFull, RunRecord, elapsed_s
from cascade.story.plan import Plan
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.changes import as_list, texts_of
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import failure
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import clock, count, moment, text
from cascade.ui.kit.writer import writer_words
from cascade.ui.run.receipt import parts_of, used_words
from cascade.ui.runs.timeline import draw_attempts, draw_steps

# How often it is looked whether a run that has not ended has anything new to tell.
LOOK_S = 2.0


def draw_run(desk: Desk, run_id: str) -> None:
    """The run that the address names; that there is none where it is not there for the reader."""
    with st.container(key="one-run"):
        st.html(render("runs/back"))
        try:
            found = desk.run_in_full(run_id)
        except UnknownRun as error:
            session.show_error(error)
            return
        _draw(found)
    run = found.record.run
    if not run.has_ended:
        last = found.record.last_seq
        session.redraw_when(lambda: bool(desk.events(run.id, last)), LOOK_S)


def _draw(found: RunInFull) -> None:
    record = found.record
    run = record.run
    st.header(escape(found.title or text("allruns.gone")), anchor=False)
    _draw_head(found)
    if run.failure:
        st.error(escape(failure(run.failure)), icon=":material/error:")
    st.subheader(text("run.receipt"), anchor=False)
    _draw_receipt(found)
    st.subheader(text("record.plan"), anchor=False)
    _draw_plan(record)
    if record.requests or run.note:
        st.subheader(text("record.request" if record.requests else "record.note"), anchor=False)
        _draw_requests(record)
    st.subheader(text("record.steps"), anchor=False)
    if len(run.chain.parts) > 1:
        st.caption(text("record.of_part", number=_number(record), total=len(run.chain.parts)))
    draw_steps(record, is_there=found.title is not None)
    st.subheader(text("record.attempts"), anchor=False)
    draw_attempts(record)


def _draw_head(found: RunInFull) -> None:
    """What became of it, who started it and when, how long it took; and where else it is shown."""
    record = found.record
    run = record.run
    facts = [run.display_name or run.user, moment(run.created_at, session.zone())]
    took = elapsed_s(run, record.read_at)
    if took is not None:
        key = "run.elapsed" if run.is_active else "run.took"
        facts.append(text(key, time=clock(took)))
    ways = []
    if found.title is not None:
        ways.append((address.of_run(run.story_id, run.id), text("record.story")))
        if run.chain.saved:
            ways.append((address.of_text(run.story_id, run.id), text("record.review")))
    restored = run.chain.restored_at is not None
    st.html(
        render(
            "runs/head",
            status=run.status,
            state=text(f"runs.state.{'restored' if restored else run.status}"),
            facts=facts,
            id=run.id,
            ways=[{"address": to, "words": words} for to, words in ways],
        )
    )


def _draw_receipt(found: RunInFull) -> None:
    """Credits, tokens and money, of the whole chain; its parts, each a way to it."""
    record = found.record
    chain = record.run.chain
    figures = [
        (text("run.estimated"), chain.estimated_credits),
        (text("credits.held"), chain.held_credits),
        (text("run.used"), chain.used_credits),
        (text("run.released"), chain.released_credits),
    ]
    parts = parts_of(record.run, address.of_record)
    st.html(render("runs/receipt", figures=figures) + render("run/parts", parts=parts))
    if record.tokens:
        st.caption(escape(used_words(record.tokens, found.cost)))


def _draw_plan(record: RunRecord) -> None:
    """What the chain was to change and to write, and who writes it; then what this part of it."""
    run = record.run
    whole = run.chain.plan
    st.html(as_list(whole.changes))
    words = [_sum(whole), *(count(f"confirm.{kind}", n) for kind, n, _ in whole.price_list())]
    writer = writer_words("run.writer", run.provider, run.model)
    if run.server is not None:
        writer = f"{writer} {text('approvals.server', server=run.server)}"
    st.caption(escape(" · ".join(words)))
    st.caption(escape(writer))
    if run.plan != whole:
        st.caption(escape(text("record.this_part", plan=_sum(run.plan))))


def _sum(plan: Plan) -> str:
    return f"{texts_of(plan)}, {count('credits', plan.estimated_credits)}"


def _draw_requests(record: RunRecord) -> None:
    for asked in record.requests:
        _draw_request(asked)
    if not record.requests:
        plain = {"who": "", "comments": [], "decided": "", "resumes": ""}
        st.html(render("runs/request", note=record.run.note or "", **plain))


def _draw_request(asked: Asked) -> None:
    """Who asked for what reason, what was said of it, and what it came to."""
    zone = session.zone()
    who = text("record.asked", user=asked.display_name, when=moment(asked.asked_at, zone))
    comments = [
        text("approvals.comment", user=one.by, when=moment(one.at, zone), words=one.text)
        for one in asked.comments
    ]
    decided = text("record.undecided")
    if asked.decision is not None and asked.decided_at is not None:
        when = moment(asked.decided_at, zone)
        decided = text(f"record.decided.{asked.decision}", user=asked.decided_by or "", when=when)
        if asked.failure is not None:
            decided = f"{decided} {_why(asked)}"
    st.html(
        render(
            "runs/request",
            who=f"{who} {text(f'approvals.why_{asked.cause}')}",
            note=asked.note or "",
            comments=comments,
            decided=decided,
            resumes=address.of_record(asked.rest.resumes) if asked.rest is not None else "",
        )
    )


def _why(asked: Asked) -> str:
    """Why it was rejected: what was said to it, or what has changed since."""
    assert asked.failure is not None
    said: object = asked.failure.fields.get("said")
    return f"“{said}”" if said else failure(asked.failure)


def _number(record: RunRecord) -> int:
    """Which part of its chain a run is."""
    return [part.id for part in record.run.chain.parts].index(record.run.id) + 1
