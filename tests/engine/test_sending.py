"""The sender against a real receiver: down, slow, refusing, and with the sender killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from cascade.engine import sending
from cascade.engine.sending import Pauses, Sender, key_of
from cascade.engine.sending import Receiver as Where
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import outbox
from cascade.store.database import Database
from tests.helpers.observe import wait_for
from tests.helpers.receiver import SECRET, Receiver, listening

ROOT = Path(__file__).parents[2]
SHORT, LONG = Pauses(0.05, 0.4), Pauses(0.3, 5)


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LOOK_S", 0.02)
    # Who stops one has its thread ended, however busy the machine is.
    monkeypatch.setattr(sending, "STOP_PATIENCE_S", 60)


@pytest.fixture
def database(service: Service) -> Database:
    return service.database


def tell(database: Database, count: int) -> list[str]:
    """Puts in so many messages, each in its transaction; their ids in order."""
    for n in range(count):
        with database.write() as session:
            outbox.tell(session, "run.failed", "p", {"n": n})
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id FROM cascade_outbox ORDER BY number")
        return [one[0] for one in rows][-count:]


def waiting(database: Database) -> outbox.Message | None:
    with database.read() as session:
        return outbox.first_waiting(session)


@contextmanager
def sender(database: Database, receiver: Receiver, timeout_s: float = 60) -> Iterator[Sender]:
    where = Where(receiver.url, SECRET)
    one = Sender(database, where, short=SHORT, long=LONG, timeout_s=timeout_s)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def all_taken(database: Database) -> None:
    wait_for(lambda: waiting(database) is None, "all to be taken")


def test_each_is_sent_once_in_order_and_signed(database: Database) -> None:
    ids = tell(database, 5)
    with listening(Receiver()) as receiver, sender(database, receiver):
        all_taken(database)
        more = tell(database, 2)
        all_taken(database)
    assert receiver.ids == receiver.taken == [*ids, *more]
    assert receiver.got[0].keys() == {"id", "type", "at", "projectId", "n"}


def test_a_receiver_that_is_down_gets_all_when_it_is_back(database: Database) -> None:
    with listening(Receiver()) as receiver:
        pass
    ids = tell(database, 3)
    with sender(database, receiver):
        wait_for(lambda: (one := waiting(database)) and one.attempts >= 3, "three tries")
        with listening(receiver):
            all_taken(database)
    assert receiver.ids == ids


@pytest.mark.parametrize("status", [500, 503, 429, 410, 404, 302])
def test_what_is_refused_is_sent_again_before_any_other(database: Database, status: int) -> None:
    ids = tell(database, 2)
    receiver = Receiver(answer=lambda n: status if n <= 3 else 200)
    with listening(receiver), sender(database, receiver):
        all_taken(database)
    assert receiver.ids == [ids[0]] * 4 + [ids[1]]
    pauses = [b - a for a, b in zip(receiver.at, receiver.at[1:4], strict=False)]
    first = SHORT.first_s if status in (500, 503, 429) else LONG.first_s
    assert all(pause >= first * 2**n * 0.9 for n, pause in enumerate(pauses)), pauses


def test_one_that_is_slow_is_asked_again_and_the_id_tells_it(database: Database) -> None:
    """The first answer comes after the second; from then on there is all the time there is."""
    ids = tell(database, 2)
    is_asked_again = threading.Event()

    def slow(n: int) -> int:
        if n == 1:
            one._timeout_s = 60
            assert is_asked_again.wait(60)
        is_asked_again.set()
        return 200

    receiver = Receiver(answer=slow)
    with listening(receiver), sender(database, receiver, timeout_s=0.3) as one:
        all_taken(database)
        wait_for(lambda: len(receiver.taken) == len(receiver.ids), "the slow one")
    # A machine that keeps the receiver waiting has it asked more than once again.
    again = len(receiver.ids) - 1
    assert receiver.ids == [ids[0]] * again + [ids[1]]
    assert again >= 2


def test_a_receiver_that_never_ends_its_answer_holds_nobody_up(database: Database) -> None:
    tell(database, 1)
    with dripping() as (port, _), sender(database, Receiver(port=port), timeout_s=0.3):
        wait_for(lambda: (m := waiting(database)) and m.attempts >= 1, "a try")
    # Nor one who stops in the midst of it, with all the time there is.
    with (
        dripping() as (port, is_asked),
        sender(database, Receiver(port=port), timeout_s=86_400) as one,
    ):
        assert is_asked.wait(60)
        one.stop()
        assert not one._thread.is_alive()


@contextmanager
def dripping() -> Iterator[tuple[int, threading.Event]]:
    """A receiver whose answers go on until it is gone: its port, and whether it was asked."""
    is_asked = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while True:
                connection.sendall(b"H")
                is_asked.set()
                time.sleep(0.05)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], is_asked
        listener.shutdown(socket.SHUT_RDWR)


def test_one_sends_at_a_time(database: Database) -> None:
    receiver = Receiver(answer=lambda _: 200)
    url = database.url.render_as_string(hide_password=False)
    with (
        listening(receiver),
        closing(Database(url)) as other,
        sender(database, receiver),
        sender(other, receiver),
    ):
        ids = tell(database, 20)
        all_taken(database)
    assert receiver.ids == ids


SENDS = """
import os, signal, sys, time
from cascade.engine import sending
from cascade.engine.sending import Receiver, Sender
from cascade.store import outbox
from cascade.store.database import Database

url, where, secret, moment = sys.argv[1:]
sending.LOOK_S = 0.02
if moment == "answered":
    # Between the receiver's answer and the note of it.
    outbox.note_taken = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Sender(Database(url), Receiver(where, secret), timeout_s=60).start()
time.sleep(600)
"""


@pytest.mark.parametrize("moment", ["asked", "answered"])
def test_a_kill_loses_nothing(database: Database, moment: str) -> None:
    url = database.url.render_as_string(hide_password=False)
    ids = tell(database, 3)
    is_known = threading.Event()

    def answer(n: int) -> int:
        if n == 1 and moment == "asked":
            assert is_known.wait(60)
            os.kill(process.pid, signal.SIGKILL)
            return 500
        return 200

    receiver = Receiver(answer=answer)
    with listening(receiver):
        process = subprocess.Popen(
            [sys.executable, "-c", SENDS, url, receiver.url, SECRET, moment], cwd=ROOT
        )
        is_known.set()
        assert process.wait(120) == -signal.SIGKILL
        with sender(database, receiver):
            all_taken(database)
    assert receiver.ids == [ids[0], *ids]


def test_who_executes_sends(database_url: str, tmp_path: Path) -> None:
    """With the settings alone, from a run that fails to the receiver."""
    with listening(Receiver()) as receiver:
        settings = Settings(
            database_url=database_url, webhook_url=receiver.url, webhook_secret=SECRET
        )
        with closing(Service(settings)) as service, service.executing():
            [first, *_] = tell(service.database, 1)
            wait_for(lambda: receiver.ids, "it to come")
    # A receiver that is kept waiting by the machine is asked again.
    assert set(receiver.ids) == {first}


def test_a_secret_may_be_written_in_base64() -> None:
    assert key_of("whsec_c2VjcmV0IGtleQ==") == b"secret key"
    assert key_of("whsec_no base64!") == b"whsec_no base64!"
    assert key_of("plain") == b"plain"


def test_pauses_grow_to_an_end() -> None:
    assert [sending.SHORT.after(n) for n in (0, 1, 2, 8, 9, 99)] == [1, 2, 4, 256, 300, 300]
    assert [sending.LONG.after(n) for n in (0, 1, 6, 99)] == [60, 120, 3600, 3600]
