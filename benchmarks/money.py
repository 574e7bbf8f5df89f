"""What the pages of runs and credits cost with 10,000 runs and 200,000 movements of credits.

Beside them, turn by turn in the same browser, the same pages with the samples and one run. The time
is taken in the browser, from the navigation to the first frame in which the page's table stands.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.page import ROOT, VISITS, print_pair, serving, visit
from cascade.service import MoneyFilter, Service
from cascade.settings import Settings
from cascade.store.database import Session
from cascade.store.ids import new_id
from cascade.store.tables import Base, CreditAccount, CreditEntry, Run, now
from tests.helpers.chromium import chromium

RUNS = 10_000
# Of each run: its hold, its release, and between them one for each step that was saved.
STEPS = (
    "midpoint/beatContent", "midpoint/keyAction",
    *(f"midpoint/scenePlot/{n}" for n in range(1, 9)),
    *(f"midpoint/script/{n}" for n in range(1, 9)),
)  # fmt: skip
PRICE = 3
OVER = timedelta(days=730)
# Of each page what is to stand there, and where it is.
PAGES = {
    "runs": "document.querySelector('.st-key-all-runs table')",
    "credits": "document.querySelector('.st-key-credits [aria-label=Ledger]')",
}


def main() -> None:
    """Prints the medians and their ratios."""
    with (
        tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as many,
        tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as few,
    ):
        fill(Path(many), RUNS)
        fill(Path(few), 1)
        measure_reads(Path(many))
        with (
            chromium() as browser,
            serving(Path(many), "app.py", ROOT) as long,
            serving(Path(few), "app.py", ROOT) as short,
        ):
            for name, done in PAGES.items():
                own, plain = [], []
                for turn in range(VISITS + 1):
                    times = [visit(browser, f"{one}/{name}", done) for one in (long, short)]
                    # The first one also loads what is loaded on demand.
                    if turn:
                        own.append(times[0])
                        plain.append(times[1])
                print_pair(f"{name}, {RUNS:,} runs, ms", own, plain)


def measure_reads(folder: Path) -> None:
    """What the service takes for a page, without a browser."""
    with closing(opened(folder)) as service:
        desk = service.desk(service.actor("producer"))
        since = now() - timedelta(weeks=13)
        for name, ask in (
            ("credits, 13 weeks", lambda: desk.money(since=since)),
            ("credits, all of it", desk.money),
            ("credits, one person", lambda: desk.money(MoneyFilter(user="editor"), since=since)),
            ("runs", desk.all_runs),
            ("statement", desk.statement),
            ("file", lambda: list(desk.ledger_rows())),
        ):
            ask()
            began = time.perf_counter()
            ask()
            print(f"{f'read: {name}, ms':28} {(time.perf_counter() - began) * 1000:7.0f}")


def opened(folder: Path) -> Service:
    """The service on a folder's database."""
    return Service(Settings(database_url=f"sqlite:///{folder}/bench.db", provider="offline"))


def fill(folder: Path, count: int) -> None:
    """Puts so many ended runs into a database of samples, over two years."""
    with closing(opened(folder)) as service:
        actor = service.actor("editor")
        desk = service.desk(actor)
        story = desk.stories()[0]
        beat, level = next(iter(desk.story(story.id).curve.items()))
        run_id = desk.start(desk.plan(story.id, {beat: level % 5 + 1}).plan)
        desk.cancel(run_id)
        with service.database.write() as session:
            put(session, run_id, count)


def put(session: Session, like: str, count: int) -> None:
    """Puts in runs like one, with the movements of their credits, and what they were paid from."""
    run = session.get_one(Run, like)
    account = session.get_one(CreditAccount, run.account_id)
    runs, entries = (Base.metadata.tables[one.__tablename__] for one in (Run, CreditEntry))
    values = {one.name: getattr(run, one.name) for one in runs.columns}
    whole = PRICE * len(STEPS)
    # As if all had been granted at once.
    account.deposited += whole * count
    account.captured += whole * count
    grant = {"kind": "grant", "credits": whole * count, "run_id": None, "step_key": None}
    at = now() - OVER - timedelta(days=1)
    session.execute(entries.insert(), [{"account_id": account.id, "at": at, **grant}])
    rows: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    for n in range(count):
        id_, at = new_id(), now() - OVER + OVER * n / count
        made.append(
            values
            | {"id": id_, "chain_id": id_, "created_at": at, "status": "done"}
            | {"estimated_credits": whole}
        )
        rows += [
            {"account_id": account.id, "run_id": id_, **one, "at": at} for one in movements(whole)
        ]
    session.execute(runs.insert(), made)
    session.execute(entries.insert(), rows)


def movements(whole: int) -> Iterator[dict[str, Any]]:
    """The movements of a run that has used all that it held."""
    yield {"kind": "hold", "credits": whole, "step_key": None}
    for key in STEPS:
        yield {"kind": "capture", "credits": PRICE, "step_key": key}
    yield {"kind": "release", "credits": 0, "step_key": None}


if __name__ == "__main__":
    main()
